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
import { rpc, rpcClient, serverStream, service } from 'hawser/rpc'
import { expectTypeOf } from 'expect-type'

type News = { from: string; text: string }
type Command = { type: 'say'; text: string }
declare const someClass: WebSocketClass
declare const needsData: EventListener<string, string, { n: 1 }>

/** Never called. */
export async function page(): Promise<void> {
  const codec = json({ in: type<News>(), out: type<Command>() })
  const client = connect('wss://example.org/chat', {
    codec,
    data: (peer) => ({ protocol: peer.protocol }),
    listener: {
      onMessage(session, news) {
        expectTypeOf(news).toEqualTypeOf<News>()
        expectTypeOf(session.data).toEqualTypeOf<{ protocol: string | undefined }>()
        session.send({ type: 'say', text: news.text })
      },
    },
    ws: { subprotocols: ['v1'], maxHeldBytes: 1024, WebSocket: someClass },
    reconnect: { maxMs: 5_000 },
  })
  expectTypeOf(client).toEqualTypeOf<Client<News, Command, { protocol: string | undefined }>>()
  // @ts-expect-error the server does not speak this
  client.send({ type: 'shout' })
  // @ts-expect-error a browser sets no headers
  connect('wss://example.org', { codec, ws: { headers: { cookie: 'x' } } })
  // @ts-expect-error there is no TCP in a browser
  connect('wss://example.org', { codec, tcp: { noDelay: true } })
  // @ts-expect-error this listener needs data
  connect('wss://example.org', { codec: text(), listener: needsData })

  const session = await dial('ws://localhost:1', { codec: raw(), framing: line(), boundary: 'stream', timeoutMs: 5 })
  expectTypeOf(session).toEqualTypeOf<Session<Uint8Array, Uint8Array, undefined>>()
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

/** Never called. */
export async function rpcPage(): Promise<void> {
  const Ticker = service('ticker', { ticks: serverStream<{ everyMs: number }, number>() })
  const client = connect('wss://example.org/rpc', rpc())
  for await (const tick of rpcClient(client, Ticker).ticks({ everyMs: 100 })) expectTypeOf(tick).toEqualTypeOf<number>()
}
