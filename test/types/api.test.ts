// What must not compile, and what must be inferred. Nothing here runs but the last line: the compiler is the judge,
// against the source (`npm run types`) and against the packed package (`npm run pack:check`).
import {
  type AnySession,
  attach,
  type CloseCause,
  type Codec,
  connect,
  dial,
  type EventListener,
  type Framing,
  isHawserError,
  listen,
  mapCodec,
  type MessageIn,
  type MessageOut,
  Rooms,
  type Session,
  SessionGroup,
  type SessionOf,
  type Stage,
} from 'hawser'
import { json, raw, text, type } from 'hawser/codecs'
import { msgpack } from 'hawser/codecs/msgpack'
import { protobufUnion, type ProtoType } from 'hawser/codecs/protobuf'
import { line } from 'hawser/framing'
import { embed } from 'hawser/testing'
import test from 'ava'
import { z } from 'zod'

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- two such functions are equal only if A and B are
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the constraint is the assertion
const yes = <T extends true>(): T | undefined => undefined

type Cmd = { type: 'a'; n: number } | { type: 'ping' }
type Ans = { ok: boolean } | { type: 'ping' }
const codec = json<Cmd, Ans>()
yes<Equal<MessageIn<typeof codec>, Cmd>>()
yes<Equal<MessageOut<typeof codec>, Ans>>()
const Schema = z.object({ n: z.number().default(1) })
const checked = json({ in: Schema, out: type<Ans>() })
yes<Equal<MessageIn<typeof checked>, { n: number }>>()
yes<Equal<MessageOut<typeof checked>, Ans>>()
const same = json({ in: Schema })
yes<Equal<MessageOut<typeof same>, { n?: number | undefined }>>()
const mapped = mapCodec(text(), { in: (typed): number => typed.length, out: (flag: boolean) => `${flag}` })
yes<Equal<MessageIn<typeof mapped>, number>>()
yes<Equal<MessageOut<typeof mapped>, boolean>>()
const bytes = raw()
yes<Equal<MessageIn<typeof bytes>, Uint8Array>>()
const packed = msgpack<Cmd>()
yes<Equal<MessageIn<typeof packed>, Cmd>>()

export function unions(ping: ProtoType<{ at: number }>, say: ProtoType<{ text: string }>): void {
  const union = protobufUnion({ ping: { id: 1, type: ping }, say: { id: 2, type: say } })
  yes<
    Equal<
      MessageIn<typeof union>,
      | { readonly type: 'ping'; readonly message: { at: number } }
      | { readonly type: 'say'; readonly message: { text: string } }
    >
  >()
}

export async function servers(): Promise<void> {
  const server = await listen('tcp://*:0', {
    codec,
    heartbeat: { intervalMs: 1, timeoutMs: 2, message: { type: 'ping' }, match: (message) => message.type === 'ping' },
    data: async (peer) => ({ host: peer.remoteAddress.host, hp: 9 }),
    listener: {
      onMessage(session, message) {
        yes<Equal<typeof message, Cmd>>()
        session.data.hp -= 1
        session.send({ ok: true })
      },
    },
  })
  yes<Equal<SessionOf<typeof server>, Session<Cmd, Ans, { host: string; hp: number }>>>()
  server.broadcast({ ok: true }, { filter: (session) => session.data.hp > 0 })
  // @ts-expect-error its sessions cannot send this
  server.broadcast({ type: 'a', n: 1 })

  const client = connect(['tcp://a:1', 'tcp://b:1'], { codec: text(), connections: 2 })
  yes<Equal<SessionOf<typeof client>, Session<string, string, undefined>>>()
  client.send('x')
  // @ts-expect-error nor this
  client.send(5)
  for await (const status of client.status()) {
    if (status.type === 'closed') yes<Equal<typeof status.cause, CloseCause>>()
    // @ts-expect-error only what is closed has one
    void (status.type === 'open' && status.cause)
  }
}

declare const narrow: EventListener<{ type: 'ping' }, Ans>
declare const wrongOut: EventListener<Cmd, string>
declare const needsData: EventListener<Cmd, Ans, { hp: number }>
declare const framing: Framing
declare const size: number | undefined
function maybe<T>(value: T): T | undefined {
  return Math.random() < 0.5 ? value : undefined
}

