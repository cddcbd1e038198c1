import test, { type ExecutionContext } from 'ava'
import { text } from '../../../codecs/text.ts'
import { raw } from '../../../codecs/raw.ts'
import type { CloseReason, Connection, ConnectionSink } from '../../../src/core/connection.ts'
import { type ErrorCode, HawserError, isHawserError } from '../../../src/core/errors.ts'
import { dial, listen } from '../../../src/node.ts'
import { linkOptions } from '../../support/accepting.ts'
import { HeldConnection } from '../../../src/testing/held-connection.ts'
import { hex } from '../../../src/testing/hex.ts'
import { type VirtualEnv, virtualEnv } from '../../../src/testing/virtual-env.ts'
import { WebSocketConnection } from '../../../src/transports/websocket/web-socket-connection.ts'

/** What a connection told, in order. */
class Told implements ConnectionSink {
  readonly words: string[] = []
  readonly chunks: Uint8Array[] = []
  error: Error | undefined
  reason: CloseReason | undefined
  whenChunk: (() => void) | undefined

  onChunk(chunk: Uint8Array, isText?: boolean): void {
    this.chunks.push(chunk)
    this.words.push(`${isText === true ? 'text' : 'binary'} ${Buffer.from(chunk).toString()}`)
    this.whenChunk?.()
  }

  onActivity(): void {
    this.words.push('activity')
  }

  onEnd(reason?: CloseReason): void {
    this.reason = reason
    this.words.push('end')
  }

  onClose(error?: Error): void {
    this.error = error
    this.words.push('close')
  }
}

interface Open {
  readonly env: VirtualEnv
  readonly link: HeldConnection
  readonly connection: Connection
  readonly told: Told
  /** Bytes of the peer, and all that follows from them. */
  feed(bytes: Uint8Array): Promise<void>
  /** What was sent since the last look. */
  sent(): string
}

/** An open WebSocket whose peer is the test; `role` is ours. */
async function open(
  role: 'accepted' | 'dialed',
  options: { readonly maxFrameBytes?: number; readonly boundary?: 'stream'; readonly chunks?: 'borrowed' } = {},
): Promise<Open> {
  const env = virtualEnv()
  const link = new HeldConnection({ env, chunks: options.chunks ?? 'kept', remoteAddress: 'tcp://192.0.2.1:5' })
  const connection = new WebSocketConnection({
    env,
    link,
    role,
    unread: new Uint8Array(0),
    peer: {},
    maxFrameBytes: options.maxFrameBytes ?? 1024,
    boundary: options.boundary,
    text: false,
  })
  const told = new Told()
  connection.attach(told)
  await env.settle()
  const feed = async (bytes: Uint8Array): Promise<void> => {
    link.feed(bytes)
    await env.settle()
  }
  return { env, link, connection, told, feed, sent: () => Buffer.from(link.takeBytes()).toString('hex') }
}

/** A frame as a client sends it, with a mask that changes nothing. */
function masked(first: number, payload: string | Uint8Array = ''): Uint8Array {
  const bytes = Buffer.from(payload)
  const head = bytes.length < 126 ? [0x80 | bytes.length] : [0xfe, bytes.length >> 8, bytes.length & 0xff]
  return Buffer.concat([Buffer.from([first, ...head, 0, 0, 0, 0]), bytes])
}

function closeFrame(code: number, reason = ''): Uint8Array {
  return masked(0x88, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]))
}

/** The error after which it closed, and what the peer was told. */
async function breaks(t: ExecutionContext, bytes: Uint8Array, code: ErrorCode, told: number): Promise<void> {
  const { env, link, feed, sent, told: sink } = await open('accepted')
  await feed(bytes)
  t.is(sent(), `8802${told.toString(16).padStart(4, '0')}`)
  t.false(sink.words.includes('close'), 'the peer is given time to read it')
  link.feed(hex`00 01 02`) // what follows is nobody's
  link.feedEnd()
  await env.settle()
  t.true(isHawserError(sink.error))
  t.is((sink.error as HawserError).code, code)
  t.is(sink.words.at(-1), 'close')
  t.is(env.timers, 0)
}

