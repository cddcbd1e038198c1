import { binary } from '../../src/rpc/binary.ts'
import { bidiStream, clientStream, method, oneWay, serverStream, service } from '../../src/rpc/contract.ts'
import { jsonRpc } from '../../src/rpc/json-rpc.ts'
import type { RpcContext, RpcPeer } from '../../src/rpc/peer.ts'
import { RpcError } from '../../src/rpc/rpc-error.ts'
import type { RpcWire } from '../../src/rpc/wire.ts'
import type { VirtualHost } from '../../src/testing/virtual-host.ts'
import type { Flow, Item, RpcCall } from './rpc-call.ts'
import type { RpcWireName } from './rpc-plan.ts'
import type { World } from './world.ts'

/** Which call it is: all else is in the ledger. */
export interface Job {
  readonly call: number
}

/** What both ends serve, and call. */
export const Work = service('work', {
  run: method<Job, number>(),
  safe: method<Job, number>({ idempotent: true }),
  tell: oneWay<Job>(),
  items: serverStream<Job, Item>(),
  sum: clientStream<Item, number>(),
  echo: bidiStream<Item, Item>(),
})

export const WIRES: Readonly<Record<RpcWireName, () => RpcWire>> = {
  binary: () => binary(),
  'json-rpc': () => jsonRpc({ cancelMethod: '$/cancelRequest' }),
}

/** Streams have no argument that could say whose they are. */
export const CALL_METADATA = 'call'
/** Late by the clock's own grain, and by the turn in which it is found out. */
const DEADLINE_SLACK_MS = 100
const REST_MS = 5

/** A handler that runs. */
interface Handling {
  readonly call: RpcCall
  readonly context: RpcContext
  readonly dueAt: number
}

/** What a workshop knows of the world around it. */
export interface WorkshopSurroundings {
  readonly world: World
  readonly host: VirtualHost
  /** The call of this number, whoever made it. */
  callOf(id: number): RpcCall | undefined
  /** The handler of `call` calls its caller back, who may do the same. */
  callBack(call: RpcCall, context: RpcContext): Promise<unknown>
}

/** The handlers of one process, and those of them that run. */
export class Workshop {
  readonly #around: WorkshopSurroundings
  readonly #running = new Set<Handling>()

  constructor(around: WorkshopSurroundings) {
    this.#around = around
  }

  get running(): number {
    return this.#running.size
  }

  serve(peer: RpcPeer): void {
    const stream = (context: RpcContext): Handling => this.#begin(Number(context.metadata.get(CALL_METADATA)), context)
    peer.serve(Work, {
      run: ({ call }, context) => this.#work(call, context),
      safe: ({ call }, context) => this.#work(call, context),
      tell: ({ call }, context) => this.#work(call, context),
      items: (_job, context) => this.#items(() => stream(context)),
      sum: (items, context) => this.#sum(items, stream(context)),
      echo: (items, context) => this.#echo(items, () => stream(context)),
    })
  }

  /** Its session is lost: every handler that works for it must know. */
  lost(peer: RpcPeer): void {
    for (const { call, context } of this.#running) {
      if (context.peer === peer && !context.signal.aborted)
        this.#around.world.violate(`call ${call.id} is handled for a session that is closed`)
    }
  }

  look(): void {
    const { world, host } = this.#around
    if (host.state !== 'running') return
    for (const { call, context, dueAt } of this.#running) {
      if (world.at - dueAt <= DEADLINE_SLACK_MS || context.signal.aborted) continue
      if (world.wasAwake(host.name, dueAt - DEADLINE_SLACK_MS))
        world.violate(`call ${call.id} is handled, and its time is over`)
    }
  }

  /** When nothing has gone wrong for a while. */
  checkCalm(violate: (what: string) => void): void {
    for (const { call, context } of this.#running) {
      if (call.isSettled && !call.isDead && !context.signal.aborted && call.task.method !== 'tell')
        violate(`call ${call.id} is handled, and nobody waits for it`)
    }
  }

