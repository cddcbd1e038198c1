import type { CloseCause } from '../../src/core/session.ts'
import type { Client } from '../../src/core/client.ts'
import { connect, listen } from '../../src/node.ts'
import type { Server } from '../../src/node-options.ts'
import type { Calls, CallOptions, RpcContext, RpcPeer } from '../../src/rpc/peer.ts'
import { rpc, type RpcSetup } from '../../src/rpc/rpc.ts'
import { rpcClient } from '../../src/rpc/rpc-client.ts'
import type { RpcFrame } from '../../src/rpc/frame.ts'
import { wheelOf } from '../../src/rpc/deadline-wheel.ts'
import type { VirtualHost } from '../../src/testing/virtual-host.ts'
import type { Actor, Stage } from './actors.ts'
import { RpcCall } from './rpc-call.ts'
import type { RpcClientPlan, RpcEnd, RpcLine, RpcServerPlan, RpcStep, Task } from './rpc-plan.ts'
import { CALL_METADATA, WIRES, Work, Workshop } from './rpc-work.ts'
import { HONEST_CODES } from './watch.ts'
import type { World } from './world.ts'

type Peer = RpcPeer<undefined>

/** A call by which each end finds out whether the other is there, as often as this; RPC has no heartbeats of its own. */
const PING_MS = 1000
const PING: Task = {
  method: 'safe',
  workMs: 0,
  fails: false,
  deaf: false,
  depth: 0,
  items: 0,
  itemBytes: 0,
  takes: 1,
  restsEach: 0,
  timeoutMs: 1500,
  cancelMs: -1,
}
/** Longer than a ping takes where nothing goes wrong. */
const YOUNG_CALL_MS = 500
const DEFAULT_TIMEOUT_MS = 4000
const LEAVE_MS = 4000

/** One end of RPC sessions: what it calls, and what it serves. */
abstract class RpcParty {
  readonly stage: Stage
  readonly line: RpcLine
  readonly end: RpcEnd
  /** Nobody who watches the messages of sessions. */
  readonly sessions = []
  protected process: VirtualHost | undefined
  protected peers: Peer[] = []
  protected closing = false
  #workshop: Workshop | undefined
  #calls: RpcCall[] = []
  #pings: Disposable | undefined

  constructor(stage: Stage, line: RpcLine, end: RpcEnd) {
    this.stage = stage
    this.line = line
    this.end = end
  }

  get host(): VirtualHost {
    if (this.process === undefined) throw new Error('it was never started')
    return this.process
  }

  get world(): World {
    return this.stage.world
  }

  get isDead(): boolean {
    return this.host.state === 'killed'
  }

  /** A new process. */
  protected begin(
    host: VirtualHost,
  ): RpcSetup<undefined> & { readonly env: VirtualHost; readonly highWaterMarkBytes: number } {
    const { world, stage, end, line } = this
    this.process = host
    this.peers = []
    this.#calls = []
    const workshop = new Workshop({
      world,
      host,
      callOf: (id) => stage.calls[id - 1],
      callBack: (call, context) => this.#callBack(call, context),
    })
    this.#workshop = workshop
    this.#pings = host.every(PING_MS, () => this.#ping())
    return {
      env: host,
      highWaterMarkBytes: end.highWaterMarkBytes,
      ...rpc<undefined>({
        wire: WIRES[line.wire](),
        maxCalls: end.maxCalls,
        streamWindowBytes: line.windowBytes,
        timeoutMs: DEFAULT_TIMEOUT_MS,
        interceptors: end.intercepted ? [(_call, next) => next()] : [],
        onPeer: (peer: Peer) => this.#meet(peer, host, workshop),
      }),
    }
  }

  protected stop(): void {
    this.closing = true
    this.#pings?.[Symbol.dispose]()
  }

  protected get meetsStrangers(): boolean {
    return false
  }

  /** Calls that go over whichever session is free; undefined: this side has no such thing. */
  protected anywhere(): Calls<typeof Work> | undefined {
    return undefined
  }

  perform(step: RpcStep): void {
    const open = this.peers.filter(({ session }) => session.phase === 'open')
    const peer = open[step.pick % open.length]
    if (step.kind === 'part') {
      if (peer !== undefined) this.#part(peer, step.how)
      return
    }
    for (let i = 0; i < step.count; i++) {
      const anywhere = step.anywhere ? this.anywhere() : undefined
      if (anywhere !== undefined) this.#place(anywhere, step.task)
      else if (peer !== undefined) this.#place(peer.client(Work), step.task)
    }
  }