test('C-02: what breaks the framing is closed with 1002, and ERR_BAD_FRAME', async (t) => {
  for (const bytes of [
    hex`81 02 68 69`, // not masked
    hex`c1 80 00 00 00 00`,
    hex`a1 80 00 00 00 00`,
    hex`91 80 00 00 00 00`,
    hex`83 80 00 00 00 00`,
    hex`8b 80 00 00 00 00`,
    hex`89 fe 00 7e 00 00 00 00`, // a ping of 126 bytes
    hex`09 80 00 00 00 00`, // a ping in fragments
    hex`80 80 00 00 00 00`, // nothing begun
    hex`01 80 00 00 00 00 81 80 00 00 00 00`, // a message in a message
    hex`82 fe 00 7d 00 00 00 00`, // 125 in two bytes
    hex`82 ff 00 00 00 00 00 00 ff ff 00 00 00 00`, // 65,535 in eight
    hex`82 ff 80 00 00 00 00 00 00 00 00 00 00 00`, // the top bit
  ]) {
    await breaks(t, bytes, 'ERR_BAD_FRAME', 1002)
  }
})

test('a client takes no masked frame, and its own are masked', async (t) => {
  const { env, told, feed, sent, link, connection } = await open('dialed')
  connection.write(Buffer.from('hi'), undefined, true)
  const frame = Buffer.from(sent(), 'hex')
  t.deepEqual([...frame.subarray(0, 2)], [0x81, 0x82])
  t.is(Buffer.from(frame.subarray(6).map((byte, at) => byte ^ (frame[2 + at] ?? 0))).toString(), 'hi')
  await feed(hex`81 02 68 69`)
  t.deepEqual(told.words, ['text hi'])
  await feed(masked(0x81, 'hi'))
  link.feedEnd()
  await env.settle()
  t.like(told.error, { code: 'ERR_BAD_FRAME' })
})

test('a frame or message above maxFrameBytes is 1009 as soon as its length is known', async (t) => {
  await breaks(t, hex`82 fe 04 01 00 00 00 00`, 'ERR_FRAME_TOO_LARGE', 1009)
  await breaks(t, hex`82 ff 00 00 00 01 00 00 00 00 00 00 00 00`, 'ERR_FRAME_TOO_LARGE', 1009)
  const parts = Buffer.concat([masked(0x02, new Uint8Array(1000)), hex`80 99 00 00 00 00`])
  await breaks(t, parts, 'ERR_FRAME_TOO_LARGE', 1009)
})

test('C-03: more than 1,024 fragments, empty ones too, are 1008; so many are taken', async (t) => {
  const fragments = (count: number): Uint8Array[] => [
    masked(0x01, 'x'),
    ...Array.from({ length: count - 1 }, (_, at) => masked(0x00, at % 2 === 0 ? '' : 'y')),
  ]
  await breaks(t, Buffer.concat(fragments(1025)), 'ERR_BAD_FRAME', 1008)
  const { told, feed } = await open('accepted')
  await feed(Buffer.concat([...fragments(1023), masked(0x80, 'z')]))
  t.is(told.words.at(-1), `text x${'y'.repeat(511)}z`)
})

test('C-04: text that is not UTF-8 is 1007 at the first impossible byte, across fragments and within a frame', async (t) => {
  await breaks(t, masked(0x81, hex`ce ba ed a0 80`), 'ERR_BAD_MESSAGE', 1007)
  await breaks(t, Buffer.concat([masked(0x01, hex`e2 82`), masked(0x80, hex`28`)]), 'ERR_BAD_MESSAGE', 1007)
  await breaks(t, Buffer.concat([masked(0x01, hex`f0 9f`), masked(0x80)]), 'ERR_BAD_MESSAGE', 1007)
  await breaks(t, hex`81 8a 00 00 00 00 68 69 c0`, 'ERR_BAD_MESSAGE', 1007) // seven bytes are still to come
  const { told, feed } = await open('accepted')
  await feed(Buffer.concat([masked(0x01, hex`e2 82`), masked(0x80, hex`ac`), masked(0x81, 'aé€😀')]))
  t.deepEqual(told.words, ['text €', 'text aé€😀'])
  const binary = await open('accepted')
  await binary.feed(masked(0x82, hex`ff fe`))
  t.is(binary.told.chunks.length, 1)
})

