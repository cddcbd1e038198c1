import test from 'ava'
import fc from 'fast-check'
import { raw } from '../../../codecs/raw.ts'
import type { Codec } from '../../../src/core/codec.ts'
import type { Connection, ConnectionSink } from '../../../src/core/connection.ts'
import { copy, EMPTY } from '../../../src/core/bytes.ts'
import { HeldConnection } from '../../../src/testing/held-connection.ts'
import { type VirtualEnv, virtualEnv } from '../../../src/testing/virtual-env.ts'
import { WebSocketConnection } from '../../../src/transports/websocket/web-socket-connection.ts'
import { own } from '../../support/session-pair.ts'

const MIB = 1024 * 1024
const KIB = 1024

/** What a message is written as, piece by piece. */
interface Message {
  readonly text: boolean
  readonly pieces: readonly { readonly length: number; readonly refer: boolean }[]
}

/** Writes its pieces, some by reference, all of them full of 'x'. */
const inPieces: Codec<Uint8Array, Message> = {
  decode: (frame) => frame,
  encode({ text, pieces }, out) {
    out.text = text
    for (const { length, refer } of pieces) {
      const bytes = filled(length)
      if (refer) out.refer(bytes)
      else out.bytes(bytes)
    }
  },
}

class Received implements ConnectionSink {
  readonly messages: { readonly text: boolean; readonly bytes: Uint8Array }[] = []

  onChunk(chunk: Uint8Array, text = false): void {
    this.messages.push({ text, bytes: copy(chunk) })
  }

  onActivity(): void {}
  onEnd(): void {}
  onClose(): void {}
}

function filled(length: number): Uint8Array {
  return new Uint8Array(length).fill(0x78)
}

function webSocket(env: VirtualEnv, role: 'accepted' | 'dialed'): { link: HeldConnection; connection: Connection } {
  const link = new HeldConnection({ env, chunks: 'kept', remoteAddress: 'tcp://192.0.2.1:5' })
  const connection = new WebSocketConnection({
    env,
    link,
    role,
    unread: EMPTY,
    peer: {},
    maxFrameBytes: MIB,
    text: false,
  })
  return { link, connection }
}

const length = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.constantFrom(125, 126, 127, 4095, 4096, 32 * KIB - 1, 32 * KIB, 65_535, 65_536, 200_000),
)
const message = fc.record({
  text: fc.boolean(),
  pieces: fc.array(fc.record({ length, refer: fc.boolean() }), { maxLength: 3 }),
})

for (const role of ['accepted', 'dialed'] as const) {
  const who = role === 'accepted' ? 'a server' : 'a client, masked'
  test(`what ${who} encodes in place, in any mixture of sizes, is read by its peer as it was`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 8 }), async (messages) => {
        const env = virtualEnv()
        const { link, connection } = webSocket(env, role)
        const { session } = own(env, connection, role, { codec: inPieces, cronIntervalMs: 0 })
        await env.settle()
        for (const each of messages) session.send(each)
        await env.settle()
        const peer = webSocket(env, role === 'accepted' ? 'dialed' : 'accepted')
        const received = new Received()
        peer.connection.attach(received)
        await env.settle()
        peer.link.feed(copy(link.takeBytes()))
        await env.settle()
        t.deepEqual(
          received.messages.map(({ text, bytes }) => ({ text, length: bytes.length })),
          messages.map(({ text, pieces }) => ({ text, length: lengthOf(pieces) })),
        )
        t.true(received.messages.every(({ bytes }) => Buffer.from(bytes).equals(filled(bytes.length))))
        t.is(
          session.stats.sentBytes,
          messages.reduce((sum, { pieces }) => sum + lengthOf(pieces), 0),
          'frames are the connection’s',
        )
        session.destroy()
        await env.settle()
      }),
      { numRuns: 60 },
    )
  })
}

test('a payload that goes by reference is not masked where it lies', async (t) => {
  const env = virtualEnv()
  const { link, connection } = webSocket(env, 'dialed')
  const { session } = own(env, connection, 'dialed', { codec: raw(), cronIntervalMs: 0 })
  await env.settle()
  const payload = filled(100 * KIB)
  session.send(payload)
  await env.settle()
  t.true(Buffer.from(payload).equals(filled(100 * KIB)))
  t.is(link.takeBytes().length, 100 * KIB + 14)
  session.destroy()
  await env.settle()
})

test('of the answers to one chunk 128 leave before the others are there; what is sent in one turn leaves as one write', async (t) => {
  const env = virtualEnv()
  const { link, connection } = webSocket(env, 'dialed')
  const { session } = own(env, connection, 'dialed', {
    codec: raw(),
    cronIntervalMs: 0,
    listener: { onMessage: (asked, question) => void asked.send(question) },
  })
  await env.settle()
  const frame = Buffer.from([0x82, 1, 0x78])
  link.feed(Buffer.concat(Array.from({ length: 300 }, () => frame)))
  await env.settle()
  const frameBytes = 2 + 4 + 1
  t.deepEqual(
    link.takeWrites().map(({ bytes }) => bytes.length / frameBytes),
    [128, 172],
    'the rest waits while those are not taken',
  )
  for (let i = 0; i < 1000; i++) session.send(filled(1))
  await env.settle()
  t.deepEqual(
    link.takeWrites().map(({ bytes }) => bytes.length / frameBytes),
    [1000],
  )
  session.destroy()
  await env.settle()
})

test('a close frame, a pong and frames of the session leave in the order in which they were sent', async (t) => {
  const env = virtualEnv()
  const { link, connection } = webSocket(env, 'accepted')
  const { session } = own(env, connection, 'accepted', {
    codec: raw(),
    cronIntervalMs: 0,
    listener: { onMessage: (asked, question) => void asked.send(question) },
  })
  await env.settle()
  link.feed(Buffer.from([0x89, 0x80, 0, 0, 0, 0, 0x82, 0x81, 0, 0, 0, 0, 0x78]))
  await env.settle()
  t.is(Buffer.from(link.takeBytes()).toString('hex'), '8a00820178')
  session.send(filled(1))
  void session.close()
  await env.settle()
  t.is(Buffer.from(link.takeBytes()).toString('hex'), '820178880203e8')
  session.destroy()
  await env.settle()
})

function lengthOf(pieces: Message['pieces']): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0)
}
