import { ADDRESSES } from './address.ts'
import { checkClient } from './client-checks.ts'
import type { FramingFactory } from './framing.ts'
import { heartbeatsOf } from './heartbeats.ts'
import { guarded } from './layer-guard.ts'
import { sessionMetrics } from './metrics.ts'
import { open } from './opening.ts'
import { linkStages } from './pipeline.ts'
import { sendAll } from './send-all.ts'
import { sessionClock } from './session-clock.ts'
import type { Bindings } from './session-config.ts'
import type { SessionParts } from './session-parts.ts'
import { checkSetup } from './setup-checks.ts'
import { streamHalves } from './stream-halves.ts'
import { writtenMessages } from './written-messages.ts'

/** All that a session can have. @param framing of byte streams, where a setup names none */
export function allParts(framing: FramingFactory): Pick<Bindings, 'addresses' | 'parts' | 'checks'> {
  const parts: SessionParts = {
    halves: streamHalves(framing),
    encoder: writtenMessages,
    clock: sessionClock,
    sendAll,
    open,
    layers: guarded,
    stages: linkStages,
    metrics: sessionMetrics,
    heartbeats: heartbeatsOf,
  }
  return { addresses: ADDRESSES, parts: () => parts, checks: { setup: checkSetup, client: checkClient } }
}