test('a ping is answered by a pong with its bytes, between fragments too; a pong is activity', async (t) => {
  const { told, feed, sent, connection } = await open('accepted')
  await feed(Buffer.concat([masked(0x01, 'a'), masked(0x89, 'there?'), masked(0x80, 'b')]))
  t.is(sent(), `8a06${Buffer.from('there?').toString('hex')}`)
  await feed(masked(0x8a))
  t.deepEqual(told.words, ['text ab', 'activity'])
  connection.ping?.()
  t.is(sent(), '8900')
})

test('C-08: of the pings beyond 16 the latest is answered; a flood is 1008', async (t) => {
  const { env, link, feed, sent, told } = await open('accepted')
  link.stall()
  await feed(Buffer.concat(Array.from({ length: 40 }, (_, at) => masked(0x89, String(at).padStart(2, '0')))))
  link.drain()
  await env.settle()
  const pongs = sent().match(/8a02(....)/g) ?? []
  t.is(pongs.length, 17)
  t.is(pongs.at(-1), `8a02${Buffer.from('39').toString('hex')}`)
  await env.advance(5000)
  const flood = Buffer.concat(Array.from({ length: 2100 }, () => masked(0x8a)))
  await feed(flood)
  t.true(sent().endsWith('880203f0'))
  link.feedEnd()
  await env.settle()
  t.like(told.error, { code: 'ERR_BAD_FRAME' })
})

test('C-09: close codes that may not be on the wire are 1002, the others reach onEnd', async (t) => {
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])
    await breaks(t, closeFrame(code), 'ERR_BAD_FRAME', 1002)
  await breaks(t, masked(0x88, hex`03`), 'ERR_BAD_FRAME', 1002)
  await breaks(t, masked(0x88, hex`03 e8 ff`), 'ERR_BAD_MESSAGE', 1007)
  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]) {
    const { told, feed } = await open('accepted')
    await feed(closeFrame(code, 'why'))
    t.deepEqual(told.reason, { code, text: 'why' })
  }
})

test('C-09: the peer closes: what it sends behind its close frame does not count, ours echoes it, the server ends first', async (t) => {
  const { env, link, told, feed, sent, connection } = await open('accepted')
  await feed(Buffer.concat([masked(0x81, 'last'), closeFrame(4000, 'bye'), masked(0x81, 'late'), closeFrame(4001)]))
  t.deepEqual(told.words, ['text last', 'end'])
  connection.write(Buffer.from('answer'))
  t.is(link.ended, undefined)
  connection.end()
  connection.write(Buffer.from('nothing more'))
  t.is(sent(), `8206${Buffer.from('answer').toString('hex')}88050fa0${Buffer.from('bye').toString('hex')}`)
  t.not(link.ended, undefined)
  link.feedEnd()
  await env.settle()
  t.deepEqual(told.words, ['text last', 'end', 'close'])
  t.is(told.error, undefined)
})

test('C-09: we close: messages still come until the peer has closed, too; a client waits for the end of its server', async (t) => {
  for (const role of ['accepted', 'dialed'] as const) {
    const { env, link, told, feed, sent, connection } = await open(role)
    connection.end({ code: 1000, text: 'done' })
    connection.end({ code: 4000 })
    const frame = sent()
    if (role === 'accepted') t.is(frame, '880603e8646f6e65')
    else t.regex(frame, /^8886/)
    await feed(role === 'accepted' ? masked(0x81, 'still') : hex`81 05 73 74 69 6c 6c`)
    t.is(link.ended, undefined)
    await feed(role === 'accepted' ? closeFrame(1000) : hex`88 02 03 e8`)
    t.deepEqual(told.words, ['text still', 'end'])
    t.is(link.ended === undefined, role === 'dialed')
    link.feedEnd()
    await env.settle()
    t.is(told.words.at(-1), 'close')
  }
})

test('a close frame without a code says none; one that may not be sent becomes 1008; a long text is cut between characters', async (t) => {
  const answering = await open('accepted')
  await answering.feed(masked(0x88))
  t.deepEqual(answering.told.reason, {})
  answering.connection.end()
  t.is(answering.sent(), '8800')
  for (const [reason, expected] of [
    [{}, '880203e8'],
    [{ code: 401 }, '880203f0'],
    [{ code: 1006 }, '880203f0'],
    [{ code: 4000, text: '€'.repeat(50) }, `887d0fa0${'e282ac'.repeat(41)}`],
  ] as const) {
    const { connection, sent } = await open('accepted')
    connection.end(reason)
    t.is(sent(), expected)
  }
})