  check(): void {
    if (this.isDead) return
    for (const call of this.#calls) call.look()
    this.#workshop?.look()
    this.#calls = this.#calls.filter(({ isSettled, input }) => !isSettled || input.isOpen)
  }

  checkCalm(violate: (what: string) => void): void {
    if (this.isDead) return
    for (const call of this.#calls) {
      if (!call.isSettled && call.ageMs > YOUNG_CALL_MS) violate(`call ${call.id} is under way after the calm`)
      if (call.isSettled && call.input.isOpen) violate(`call ${call.id} is over, and its items were not closed`)
    }
    this.#workshop?.checkCalm(violate)
  }

  checkEnd(): void {
    if (this.isDead) return
    const { world, host } = this
    for (const { stats } of this.peers)
      world.expect(
        stats.outgoing + stats.incoming === 0,
        `a peer of ${host.name} is left with ${JSON.stringify(stats)}`,
      )
    const running = this.#workshop?.running ?? 0
    world.expect(running === 0, `${running} handlers of ${host.name} are left`)
    const { size } = wheelOf(host)
    world.expect(size === 0, `${size} deadlines of ${host.name} are left`)
  }

  #meet(peer: Peer, host: VirtualHost, workshop: Workshop): undefined | Promise<void> {
    const { world } = this
    const { session } = peer
    this.peers.push(peer)
    workshop.serve(peer)
    void world
      .track(`closed of a peer of ${host.name}`, host.name, () => host.state === 'killed', session.closed)
      .then((cause) => this.#lost(peer, workshop, cause))
    const { prepareMs } = this.end
    if (prepareMs === 0) return undefined
    return new Promise((resolve) => void host.setTimer(prepareMs, resolve))
  }

  #lost(peer: Peer, workshop: Workshop, cause: CloseCause): void {
    const { world, host } = this
    const why = cause.by === 'error' ? cause.error.code : cause.by
    world.note(`a peer of ${host.name} is lost: ${why}`)
    if (cause.by === 'error' && !this.meetsStrangers)
      world.expect(HONEST_CODES.has(why), `a peer of ${host.name} was lost: ${cause.error.message}`)
    world.expect(peer.stats.outgoing === 0, `a peer is lost and has ${peer.stats.outgoing} calls in progress`)
    workshop.lost(peer)
  }

  #part(peer: Peer, how: 'close' | 'destroy'): void {
    const { world, host } = this
    world.note(`${host.name} is to ${how} a peer`)
    if (how === 'destroy') return world.call(() => peer.session.destroy())
    const closing = world.call(() => peer.close({ timeoutMs: LEAVE_MS }))
    world
      .track('close of a peer', host.name, () => host.state === 'killed', closing)
      .then(
        () => world.expect(peer.session.phase === 'closed', 'close of a peer resolved while it is open'),
        () => world.call(() => peer.session.destroy()), // what is in progress takes longer
      )
  }

  #ping(): void {
    for (const peer of this.peers) {
      if (peer.session.phase !== 'open') continue
      this.#place(peer.client(Work), PING, undefined, (error) => {
        if ((error as { readonly status?: string }).status === 'deadline_exceeded') peer.session.destroy()
      })
    }
  }

  #callBack(call: RpcCall, { peer, signal }: RpcContext): Promise<unknown> {
    const task = { ...call.task, method: 'run', depth: call.task.depth - 1, workMs: 0, cancelMs: -1 } as const
    return new Promise((resolve, reject) => {
      this.#place(peer.client(Work), task, { signal, done: resolve }, reject)
    })
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Makes a call, and judges what becomes of it. */
  #place(
    calls: Calls<typeof Work>,
    task: Task,
    inner?: { readonly signal: AbortSignal; readonly done: (answer: unknown) => void },
    onFailure?: (error: unknown) => void,
  ): void {
    const { stage, world, host, line } = this
    const workshop = this.#workshop as Workshop
    const call = new RpcCall(world, line, host, stage.calls.length + 1, task)
    stage.calls.push(call)
    this.#calls.push(call)
    const options = this.#options(call, inner?.signal)
    const made = world.call(() => this.#make(calls, call, options, workshop))
    world
      .track(`call ${call.id}`, host.name, () => host.state === 'killed', made)
      .then(
        ({ isRight, what }) => {
          call.answered(isRight, what)
          inner?.done(what)
          return undefined
        },
        (error: unknown) => {
          call.failed(error)
          onFailure?.(error)
        },
      )
  }

  #options(call: RpcCall, inner: AbortSignal | undefined): CallOptions {
    const { timeoutMs, cancelMs } = call.task
    const options = { timeoutMs, metadata: { [CALL_METADATA]: `${call.id}` } }
    if (inner !== undefined) {
      inner.addEventListener('abort', () => (call.isCanceled = true), { once: true })
      call.isCanceled = inner.aborted
      return { ...options, signal: inner }
    }
    if (cancelMs < 0) return options
    const stop = new AbortController()
    const cancel = (): void => {
      call.isCanceled = true
      if (!call.isSettled) stop.abort()
    }
    if (cancelMs === 0) cancel()
    else this.host.setTimer(cancelMs, cancel)
    return { ...options, signal: stop.signal }
  }

  /** What it comes to; a stream is read as its task says. */
  async #make(
    calls: Calls<typeof Work>,
    call: RpcCall,
    options: CallOptions,
    workshop: Workshop,
  ): Promise<{ readonly isRight: boolean; readonly what: string }> {
    const { id, task } = call
    const { items, takes } = task
    const most = Math.min(items, takes)
    switch (task.method) {
      case 'run':
      case 'safe': {
        const answer = await calls[task.method]({ call: id }, options)
        return { isRight: answer === id, what: `${answer}` }
      }
      case 'tell':
        calls.tell({ call: id }, options)
        return { isRight: true, what: 'nothing' }
      case 'items': {
        const got = await workshop.take(calls.items({ call: id }, options), call, call.output, takes)
        return { isRight: got === most, what: `${got} items` }
      }
      case 'sum': {
        const sum = await calls.sum(workshop.give(call, call.input, items), options)
        return { isRight: sum === most, what: `${sum}` }
      }
      case 'echo': {
        const echoes = calls.echo(workshop.give(call, call.input, items), options)
        const got = await workshop.take(echoes, call, call.output, takes)
        return { isRight: got === most, what: `${got} items` }
      }
    }
  }
}

