import type { ChunkBuffer } from './chunk-buffer.ts'
import type { checkClient } from './client-checks.ts'
import type { Codec } from './codec.ts'
import type { Connection } from './connection.ts'
import type { Env } from './env.ts'
import { badOption } from './errors.ts'
import type { Framing, FramingFactory, framingFor } from './framing.ts'
import type { guarded } from './layer-guard.ts'
import type { Logger } from './logger.ts'
import type { MetricsSink, SessionMetrics } from './metrics.ts'
import type { linkStages } from './pipeline.ts'
import type { Runtime } from './runtime.ts'
import type { OutboundHost, SendingHalf } from './sending-half.ts'
import type { ResolvedLimits } from './session-options.ts'
import type { checkSetup } from './setup-checks.ts'
import type { deliverStaged } from './staged-delivery.ts'

/**
 * What a session has beside the bare minimum. Entry points hand it to core: Node's has all of it, a page what it imports.
 * An option that needs a part which is not there is ERR_BAD_OPTION.
 */
export interface SessionParts {
  /** Looks at all options, their names among them, before anything else does. Limits are checked without it, too. */
  readonly checks?: CheckPart | undefined
  /** For the option `wrap`. */
  readonly layers?: typeof guarded | undefined
  /** For the option `stages`. */
  readonly stages?: StagePart | undefined
  /** For connections that keep no message boundaries, and `boundary: 'stream'`; for all, where there is no `messages`. */
  readonly streams?: StreamPart | undefined
  /** A sending half for connections that keep message boundaries, smaller than that of `streams`. */
  readonly messages?: MakeMessageOutbound | undefined
  /** For the option `metrics`. */
  readonly metrics?: ((sink: MetricsSink, env: Env, name: string, logger: Logger) => SessionMetrics) | undefined
}

/** Makes the sending half of a session, framed or not. */
export type MakeOutbound = <Out>(
  connection: Connection,
  codec: Codec<unknown, Out>,
  framing: Framing | undefined,
  limits: ResolvedLimits,
  runtime: Runtime,
  host: OutboundHost,
) => SendingHalf<Out>

/** The same where the connection keeps message boundaries. */
export type MakeMessageOutbound = <Out>(
  connection: Connection,
  codec: Codec<unknown, Out>,
  limits: ResolvedLimits,
  runtime: Runtime,
  host: OutboundHost,
) => SendingHalf<Out>

/** The part `checks`. */
export interface CheckPart {
  readonly setup: typeof checkSetup
  readonly client: typeof checkClient
}

/** The part `stages`. */
export interface StagePart {
  readonly link: typeof linkStages
  readonly deliver: typeof deliverStaged
}

/** The part `streams`. */
export interface StreamPart {
  /** Where the setup names none. */
  readonly framing: FramingFactory
  readonly framingFor: typeof framingFor
  readonly makeOutbound: MakeOutbound
  /** @param limitBytes maxFrameBytes */
  readonly makeBuffer: (limitBytes: number, framing: Framing) => ChunkBuffer
  /** For the text of an error about the first bytes of a peer: what they look like. */
  readonly hint: (bytes: Uint8Array) => string
}

/** The part of this name. @throws ERR_BAD_OPTION where it is not there */
export function partOf<Name extends keyof SessionParts>(
  parts: SessionParts,
  name: Name,
): NonNullable<SessionParts[Name]> {
  const part = parts[name]
  if (part === undefined) throw badOption('parts', `must have ${name} for what the other options say`)
  return part
}