test('destroy sends the close code of its error, and nothing without one', async (t) => {
  for (const [error, expected] of [
    [new HawserError('ERR_IDLE_TIMEOUT', 'nothing came'), '880203f0'],
    [new HawserError('ERR_BAD_MESSAGE', 'not mine'), '880203ef'],
    [new Error('something'), ''],
    [undefined, ''],
  ] as const) {
    const { env, connection, sent, told } = await open('accepted')
    connection.destroy(error)
    t.is(sent(), expected)
    await env.settle()
    t.deepEqual(told.words, ['close'])
    t.is(told.error, error)
  }
})

test('a peer that leaves without a close frame has ended; in the middle of a message that is ERR_TRUNCATED', async (t) => {
  const { env, link, told, connection } = await open('accepted')
  link.feedEnd()
  await env.settle()
  t.deepEqual([told.words, told.reason], [['end'], undefined])
  connection.write(Buffer.from('x'))
  connection.end()
  await env.settle()
  t.deepEqual(told.words, ['end', 'close'])
  for (const bytes of [hex`81`, hex`81 85 00 00 00 00 68`, masked(0x01, 'begun')]) {
    const other = await open('accepted')
    await other.feed(bytes)
    other.link.feedEnd()
    await other.env.settle()
    t.like(other.told.error, { code: 'ERR_TRUNCATED' })
    t.false(other.told.words.includes('end'))
    t.is(other.env.timers, 0)
  }
})

test('a peer that broke the rules and neither ends nor reads is cut off after a while', async (t) => {
  const { env, told, feed } = await open('accepted')
  await feed(hex`ff ff`)
  await env.advance(1900)
  t.false(told.words.includes('close'))
  await env.advance(200)
  t.is(told.words.at(-1), 'close')
  t.like(told.error, { code: 'ERR_BAD_FRAME' })
  t.is(env.timers, 0)
})

test('what is written in one turn, under cork or while a chunk is read, leaves as one write, and each is taken once', async (t) => {
  const { env, link, connection, told, feed } = await open('accepted')
  const taken: number[] = []
  told.whenChunk = () => connection.write(Buffer.from('answer'), () => taken.push(taken.length))
  await feed(Buffer.concat(Array.from({ length: 300 }, () => masked(0x82, 'question'))))
  t.is(link.takeWrites().length, 1)
  t.is(taken.length, 300)
  told.whenChunk = undefined
  connection.cork()
  for (let i = 0; i < 10; i++) connection.write(Buffer.from('x'))
  connection.ping?.()
  t.is(link.takeWrites().length, 0)
  t.is(connection.bufferedBytes, 10 * 3 + 2)
  connection.uncork()
  t.is(link.takeWrites().length, 1)
  await env.settle()
  t.is(connection.bufferedBytes, 0)
})

test('a large payload goes by reference behind its header, a masked one in masked copies; all of it together', async (t) => {
  const large = Buffer.alloc(200_000, 'large')
  const server = await open('accepted')
  let taken = 0
  server.connection.write(Buffer.from('before'))
  server.connection.write(large, () => taken++)
  const writes = server.link.takeWrites()
  t.deepEqual(
    writes.map(({ bytes }) => bytes.length),
    [8, 10, 200_000],
  )
  t.is(writes[1]?.flight, writes[2]?.flight)
  await server.env.settle()
  t.is(taken, 1)
  const client = await open('dialed')
  client.connection.write(large, () => taken++)
  const wire = Buffer.from(client.sent(), 'hex')
  await client.env.settle()
  t.is(taken, 2)
  const other = await open('accepted', { maxFrameBytes: 200_000 })
  await other.feed(wire)
  t.true(Buffer.from(other.told.chunks[0] ?? []).equals(large))
})