/** Listens, and calls those who come. */
export class RpcServerActor extends RpcParty implements Actor {
  readonly plan: RpcServerPlan
  #server: Server<RpcFrame, RpcFrame, Peer> | undefined

  constructor(stage: Stage, plan: RpcServerPlan) {
    super(stage, plan.line, plan.end)
    this.plan = plan
  }

  start(host: VirtualHost): void {
    const { world, plan } = this
    this.#server = undefined
    const setup = this.begin(host)
    const { scheme } = plan.line
    const listening = world.call(() =>
      listen<RpcFrame, RpcFrame, Peer>(`${scheme}://*:${plan.port}`, {
        ...setup,
        ...(scheme === 'tls' ? { tls: { cert: plan.host, key: 'key' } } : {}),
      }),
    )
    world
      .track('listen', host.name, () => host.state === 'killed', listening)
      .then(
        (server) => {
          if (host === this.process) this.#server = server
          return undefined
        },
        (error: unknown) => world.violate(`${plan.host} cannot listen: ${String(error)}`),
      )
  }

  protected override get meetsStrangers(): boolean {
    const { actors } = this.stage.plan
    return actors.some((actor) => actor.kind === 'stranger' && actors[actor.server] === this.plan)
  }

  close(): void {
    const { world, host } = this
    const server = this.#server
    this.stop()
    if (server === undefined || this.isDead) return
    const closing = world.call(() => server.close({ timeoutMs: LEAVE_MS }))
    void world.track('close of an RPC server', host.name, () => host.state === 'killed', closing)
  }
}

/** Connects, and is called as well. */
export class RpcClientActor extends RpcParty implements Actor {
  readonly plan: RpcClientPlan
  readonly #server: RpcServerPlan
  #client: Client<RpcFrame, RpcFrame, Peer> | undefined
  #calls: Calls<typeof Work> | undefined

  constructor(stage: Stage, plan: RpcClientPlan) {
    const server = stage.plan.actors[plan.server] as RpcServerPlan
    super(stage, server.line, plan.end)
    this.plan = plan
    this.#server = server
  }

  start(host: VirtualHost): void {
    const { world, plan } = this
    const setup = this.begin(host)
    const { scheme } = this.#server.line
    const client = world.call(() =>
      connect<RpcFrame, RpcFrame, Peer>(`${scheme}://${this.#server.host}:${this.#server.port}`, {
        ...setup,
        connections: plan.connections,
        reconnect: { initialMs: 50, maxMs: 1000 },
        dialTimeoutMs: 1000,
      }),
    )
    this.#client = client
    this.#calls = rpcClient(client, Work, { timeoutMs: DEFAULT_TIMEOUT_MS })
  }

  override checkCalm(violate: (what: string) => void): void {
    super.checkCalm(violate)
    const size = this.#client?.sessions.size
    if (!this.isDead && size !== this.plan.connections)
      violate(`an RPC client has ${size} of ${this.plan.connections} sessions after the calm`)
  }

  close(): void {
    const { world, host } = this
    this.stop()
    const client = this.#client
    if (client === undefined || this.isDead) return
    const closing = world.call(() => client.close({ timeoutMs: LEAVE_MS }))
    void world.track('close of an RPC client', host.name, () => host.state === 'killed', closing)
  }

  protected override anywhere(): Calls<typeof Work> | undefined {
    return this.#calls
  }
}
