// As api.test.ts, for pages. `npm run pack:check` compiles it a second time, as a page's program: without Node's types.
import {
  attributeKey,
  browserEnv,
  type Client,
  type ClientOptions,
  type Codec,
  connect,
  dial,
  type EventListener,
  FrameReader,
  isHawserError,
  mapCodec,
  type Session,
  SessionGroup,
  type SessionSetup,
  type WebSocketClass,
} from 'hawser/browser'
import { json, raw, text, type } from 'hawser/codecs'
import { line } from 'hawser/framing'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const yes = <T extends true>(): T | undefined => undefined

type News = { from: string; text: string }
type Command = { type: 'say'; text: string }
declare const someClass: WebSocketClass

/** Never called. */
export async function page(): Promise<void> {
  const codec = json({ in: type<News>(), out: type<Command>() })
  const client = connect('wss://example.org/chat', {
    codec,
    data: (peer) => ({ protocol: peer.protocol }),
    listener: {
      onMessage(session, news) {
        yes<Equal<typeof news, News>>()
        yes<Equal<typeof session.data, { protocol: string | undefined }>>()
        session.send({ type: 'say', text: news.text })
      },
    },
    ws: { subprotocols: ['v1'], maxHeldBytes: 1024, WebSocket: someClass },
    reconnect: { maxMs: 5_000 },
  })
  yes<Equal<typeof client, Client<News, Command, { protocol: string | undefined }>>>()
  // @ts-expect-error the server does not speak this
  client.send({ type: 'shout' })
  // @ts-expect-error a browser sets no headers
  connect('wss://example.org', { codec, ws: { headers: { cookie: 'x' } } })
  // @ts-expect-error there is no TCP in a browser
  connect('wss://example.org', { codec, tcp: { noDelay: true } })
  // @ts-expect-error this listener needs data
  connect('wss://example.org', {
    codec: text(),
    listener: undefined as unknown as EventListener<string, string, { n: 1 }>,
  })

  const session = await dial('ws://localhost:1', { codec: raw(), framing: line(), boundary: 'stream', timeoutMs: 5 })
  yes<Equal<typeof session, Session<Uint8Array, Uint8Array, undefined>>>()
  const group = new SessionGroup<Uint8Array>()
  group.add(session)
  const key = attributeKey<number>('n')
  session.attributes.set(key, new FrameReader(await session.receive()).u8())
  const mapped: Codec<number> = mapCodec(text(), { in: Number, out: String })
  const setup: SessionSetup<number, number, undefined> = { codec: mapped, env: browserEnv }
  const options: ClientOptions<number, number, undefined> = { ...setup, connections: 2 }
  try {
    await connect('ws://localhost:1', options).ready()
  } catch (error) {
    if (isHawserError(error, 'ERR_BAD_OPTION')) error.option.trim()
  }
}