test('after 1,024 frames of one chunk the others have their turn, and pause stops in the middle of it', async (t) => {
  const { env, link, connection, told } = await open('accepted')
  link.feed(Buffer.concat(Array.from({ length: 3000 }, () => masked(0x82, 'x'))))
  await new Promise<void>((resolve) => env.defer(resolve))
  t.true(told.words.length <= 1024)
  await env.settle()
  t.is(told.words.length, 3000)
  told.whenChunk = () => connection.pause()
  link.feed(Buffer.concat([masked(0x82, 'one'), masked(0x82, 'two')]))
  await env.settle()
  t.is(told.words.length, 3001)
  t.true(link.isPaused)
  told.whenChunk = undefined
  connection.resume()
  t.is(told.words.length, 3001, 'not inside of resume()')
  await env.settle()
  t.is(told.words.at(-1), 'binary two')
  t.false(link.isPaused)
})

test('bytes that are not ours alone are not unmasked where they lie', async (t) => {
  const key = [1, 2, 3, 4]
  const hello = Buffer.from('hello').map((byte, at) => byte ^ (key[at & 3] ?? 0))
  const { told, feed } = await open('accepted', { chunks: 'borrowed' })
  await feed(Buffer.from([0x81, 0x85, ...key, ...hello])) // the link fills the chunk with 0xDB afterwards
  t.is(Buffer.from(told.chunks[0] ?? []).toString(), 'hello')
})

test("boundary 'stream': a message comes in the pieces it arrives in, whatever its size", async (t) => {
  const { told, feed } = await open('accepted', { maxFrameBytes: 10, boundary: 'stream' })
  await feed(hex`82 fe 00 c8 00 00 00 00 31 32`)
  await feed(Buffer.from('3'.repeat(198)))
  t.deepEqual(told.words, ['binary 12', `binary ${'3'.repeat(198)}`])
})

test('a session is told the code and reason of its peer, and text goes as text', async (t) => {
  const server = await listen('ws://127.0.0.1:0', {
    codec: text(),
    listener: {
      onMessage: (session, message) => void session.close({ code: 4000, reason: `not ${message}` }),
    },
  })
  const session = await dial(server.address, { codec: text() })
  session.send('this')
  t.deepEqual(await session.closed, { by: 'remote', code: 4000, reason: 'not this' })
  const [goneSession, bytes] = await Promise.all([
    dial(server.address, { codec: text() }),
    dial(server.address, { codec: raw() }),
  ])
  bytes.send(Uint8Array.of(0xff)) // binary, and no text
  t.like(await bytes.closed, { by: 'remote', code: 1007 })
  const cutOff = await dial(server.address, { codec: text() })
  for (const accepted of server.sessions) {
    if (accepted.remoteAddress.port === cutOff.localAddress.port)
      accepted.destroy(new HawserError('ERR_STALLED', 'no more'))
  }
  t.like(await cutOff.closed, { by: 'remote', code: 1008 })
  await server.close({ reason: 'out for lunch' })
  t.deepEqual(await goneSession.closed, { by: 'remote', code: 1001, reason: 'out for lunch' })
})

test('C-03: a message begun and not finished within frameTimeoutMs ends the session, however busy its peer is', async (t) => {
  const env = virtualEnv()
  const errors: string[] = []
  const server = await listen('ws://127.0.0.1:80', {
    env,
    codec: raw(),
    frameTimeoutMs: 1000,
    listener: { onError: (_session, error) => void errors.push(error.code) },
  })
  const link = await env.net?.dial({ host: '127.0.0.1', port: 80 }, linkOptions('dialed', {}, { env }))
  const told = new Told()
  link?.attach(told)
  const write = (bytes: Uint8Array | string): void => link?.write(Buffer.from(bytes))
  write(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  )
  await env.settle()
  write(Buffer.concat([masked(0x82, 'whole'), masked(0x02, 'begun')]))
  await env.advance(600)
  write(masked(0x00, 'more'))
  write(masked(0x80, 'the end'))
  await env.advance(900)
  t.deepEqual(errors, [], 'it came in time')
  write(masked(0x02, 'begun'))
  for (let i = 0; i < 3; i++) {
    write(masked(0x00, 'x'))
    await env.advance(400)
  }
  t.deepEqual(errors, ['ERR_FRAME_TIMEOUT'])
  t.deepEqual([...(told.chunks.at(-1) ?? [])], [0x88, 2, 3, 0xf0])
  link?.destroy()
  server.destroy()
  await env.settle()
})