  // ── Handlers ──────────────────────────────────────────────────────────────────────────────────────────────

  #begin(id: number, context: RpcContext): Handling {
    const { world, host, callOf } = this.#around
    if (world.inCall) world.violate(`call ${id} is handled inside of a call of the application`)
    if (host.state !== 'running') world.violate(`call ${id} is handled on a host that is ${host.state}`)
    const call = callOf(id)
    if (call === undefined) throw new RpcError('internal', `nobody has made the call ${id}`)
    call.begins()
    const handling = { call, context, dueAt: world.at + context.remainingMs }
    this.#running.add(handling)
    return handling
  }

  #work(id: number, context: RpcContext): number | Promise<number> {
    const handling = this.#begin(id, context)
    const { task } = handling.call
    if (task.workMs > 0 || task.depth > 0) return this.#workOn(handling)
    this.#running.delete(handling)
    return this.#finish(handling)
  }

  async #workOn(handling: Handling): Promise<number> {
    const { call, context } = handling
    try {
      if (call.task.depth > 0) await this.#around.callBack(call, context)
      if (call.task.workMs > 0) await this.#sleep(call.task.workMs, call.task.deaf ? undefined : context.signal)
      return this.#finish(handling)
    } finally {
      this.#running.delete(handling)
    }
  }

  #finish({ call }: Handling): number {
    if (call.task.fails) throw new RpcError('aborted', `${call.id}`)
    return call.id
  }

  /** Begun with its first item: one that is closed before that never runs. */
  async *#items(begin: () => Handling): AsyncGenerator<Item> {
    const handling = begin()
    const { call, context } = handling
    try {
      yield* this.give(call, call.output, call.task.items, context.signal)
      if (call.task.fails) throw new RpcError('aborted', `${call.id}`)
    } finally {
      this.#running.delete(handling)
    }
  }

  async #sum(items: AsyncIterable<Item>, handling: Handling): Promise<number> {
    const { call, context } = handling
    try {
      return await this.take(items, call, call.input, call.task.takes, context.signal)
    } finally {
      this.#running.delete(handling)
    }
  }

  /** As `#items`. */
  async *#echo(items: AsyncIterable<Item>, begin: () => Handling): AsyncGenerator<Item> {
    const handling = begin()
    const { call } = handling
    call.output.isOpen = true
    try {
      for await (const item of items) {
        call.consumes(call.input, item)
        call.produces(call.output)
        yield item
      }
    } finally {
      call.output.isOpen = false
      this.#running.delete(handling)
    }
  }

  // ── Streams, of callers as of handlers ────────────────────────────────────────────────────────────────────

  /** So many items, with a rest here and there. */
  async *give(call: RpcCall, flow: Flow, count: number, signal?: AbortSignal): AsyncGenerator<Item> {
    flow.isOpen = true
    try {
      for (let i = 1; i <= count; i++) {
        call.produces(flow)
        yield call.nextItem(flow)
        if (i % (call.task.restsEach || Infinity) === 0) await this.#sleep(REST_MS, signal)
      }
    } finally {
      flow.isOpen = false
    }
  }

  /** Reads so many at most, with a rest here and there. @returns how many came */
  async take(
    items: AsyncIterable<Item>,
    call: RpcCall,
    flow: Flow,
    most: number,
    signal?: AbortSignal,
  ): Promise<number> {
    const { restsEach } = call.task
    let count = 0
    for await (const item of items) {
      call.consumes(flow, item)
      if (++count === most) break
      if (count % (restsEach || Infinity) === 0) await this.#sleep(REST_MS, signal)
    }
    return count
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#around.host.setTimer(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      const onAbort = (): void => {
        timer.cancel()
        reject(signal?.reason as Error)
      }
      if (signal?.aborted === true) onAbort()
      else signal?.addEventListener('abort', onAbort)
    })
  }
}
