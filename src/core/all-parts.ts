import { ChunkBuffer } from './chunk-buffer.ts'
import { checkClient } from './client-checks.ts'
import { type FramingFactory, framingFor } from './framing.ts'
import { guarded } from './layer-guard.ts'
import { sessionMetrics } from './metrics.ts'
import { Outbound } from './outbound.ts'
import { linkStages } from './pipeline.ts'
import { PLAIN } from './plain-framing.ts'
import { protocolHint } from './protocol-hint.ts'
import type { SessionParts, StagePart, StreamPart } from './session-parts.ts'
import { checkSetup } from './setup-checks.ts'
import { deliverStaged } from './staged-delivery.ts'

/** The part `stages`, of which there is one. */
export const STAGES: StagePart = { link: linkStages, deliver: deliverStaged }

/** The part `streams`. @param framing where a setup names none */
export function streamPart(framing: FramingFactory): StreamPart {
  return {
    framing,
    framingFor,
    makeOutbound: (connection, codec, ownFraming, limits, runtime, host) =>
      new Outbound(connection, codec, ownFraming, limits, runtime, host),
    makeBuffer: (limitBytes, ownFraming) => new ChunkBuffer(limitBytes, ownFraming === PLAIN),
    hint: protocolHint,
  }
}

/** All that a session can have. @param framing of byte streams, where a setup names none */
export function allParts(framing: FramingFactory): SessionParts {
  return {
    checks: { setup: checkSetup, client: checkClient },
    layers: guarded,
    stages: STAGES,
    streams: streamPart(framing),
    metrics: sessionMetrics,
  }
}
