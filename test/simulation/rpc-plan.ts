import type { Random } from '../../src/testing/random.ts'

/*
 * What a seed decides about those who call each other: as plan.ts, of numbers of its own.
 */

export type RpcScheme = 'tcp' | 'tls' | 'ws'
export type RpcWireName = 'binary' | 'json-rpc'

/** What both ends of an RPC conversation must agree on. */
export interface RpcLine {
  readonly scheme: RpcScheme
  readonly wire: RpcWireName
  /** Of whoever reads a stream. */
  readonly windowBytes: number
}

/** One end of it. */
export interface RpcEnd {
  readonly maxCalls: number
  readonly highWaterMarkBytes: number
  /** What `onPeer` takes; calls wait until it is done. */
  readonly prepareMs: number
  readonly intercepted: boolean
}

export interface RpcServerPlan {
  readonly kind: 'rpc-server'
  readonly host: string
  readonly port: number
  readonly line: RpcLine
  readonly end: RpcEnd
}

export interface RpcClientPlan {
  readonly kind: 'rpc-client'
  readonly host: string
  /** Which server, by its place among the actors. */
  readonly server: number
  readonly end: RpcEnd
  readonly connections: number
}

export type RpcMethod = 'run' | 'safe' | 'tell' | 'items' | 'sum' | 'echo'

/** What is to become of a call: its handler is told, so each answer can be checked. */
export interface Task {
  readonly method: RpcMethod
  /** Of its handler; 0 answers in place. */
  readonly workMs: number
  readonly fails: boolean
  /** Its handler goes on in spite of its signal. */
  readonly deaf: boolean
  /** How often its handler calls the caller back, who does the same. */
  readonly depth: number
  /** Of a stream, and how large each of them is; how many are read at most, and after how many both sides rest. */
  readonly items: number
  readonly itemBytes: number
  readonly takes: number
  readonly restsEach: number
  /** 0: no limit. */
  readonly timeoutMs: number
  /** -1: never. */
  readonly cancelMs: number
}

export type RpcStep = { readonly at: number; readonly actor: number; readonly pick: number } & (
  | {
      readonly kind: 'call'
      readonly count: number
      /** Over whichever session is free, where the actor is a client; such calls may be tried again. */
      readonly anywhere: boolean
      readonly task: Task
    }
  | { readonly kind: 'part'; readonly how: 'close' | 'destroy' }
)

const PORT = 7900
const METHODS = ['run', 'run', 'run', 'safe', 'safe', 'tell', 'items', 'sum', 'echo'] as const
/** JSON-RPC has no streams. */
const PLAIN_METHODS = 6
const MAX_WORK_MS = 1500
/** What begins so shortly before the calm often lives to see it. */
const LATE_MS = 1000
/** So many items of that size are more than any window. */
const LARGE_STREAM = 80
const LARGE_ITEM_BYTES = 1500
/** Ends only by its signal, within the run. */
const FOREVER_MS = 3_600_000

/** A server and a client that call each other, and what they do. */
export class RpcPlanner {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** @param from what their place among the actors is */
  actors(from: number, serverHost: string, clientHost: string): [RpcServerPlan, RpcClientPlan] {
    const line: RpcLine = {
      scheme: this.#pick(['tcp', 'tcp', 'ws', 'tls']),
      wire: this.#odds(0.75) ? 'binary' : 'json-rpc',
      windowBytes: this.#pick([65_536, 100_000]),
    }
    return [
      { kind: 'rpc-server', host: serverHost, port: PORT, line, end: this.#end() },
      {
        kind: 'rpc-client',
        host: clientHost,
        server: from,
        end: this.#end(),
        connections: this.#odds(0.3) ? 2 : 1,
      },
    ]
  }

  steps({ line }: RpcServerPlan, from: number, calmAt: number): RpcStep[] {
    const steps: RpcStep[] = []
    for (const actor of [from, from + 1]) {
      const bursts = 3 + this.#below(6)
      for (let i = 0; i < bursts; i++) {
        const isStream = line.wire === 'binary' && this.#odds(0.4)
        const method = isStream ? this.#pick(METHODS.slice(PLAIN_METHODS)) : this.#pick(METHODS.slice(0, PLAIN_METHODS))
        steps.push({
          ...this.#place(actor, calmAt, this.#odds(0.5) ? calmAt - LATE_MS : 0),
          kind: 'call',
          count: isStream ? 1 + this.#below(2) : 1 + this.#below(8),
          anywhere: this.#odds(0.5),
          task: this.#task(method),
        })
      }
      for (const how of ['close', 'destroy'] as const)
        if (this.#odds(0.2)) steps.push({ ...this.#place(actor, calmAt), kind: 'part', how })
    }
    return steps
  }

  #place(actor: number, calmAt: number, from = 0) {
    return { at: from + 1 + this.#below(calmAt - from), actor, pick: this.#below(8) }
  }

  #end(): RpcEnd {
    return {
      maxCalls: this.#pick([4, 1024, 1024]),
      highWaterMarkBytes: this.#pick([4000, 1_000_000]),
      prepareMs: this.#odds(0.2) ? 1 + this.#below(300) : 0,
      intercepted: this.#odds(0.2),
    }
  }

  #task(method: RpcMethod): Task {
    const isStream = method === 'items' || method === 'sum' || method === 'echo'
    const isLarge = isStream && this.#odds(0.5)
    const isForever = !isStream && method !== 'tell' && this.#odds(0.2)
    const items = isStream ? (isLarge ? LARGE_STREAM + this.#below(30) : this.#below(12)) : 0
    const cancelMs = isForever || this.#odds(0.2) ? this.#below(1500) : -1
    return {
      method,
      workMs: isForever ? FOREVER_MS : this.#odds(0.5) ? 0 : 1 + this.#below(this.#pick([50, MAX_WORK_MS])),
      fails: method !== 'sum' && method !== 'echo' && this.#odds(0.1),
      deaf: !isForever && this.#odds(0.15),
      depth: !isStream && this.#odds(0.15) ? 1 + this.#below(3) : 0,
      items,
      itemBytes: isLarge ? LARGE_ITEM_BYTES + this.#below(400) : this.#below(50),
      takes: items === 0 || this.#odds(0.7) ? items + 1 : 1 + this.#below(items),
      restsEach: this.#pick([0, 4, 25]),
      timeoutMs: this.#pick(isStream || isForever ? [0, 0, 0, 1000] : [0, 100, 1000, 5000]),
      cancelMs,
    }
  }

  #below(limit: number): number {
    return this.#random.below(limit)
  }

  #odds(share: number): boolean {
    return this.#random.next() < share
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T
  }
}