export function wrongSetups(): unknown {
  return [
    // @ts-expect-error the codec gives more than this listener knows
    listen('tcp://*:0', { codec, listener: narrow }),
    // @ts-expect-error this listener sends what the codec can't encode
    listen('tcp://*:0', { codec, listener: wrongOut }),
    // @ts-expect-error this listener needs data
    listen('tcp://*:0', { codec, listener: needsData }),
    listen('tcp://*:0', { codec, data: () => ({ hp: 1, mp: 2 }), listener: needsData }),
    // @ts-expect-error a framing instance would be shared by all sessions
    listen('tcp://*:0', { codec, framing }),
    // @ts-expect-error no such heartbeat
    listen('tcp://*:0', { codec, heartbeat: { intervalMs: 1, timeoutMs: 2, message: { type: 'pong' } } }),
    // @ts-expect-error a misspelt option
    listen('tcp://*:0', { codec, maxFrameByte: 5 }),
    // @ts-expect-error a misspelt option of a transport
    listen('tcp://*:0', { codec, tcp: { nodelay: true } }),
    // exactOptionalPropertyTypes is on here
    listen('tcp://*:0', {
      codec,
      framing: line(),
      maxFrameBytes: size,
      idleTimeoutMs: size,
      tcp: { keepAliveMs: size },
    }),
    listen('tcp://*:0', {
      codec: text(),
      framing: maybe(line()),
      listener: { onMessage: maybe(() => {}), onCron: undefined },
      handle: undefined,
      stages: maybe([]),
      wrap: maybe([]),
      limits: maybe(() => ({ maxFrameBytes: size })),
      logger: maybe(console),
      env: undefined,
      transports: maybe([]),
      chunks: maybe('kept' as const),
      boundary: undefined,
      heartbeat: maybe({ intervalMs: 1, timeoutMs: 2, message: 'x', match: maybe(() => true), answer: undefined }),
      tls: maybe({ cert: maybe('pem') }),
    }),
    listen('tcp://*:0', { codec: text(), data: undefined, listener: undefined }),
    connect('tcp://x:1', { codec: text(), data: undefined, reconnect: maybe({ maxAttempts: size }), listener: {} }),
    listen(['tcp://*:0', 'ipc:///tmp/x'], { codec: (peer) => (peer.transport === 'tcp' ? codec : codec) }),
    // @ts-expect-error a codec is required
    dial('tcp://x:1', {}),
    // @ts-expect-error not a stream
    attach({ readable: 5 }, { codec }),
    embed({ codec, data: () => ({ hp: 1 }), listener: needsData }),
    // @ts-expect-error as for listen
    embed({ codec, listener: needsData }),
  ]
}

/** A listener as a class, and a stage that does not look into the messages. */
export class Counter implements EventListener<string> {
  #count = 0
  readonly session: Session<string, string>
  constructor(session: Session<string, string>) {
    this.session = session
  }
  onMessage(): void {
    this.session.send(`${++this.#count}`)
  }
}
export const counting = (): unknown =>
  listen('tcp://*:0', { codec: text(), listener: (session) => new Counter(session) })
export const counted = <In, Out>(session: Session<In, Out, unknown>): Stage<In, Out> => ({
  inbound: (message, next) => (session.writable ? next(message) : undefined),
})
export const staged = (): unknown => listen('tcp://*:0', { codec, stages: [counted] })

export async function sessions(): Promise<void> {
  const session = await dial('tcp://x:1', { codec })
  // @ts-expect-error the peer does not speak this
  session.send({ type: 'a', n: 1 })
  for await (const message of session) yes<Equal<typeof message, Cmd>>()
  const any: AnySession = session
  // @ts-expect-error nothing can be sent through a session of unknown type
  any.send({ ok: true })
  const group = new SessionGroup<{ ok: boolean }>()
  group.add(session)
  withTextSession((textSession) => {
    // @ts-expect-error this session can't send it
    group.add(textSession)
    const rooms = new Rooms<string, string>()
    rooms.join('lobby', textSession)
    // @ts-expect-error rooms have keys of one type
    rooms.join(5, textSession)
  })

  try {
    await session.deliver({ ok: true }, { timeoutMs: 5 })
  } catch (error) {
    if (isHawserError(error, 'ERR_MESSAGE_TOO_LARGE')) error.messageBytes.toFixed()
    if (!isHawserError(error)) return
    switch (error.code) {
      case 'ERR_BAD_OPTION':
        error.option.trim()
        break
      case 'ERR_LISTENER':
        error.hook.trim()
        break
      // @ts-expect-error no such code
      case 'ERR_NOTHING':
        break
    }
  }
}

function withTextSession(_use: (session: Session<string, string>) => void): void {}

export const exported: Codec<string> = text()

test('the public types hold: the compiler has said so', (t) => {
  t.pass()
})
