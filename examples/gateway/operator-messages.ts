import type { Codec } from 'hawser'
import { json } from 'hawser/codecs'
import { z } from 'zod'
import type { News, Wish } from './page/messages.ts'

const NAME = /^[\p{L}\p{N}_-]{1,20}$/u

/** What can be done to the link of a simulated device. */
export const FaultSchema = z.enum(['cut', 'slow', 'flood', 'heal'])

const WishSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('name'), name: z.string().regex(NAME) }),
  z.object({ type: z.literal('say'), text: z.string().trim().min(1).max(500) }),
  z.object({
    type: z.literal('command'),
    ticket: z.int(),
    device: z.string(),
    text: z.string().trim().min(1).max(200),
  }),
  z.object({ type: z.literal('fault'), ticket: z.int(), device: z.string(), fault: FaultSchema }),
])

/** A snapshot of ten thousand devices has many keys; a wish has few, and is held to the bounds of strangers. */
const MOST_KEYS_OF_NEWS = 500_000

const wishes = json({ in: WishSchema })
const news = json<never, News>({ maxKeys: MOST_KEYS_OF_NEWS })

/** Of pages: JSON, and what comes from them is checked. */
export const operatorCodec: Codec<Wish, News> = {
  format: 'text',
  keeps: 'values',
  decode: (frame, text) => wishes.decode(frame, text),
  encode: (message, out) => news.encode(message, out),
}
