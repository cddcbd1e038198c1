import { Random } from '../../src/testing/random.ts'
import type { Faults } from '../../src/testing/faults.ts'
import { type RpcClientPlan, RpcPlanner, type RpcServerPlan, type RpcStep } from './rpc-plan.ts'
import { type CodecName, type FramingName, CODEC_NAMES, FRAMING_NAMES } from './wire.ts'

/*
 * All that a seed decides before anything runs: who there is, what they do, and what goes wrong. It is data, so that a
 * failing run can be read, and so that another kind of actor is one more row of ACTORS (actors.ts) and of `makePlan`.
 */

export type Scheme = 'tcp' | 'tls' | 'ws' | 'proxied' | 'udp'

/** What both ends of a conversation must agree on. */
export interface Line {
  readonly scheme: Scheme
  readonly codec: CodecName
  readonly framing: FramingName
  /** WebSocket read as a byte stream. */
  readonly asStream: boolean
  /** Inside of the layer that compresses. */
  readonly compressed: boolean
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number } | undefined
}

/** How an end handles what it gets. */
export type Manner = 'sync' | 'async' | 'slow' | 'pull'

/** One end of a conversation. */
export interface End {
  readonly manner: Manner
  readonly concurrency: number
  readonly overflow: 'close' | 'drop' | 'throw'
  readonly highWaterMarkBytes: number
  readonly maxBufferedBytes: number
  readonly inboundHighWaterMarkBytes: number
  readonly closeTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly cronIntervalMs: number
  readonly borrowed: boolean
  readonly staged: boolean
  readonly wrapped: boolean
  /** Of so many messages one is answered; 0: none. */
  readonly answersEach: number
  /** Of so many handlers one throws; 0: none. */
  readonly throwsEach: number
}

export interface ServerPlan {
  readonly kind: 'server'
  readonly host: string
  readonly port: number
  readonly line: Line
  readonly end: End
  /** The option `data`: how long it takes, and whether it pulls the first message. */
  readonly data: 'none' | 'slow' | 'handshake'
  readonly openMs: number
  readonly maxSessions: number
}

export interface ClientPlan {
  readonly kind: 'client'
  readonly host: string
  /** Which server, by its place among the actors. */
  readonly server: number
  readonly end: End
  readonly connections: number
  readonly reconnect: { readonly initialMs: number; readonly maxMs: number; readonly stableAfterMs: number }
  readonly dialTimeoutMs: number
}

/** Says what no codec of ours understands, or nothing, and goes. */
export interface StrangerPlan {
  readonly kind: 'stranger'
  readonly host: string
  readonly server: number
  readonly speech: 'silence' | 'noise' | 'huge-frame' | 'http' | 'half-frame'
}

export type ActorPlan = ServerPlan | ClientPlan | StrangerPlan | RpcServerPlan | RpcClientPlan

export type Fault =
  | { readonly kind: 'weather'; readonly faults: Faults }
  | { readonly kind: 'cut' | 'reset' | 'refuse-dials' | 'ignore-dials'; readonly forMs: number }
  | { readonly kind: 'cut-link' | 'reset-link'; readonly pick: number; readonly forMs: number }
  | { readonly kind: 'pause' | 'unplug' | 'kill' | 'power-off'; readonly host: string; readonly forMs: number }

export type Step = { readonly at: number } & (
  | RpcStep
  | {
      readonly kind: 'send'
      readonly actor: number
      readonly how: 'send' | 'deliver' | 'sendAll' | 'drained' | 'broadcast'
      readonly count: number
      readonly bytes: number
      readonly pick: number
    }
  | {
      readonly kind: 'hush' | 'close' | 'destroy'
      readonly actor: number
      readonly pick: number
      readonly forMs: number
    }
  | { readonly kind: 'speak'; readonly actor: number }
  | { readonly kind: 'fault'; readonly fault: Fault }
)

export interface Plan {
  readonly seed: number
  readonly hosts: readonly string[]
  readonly actors: readonly ActorPlan[]
  readonly steps: readonly Step[]
  readonly faultCount: number
  /** After so long nothing goes wrong any more. */
  readonly calmAt: number
}

/** Of every stream; less than a large burst, so that backpressure is felt. */
export const WINDOW_BYTES = 16 * 1024
const FAULTS_AT_LEAST = 10
/** Of the worlds, in which streams are compressed: a zlib costs as much as a small world. */
const COMPRESSION_SHARE = 0.08
/** Of the worlds, in which some call each other as well. */
const RPC_SHARE = 0.17
/** What an `onOpen` takes; until it is over a session sends no heartbeats. */
const MOST_OPEN_MS = 300
const FAULT_KINDS = [
  'weather',
  'weather',
  'cut',
  'reset',
  'refuse-dials',
  'ignore-dials',
  'cut-link',
  'reset-link',
  'pause',
  'pause',
  'unplug',
  'kill',
  'power-off',
] as const

