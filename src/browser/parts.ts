import { lengthPrefixed } from '../../codecs/framing/length-prefixed.ts'
import { STAGES, streamPart } from '../core/all-parts.ts'
import { checkClient } from '../core/client-checks.ts'
import { guarded } from '../core/layer-guard.ts'
import type { SessionParts } from '../core/session-parts.ts'
import { checkSetup } from '../core/setup-checks.ts'
import type { TransportGroups } from './browser-options.ts'
import { checkWs } from './web-socket-checks.ts'

/** One of `checks`, `layers`, `stages`, `streams`, for the option `parts`. What of them a page does not import, it does not load. */
export type Part = SessionParts

/** With it wrong names of options, and values of the wrong type, are ERR_BAD_OPTION: for pages in plain JavaScript, while they are written. */
export const checks: Part = {
  checks: {
    setup(setup, transports, own) {
      checkSetup(setup, transports, [...own, 'parts'])
      checkWs(setup as TransportGroups)
    },
    client: checkClient,
  },
}

/** What the option `wrap` needs. */
export const layers: Part = { layers: guarded }

/** What the option `stages` needs. */
export const stages: Part = { stages: STAGES }

/** What `boundary: 'stream'` needs, and with it the option `framing`. */
export const streams: Part = /* @__PURE__ */ (() => ({ streams: streamPart(lengthPrefixed()) }))()
