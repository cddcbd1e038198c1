import { json, type } from 'hawser/codecs'
import { z } from 'zod'

const Command = z.discriminatedUnion('type', [
  z.object({ type: z.literal('login'), name: z.string() }),
  z.object({ type: z.literal('buy'), item: z.string() }),
  z.object({ type: z.literal('ping') }),
])

/** What players send over TCP: what must not be lost. */
export type Command = z.infer<typeof Command>
export type Reply = { type: 'welcome'; token: string } | { type: 'bought'; item: string } | { type: 'ping' }

export const commandCodec = json({ in: Command, out: type<Reply>() })
export const replyCodec = json({ in: type<Reply>(), out: type<Command>() })