/** The same seed, the same plan. */
export function makePlan(seed: number): Plan {
  return new Planner(seed).plan()
}

class Planner {
  readonly #seed: number
  readonly #random: Random
  readonly #compresses: boolean

  constructor(seed: number) {
    this.#seed = seed
    this.#random = new Random(seed ^ 0x51a7)
    this.#compresses = new Random(seed ^ 0x21b).next() < COMPRESSION_SHARE
  }

  plan(): Plan {
    const actors: ActorPlan[] = []
    const hosts: string[] = []
    const servers = this.#odds(0.15) ? 2 : 1
    for (let i = 0; i < servers; i++) {
      hosts.push(`server-${i}`)
      actors.push(this.#server(`server-${i}`, 7000 + i))
    }
    const clients = 1 + this.#below(servers === 1 ? 2 : 1)
    for (let server = 0; server < servers; server++) {
      const { line } = actors[server] as ServerPlan
      for (let i = 0; i < clients; i++) {
        const host = this.#odds(0.2) && i > 0 ? `client-${server}-0` : `client-${server}-${i}`
        if (!hosts.includes(host)) hosts.push(host)
        actors.push(this.#client(host, server, line))
      }
    }
    if (this.#odds(0.4)) {
      hosts.push('stranger')
      actors.push({
        kind: 'stranger',
        host: 'stranger',
        server: this.#below(servers),
        speech: this.#pick(['silence', 'noise', 'huge-frame', 'http', 'half-frame']),
      })
    }
    const calmAt = 3000 + this.#below(5000)
    const frail = hosts.filter((host) => host !== 'stranger' && this.#odds(0.6))
    const faults = this.#faults(frail.length > 0 ? frail : hosts.slice(0, 1), calmAt)
    const calls = this.#withRpc(actors, calmAt)
    const steps = [...this.#deeds(actors, calmAt), ...calls, ...faults].toSorted((one, other) => one.at - other.at)
    return { seed: this.#seed, hosts, actors, steps, faultCount: faults.length, calmAt }
  }

  /** By numbers of its own, so that the others do in a world with it what they would do without. */
  #withRpc(actors: ActorPlan[], calmAt: number): RpcStep[] {
    const random = new Random(this.#seed ^ 0x4bc)
    if (random.next() > RPC_SHARE) return []
    const planner = new RpcPlanner(random)
    const from = actors.length
    const [server, client] = planner.actors(from, 'server-0', 'client-0-0')
    actors.push(server, client)
    const stranger = actors.findIndex(({ kind }) => kind === 'stranger')
    if (stranger >= 0 && random.next() < 0.5) actors[stranger] = { ...(actors[stranger] as StrangerPlan), server: from }
    return planner.steps(server, from, calmAt)
  }

  #server(host: string, port: number): ServerPlan {
    const line = this.#line()
    const isUdp = line.scheme === 'udp'
    return {
      kind: 'server',
      host,
      port,
      line,
      end: this.#end(line),
      data: isUdp ? 'none' : this.#pick(['none', 'none', 'slow', 'handshake']),
      openMs: this.#odds(0.3) ? 1 + this.#below(MOST_OPEN_MS) : 0,
      maxSessions: this.#odds(0.15) && !isUdp ? 2 : 1000, // datagram peers would displace each other for ever
    }
  }

  #client(host: string, server: number, line: Line): ClientPlan {
    return {
      kind: 'client',
      host,
      server,
      end: this.#end(line),
      connections: this.#odds(0.3) ? 2 : 1,
      reconnect: {
        initialMs: 20 + this.#below(200),
        maxMs: 500 + this.#below(1500),
        stableAfterMs: this.#pick([500, 5000]),
      },
      dialTimeoutMs: 500 + this.#below(2000),
    }
  }

  #line(): Line {
    const codec = this.#pick(CODEC_NAMES)
    const isText = codec === 'text' || codec === 'json'
    const intervalMs = 400 + this.#below(800)
    const scheme = this.#pick(['tcp', 'tcp', 'tcp', 'ws', 'ws', 'tls', 'proxied', 'udp'] as const)
    return {
      scheme,
      compressed: this.#compresses && scheme !== 'ws' && scheme !== 'udp',
      codec,
      framing: this.#pick(isText ? FRAMING_NAMES : FRAMING_NAMES.slice(0, -1)),
      asStream: this.#odds(0.3),
      heartbeat: this.#odds(0.7)
        ? { intervalMs, timeoutMs: Math.round(intervalMs * (1.5 + this.#below(3))) + MOST_OPEN_MS }
        : undefined,
    }
  }

  #end({ codec, scheme }: Line): End {
    const highWaterMarkBytes = this.#pick([1000, 8000, 64_000, 1_000_000])
    return {
      manner: this.#pick(['sync', 'sync', 'async', 'slow', 'pull']),
      concurrency: this.#odds(0.2) ? 3 : 1,
      overflow: this.#pick(['close', 'drop', 'throw']),
      highWaterMarkBytes,
      maxBufferedBytes: highWaterMarkBytes * this.#pick([1, 2, 8]),
      inboundHighWaterMarkBytes: this.#pick([64, 1000, 8000, 256_000]),
      closeTimeoutMs: 300 + this.#below(2000),
      idleTimeoutMs: this.#odds(0.15) ? 5000 + this.#below(10_000) : 0,
      stallTimeoutMs: this.#odds(0.25) ? 1000 + this.#below(4000) : 0,
      cronIntervalMs: this.#pick([0, 700, 30_000]),
      borrowed: codec !== 'views' && scheme === 'tcp' && this.#odds(0.5),
      staged: this.#odds(0.25),
      wrapped: this.#odds(0.15),
      answersEach: this.#pick([0, 1, 4]),
      throwsEach: this.#odds(0.1) ? 40 : 0,
    }
  }

  #deeds(actors: readonly ActorPlan[], calmAt: number): Step[] {
    const steps: Step[] = []
    actors.forEach((actor, index) => {
      if (actor.kind === 'rpc-server' || actor.kind === 'rpc-client') return // as RpcPlanner has it
      if (actor.kind === 'stranger') {
        steps.push({ at: this.#below(calmAt), kind: 'speak', actor: index })
        return
      }
      const bursts = 2 + this.#below(5)
      for (let i = 0; i < bursts; i++) steps.push(this.#burst(index, calmAt))
      const rest = { actor: index, pick: this.#below(8), forMs: 100 + this.#below(4000) }
      if (this.#odds(0.4)) steps.push({ at: this.#below(calmAt), kind: 'hush', ...rest })
      if (this.#odds(0.4)) steps.push({ at: this.#below(calmAt), kind: 'close', ...rest })
      if (this.#odds(0.2)) steps.push({ at: this.#below(calmAt), kind: 'destroy', ...rest })
    })
    return steps
  }

  #burst(actor: number, calmAt: number): Step {
    const large = this.#odds(0.15)
    return {
      at: 1 + this.#below(calmAt),
      kind: 'send',
      actor,
      how: this.#pick(['send', 'send', 'deliver', 'sendAll', 'drained', 'broadcast']),
      count: 1 + this.#below(large ? 4 : 20),
      bytes: large ? this.#below(this.#pick([4000, 40_000])) : this.#below(300),
      pick: this.#below(8),
    }
  }

  #faults(hosts: readonly string[], calmAt: number): Step[] {
    // Each seed has its own mix, so that one kind does not always hide another.
    const kinds = FAULT_KINDS.filter(() => this.#odds(0.5))
    if (kinds.length === 0) kinds.push('weather')
    const count = FAULTS_AT_LEAST + this.#below(6)
    return Array.from({ length: count }, () => ({
      at: this.#below(calmAt),
      kind: 'fault' as const,
      fault: this.#fault(this.#pick(kinds), this.#pick(hosts)),
    }))
  }

  #fault(kind: (typeof FAULT_KINDS)[number], host: string): Fault {
    const forMs = 20 + this.#below(this.#odds(0.5) ? 400 : 5000)
    switch (kind) {
      case 'weather':
        return { kind, faults: this.#weather() }
      case 'cut-link':
      case 'reset-link':
        return { kind, pick: this.#below(8), forMs }
      case 'pause':
      case 'unplug':
      case 'kill':
      case 'power-off':
        return { kind, host, forMs }
      default:
        return { kind, forMs }
    }
  }

  #weather(): Faults {
    return {
      latencyMs: this.#odds(0.7) ? this.#below(100) : 0,
      jitterMs: this.#odds(0.5) ? this.#below(100) : 0,
      sliceBytes: this.#odds(0.5) ? this.#pick([9, 100, 1000]) : undefined,
      windowBytes: this.#odds(0.4) ? this.#pick([400, 4000]) : WINDOW_BYTES,
      bytesPerSecond: this.#odds(0.2) ? 200_000 : undefined,
      cutAfterBytes: this.#odds(0.15) ? 500 + this.#below(5000) : undefined,
      lossRatio: this.#odds(0.5) ? this.#random.next() / 3 : 0,
      duplicateRatio: this.#odds(0.5) ? this.#random.next() / 3 : 0,
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
