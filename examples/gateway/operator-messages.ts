import type { Codec } from 'hawser'
import { json, type } from 'hawser/codecs'
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

/** Of pages: JSON, and what comes from them is checked. */
export const operatorCodec: Codec<Wish, News> = json({ in: WishSchema, out: type<News>() })
