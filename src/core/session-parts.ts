import type { Clock, SessionClockHost } from './clock.ts'
import type { Codec } from './codec.ts'
import type { Connection } from './connection.ts'
import type { Env } from './env.ts'
import type { HandlerLoopHost } from './handler-loop.ts'
import type { heartbeatsOf } from './heartbeats.ts'
import type { guarded } from './layer-guard.ts'
import type { Logger } from './logger.ts'
import type { MessageEncoder } from './message-encoder.ts'
import type { MetricsSink, SessionMetrics } from './metrics.ts'
import type { open } from './opening.ts'
import type { Peer } from './peer.ts'
import type { linkStages } from './pipeline.ts'
import type { ReceivingHalf } from './receiving-half.ts'
import type { sendAll } from './send-all.ts'
import type { OutboundHost, SendingHalf } from './sending-half.ts'
import type { SessionConfig } from './session-config.ts'
import type { ResolvedLimits } from './session-options.ts'

/** What the sessions of a setup are put together from. Node has one set for all; a page loads what its options ask for. */
export interface SessionParts {
  readonly halves: MakeHalves
  /** For a MessageOutbound. */
  readonly encoder: <Out>(codec: Codec<unknown, Out>) => MessageEncoder<Out>
  readonly clock: MakeClock
  readonly sendAll: typeof sendAll
  /** For the option `data`. */
  readonly open?: typeof open | undefined
  /** For the option `wrap`. */
  readonly layers?: typeof guarded | undefined
  /** For the option `stages`. */
  readonly stages?: typeof linkStages | undefined
  /** For the option `metrics`. */
  readonly metrics?: ((sink: MetricsSink, env: Env, name: string, logger: Logger) => SessionMetrics) | undefined
  /** For the option `heartbeat`. */
  readonly heartbeats?: typeof heartbeatsOf | undefined
  /** Asked before each dial: puts in what is still missing. */
  readonly load?: (() => Promise<unknown>) | undefined
}

/** What a session receives and sends with. */
export interface Halves<In, Out> {
  readonly inbound: ReceivingHalf<In>
  readonly outbound: SendingHalf<Out>
}

/** @throws what the option `framing` throws for this peer */
export type MakeHalves = <In, Out, Data>(
  connection: Connection,
  codec: Codec<In, Out>,
  limits: ResolvedLimits,
  config: SessionConfig<In, Out, Data>,
  session: HandlerLoopHost<In> & OutboundHost & { readonly peer: Peer },
) => Halves<In, Out>

/** The clock of a session: made when there is something to look after. */
export type MakeClock = <In, Out, Data>(
  config: SessionConfig<In, Out, Data>,
  limits: ResolvedLimits,
  inbound: ReceivingHalf<In>,
  outbound: SendingHalf<Out>,
  host: SessionClockHost,
) => Clock
