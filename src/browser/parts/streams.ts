import { lengthPrefixed } from '../../../codecs/framing/length-prefixed.ts'
import type { MakeHalves } from '../../core/session-parts.ts'
import { streamHalves } from '../../core/stream-halves.ts'

/** For byte streams: `boundary: 'stream'`, layers, transports of the page's own. */
export const halves: MakeHalves = /* @__PURE__ */ streamHalves(/* @__PURE__ */ lengthPrefixed())
