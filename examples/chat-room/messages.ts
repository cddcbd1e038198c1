import { type Codec, mapCodec } from 'hawser'
import { json, text, type } from 'hawser/codecs'
import { z } from 'zod'

const NAME = /^[\p{L}\p{N}_-]{1,20}$/u

/** What a page may send. */
const Command = z.discriminatedUnion('type', [
  z.object({ type: z.literal('name'), name: z.string().regex(NAME) }),
  z.object({ type: z.literal('say'), text: z.string().max(500) }),
])
/** What somebody wants. */
export type Command = z.infer<typeof Command>
/** What the room tells: a person's words, or its own. */
export type News =
  | { readonly type: 'said'; readonly from: string; readonly text: string }
  | { readonly type: 'notice'; readonly text: string }

/** What a terminal would obey: nobody shall write on another's screen. */
const CONTROL = /\p{Cc}/gu

/** Of a page: JSON, checked. */
export const pageMessages: Codec<Command, News> = json({ in: Command, out: type<News>() })

/** Of a terminal: a line for each. */
export const lineMessages: Codec<Command, News> = mapCodec(text(), {
  in(typed): Command {
    const said = typed.replace(CONTROL, '').trim().slice(0, 500)
    const name = said.startsWith('/name ') ? said.slice(6).trim() : ''
    return NAME.test(name) ? { type: 'name', name } : { type: 'say', text: said }
  },
  out: (news: News) => (news.type === 'said' ? `${news.from}: ${news.text}` : `* ${news.text}`).replace(CONTROL, ' '),
})
