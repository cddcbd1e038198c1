import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { constants, deflateRawSync } from 'node:zlib'
import test from 'ava'
import { raw } from '../../../codecs/raw.ts'
import type { Connection } from '../../../src/core/connection.ts'
import type { CloseCause } from '../../../src/core/session.ts'
import { HawserError } from '../../../src/core/errors.ts'
import { systemEnv } from '../../../src/env/node/system-env.ts'
import { dial, listen } from '../../../src/node.ts'
import { until } from '../../../src/testing/conformance/party.ts'
import { RecordingSink } from '../../support/recording-sink.ts'
import { driveAsClient, DrivingServer, type WebSocketDriver } from '../../support/web-socket-driver.ts'
import { type Subject, subjectDial, subjectListen } from '../../support/web-socket-subject.ts'
import {
  binary,
  type Case,
  fails,
  type Frame,
  goesWell,
  more,
  ping,
  text,
} from '../../transports/websocket/cases/case.ts'

const MIB = 1024 * 1024
const DEFLATE = 'permessage-deflate'
const POLICY_VIOLATION = 1008
const ENGINE = { engine: 'ws', maxFrameBytes: MIB } as const
const COMPRESSED = { ...ENGINE, compression: { thresholdBytes: 0 } } as const

interface Served {
  readonly port: number
  readonly sinks: RecordingSink[]
  readonly connections: Connection[]
  close(): void
}

/** A server on the ws engine that echoes. */
async function serving(compression: Subject['compression'] = false): Promise<Served> {
  const sinks: RecordingSink[] = []
  const connections: Connection[] = []
  const { port, close } = await subjectListen({ ...ENGINE, compression }, (connection) => {
    const sink = new RecordingSink(connection)
    sink.onEach = (chunk) => connection.write(chunk, undefined, true)
    const { onEnd } = sink
    sink.onEnd = (reason) => {
      onEnd.call(sink, reason)
      connection.end()
    }
    sinks.push(sink)
    connections.push(connection)
  })
  return { port, sinks, connections, close }
}

/** What each session was closed with. */
async function errorsOf({ sinks }: Served): Promise<(string | undefined)[]> {
  await until(systemEnv, () => sinks.every(({ events }) => events.at(-1)?.startsWith('close')), 'every onClose')
  return sinks.map(({ closeError }) => (closeError as HawserError | undefined)?.code)
}

function compressed(payload: Buffer, opcode = 1, finishFlush: number = constants.Z_SYNC_FLUSH): Frame {
  const whole = deflateRawSync(payload, { finishFlush })
  return { opcode, payload: finishFlush === constants.Z_SYNC_FLUSH ? whole.subarray(0, -4) : whole, rsv: 4 }
}

async function play(port: number, aCase: Case, extensions?: string): Promise<void> {
  await (await driveAsClient(port, { extensions })).play(aCase, false)
}

test('C-07: an offer of compression that is wrong is declined, and the session goes on without', async (t) => {
  const server = await serving(COMPRESSED.compression)
  const wrong = ['7', '16', '""', '99999999999', '-1', '9; client_max_window_bits=9'].map(
    (bits) => `${DEFLATE}; client_max_window_bits=${bits}`,
  )
  for (const offer of [
    ...wrong,
    `${DEFLATE}; unknown`,
    `${DEFLATE}; server_no_context_takeover=1`,
    'x-unknown',
    ';;',
  ]) {
    const driver = await driveAsClient(server.port, { extensions: offer, declined: true })
    await driver.play(goesWell('C-07', offer, [text('Hello')], [text('Hello')]), false)
  }
  t.is(server.sinks.length, 10)
  server.close()
})

test('C-07: a server that agrees to what nobody asked for is left', async (t) => {
  const answers = [
    '; client_max_window_bits=7',
    '; server_max_window_bits=16',
    '; unknown',
    '; server_max_window_bits=""',
  ]
  for (const parameters of answers) {
    const server = await DrivingServer.listen(
      () => DEFLATE + parameters,
      () => undefined,
    )
    await t.throwsAsync(subjectDial(COMPRESSED, server.port), { code: 'ERR_BAD_FRAME' }, parameters)
    server.close()
  }
  const unasked = await DrivingServer.listen(
    () => DEFLATE,
    () => undefined,
  )
  await t.throwsAsync(subjectDial(ENGINE, unasked.port), { code: 'ERR_BAD_FRAME' })
  unasked.close()
})

test.serial('C-07: a bomb is 1009 before it is inflated, whole and in fragments', async (t) => {
  const server = await serving(COMPRESSED.compression)
  const bomb = compressed(Buffer.alloc(64 * MIB), 2)
  const half = bomb.payload.length >> 1
  const parts = [{ ...bomb, payload: bomb.payload.subarray(0, half), fin: false }, more(bomb.payload.subarray(half))]
  const before = process.memoryUsage().arrayBuffers
  await play(server.port, fails('C-07', '64 MiB in 64 KiB', [bomb], [], 1009), DEFLATE)
  await play(server.port, fails('C-07', 'the same in fragments', parts, [], 1009), DEFLATE)
  t.true(process.memoryUsage().arrayBuffers - before < 8 * MIB)
  for (const sink of server.sinks) {
    await until(systemEnv, () => sink.closeError !== undefined, 'onClose')
    t.like(sink.closeError, { code: 'ERR_FRAME_TOO_LARGE', limitBytes: MIB })
    t.is(sink.chunks.length, 0)
  }
  server.close()
})

test('C-07: a message of maxFrameBytes passes although compressing has made it longer, one byte more is 1009', async (t) => {
  const server = await serving(COMPRESSED.compression)
  const random = randomBytes(MIB)
  const longer = compressed(random, 2)
  t.true(longer.payload.length > MIB)
  await play(server.port, goesWell('C-07', 'what cannot be compressed', [longer], [text(random)]), DEFLATE)
  await play(server.port, fails('C-07', 'one byte more', [compressed(Buffer.alloc(MIB + 1), 2)], [], 1009), DEFLATE)
  t.deepEqual(await errorsOf(server), [undefined, 'ERR_FRAME_TOO_LARGE'])
  server.close()
})

test('C-07: who pauses is given no more than what 4 KiB of compressed bytes hold, and the rest when it goes on', async (t) => {
  const connections: Connection[] = []
  const sink = new RecordingSink()
  const { port, close } = await subjectListen(COMPRESSED, (connection) => {
    connections.push(connection)
    connection.attach(sink)
  })
  t.teardown(() => {
    close()
    connections[0]?.destroy()
  })
  const driver = await driveAsClient(port, { extensions: DEFLATE })
  const burst = Array.from({ length: 256 }, () => compressed(Buffer.alloc(256 * 1024), 2))
  const sends = [{ pieceBytes: MIB, frames: burst }]
  const [connection] = connections
  sink.onEach = () => connection?.pause()
  const played = driver.play({ ...goesWell('C-07', '64 MiB in 64 KiB', sends) }, false)
  await until(systemEnv, () => sink.chunks.length > 0, 'the first message')
  let before = -1
  while (before < sink.chunks.length) {
    before = sink.chunks.length
    await delay(50)
  }
  t.true(sink.byteCount < 6 * MIB, `${sink.byteCount} bytes while paused`)
  sink.onEach = undefined
  sink.onEnd = () => connection?.end()
  connection?.resume()
  await played
  t.is(sink.byteCount, 64 * MIB)
})

test('C-07: what is not deflate is 1007, a compressed control frame or later fragment is 1002', async (t) => {
  const server = await serving(COMPRESSED.compression)
  const garbage = { ...text(Buffer.from('ff'.repeat(40), 'hex')), rsv: 4 }
  await play(server.port, fails('C-07', 'garbage', [garbage], [], 1007), DEFLATE)
  await play(server.port, fails('C-07', 'a ping', [{ ...ping('x'), rsv: 4 }]), DEFLATE)
  const first = { ...compressed(Buffer.from('Hello')), fin: false }
  await play(server.port, fails('C-07', 'a later fragment', [first, { ...more('x'), rsv: 4 }]), DEFLATE)
  const notUtf8 = compressed(Buffer.from([0xc0, 0xaf]))
  await play(server.port, fails('C-07', 'compressed text that is not UTF-8', [notUtf8], [], 1007), DEFLATE)
  t.deepEqual(await errorsOf(server), ['ERR_BAD_MESSAGE', 'ERR_BAD_FRAME', 'ERR_BAD_FRAME', 'ERR_BAD_MESSAGE'])
  server.close()
})

test('C-07: a message with a last block is one (RFC 7692 section 7.2.3.4), and the next one, too', async (t) => {
  const server = await serving(COMPRESSED.compression)
  const final = compressed(Buffer.from('Hello'), 1, constants.Z_FINISH)
  const padded = { ...final, payload: Buffer.concat([final.payload, Buffer.from([0])]) }
  const again = compressed(Buffer.from('again'))
  await play(server.port, goesWell('C-07', 'a last block', [padded, again], [text('Hello'), text('again')]), DEFLATE)
  t.pass()
  server.close()
})

test('messages below the threshold leave as they are, the others compressed', async (t) => {
  const server = await serving({ thresholdBytes: 100 })
  const driver = await driveAsClient(server.port, { extensions: DEFLATE })
  const [small, large] = [text('x'.repeat(99)), text('x'.repeat(100))]
  await driver.play(goesWell('threshold', 'two messages', [small, large, small], [small, large, small]), false)
  t.deepEqual(driver.compressed, [false, true, false, false], 'the last one is the close frame')
  server.close()
})

test('C-03: 1,024 fragments are a message, one more is too many', async (t) => {
  const server = await serving()
  const cut = (count: number): Frame[] => [
    text('', { fin: false }),
    ...Array.from({ length: count - 2 }, () => more('x', false)),
    more('x'),
  ]
  await play(server.port, goesWell('C-03', '1,024 fragments', cut(1024), [text('x'.repeat(1023))]))
  const tooMany = [{ pieceBytes: MIB, frames: cut(1025) }]
  await play(server.port, fails('C-03', '1,025 fragments', tooMany, [], POLICY_VIOLATION))
  await play(server.port, fails('C-03', 'above maxFrameBytes', [binary(Buffer.alloc(MIB + 1))], [], 1009))
  t.deepEqual(await errorsOf(server), [undefined, 'ERR_BAD_FRAME', 'ERR_FRAME_TOO_LARGE'])
  server.close()
})

test('C-03: a message that trickles in is kept in so many pieces as its limit allows', async (t) => {
  const server = await serving()
  const trickle: WebSocketDriver = await driveAsClient(server.port, {})
  const aCase = goesWell(
    'C-03',
    '3,000 bytes one by one',
    [{ pieceBytes: 1, frames: [text('x'.repeat(3000))] }],
    [text('x'.repeat(3000))],
  )
  await trickle.play(aCase, false)
  t.is(server.sinks[0]?.chunks.length, 1)
  t.true((server.sinks[0]?.events.filter((event) => event === 'activity').length ?? 0) > 10, 'each piece is life')
  server.close()
})

test('C-03: a message that is begun and not finished is given up after frameTimeoutMs', async (t) => {
  const causes: CloseCause[] = []
  const server = await listen('ws://127.0.0.1:0', {
    codec: raw(),
    ws: { engine: 'ws' },
    frameTimeoutMs: 30,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    listener: { onClose: (_session, cause) => void causes.push(cause) },
  })
  const driver = await driveAsClient(server.address.port, {})
  await driver.play(fails('C-03', 'half a message', [text('half', { fin: false })], [], POLICY_VIOLATION), false)
  await until(systemEnv, () => causes.length > 0, 'onClose')
  t.like(causes[0], { by: 'error', error: { code: 'ERR_FRAME_TIMEOUT' } })
  await server.close()
})

test('who leaves without a close frame has ended, or is truncated in the middle of a message', async (t) => {
  const server = await serving()
  for (const last of [[], [text('half', { fin: false })]]) {
    const driver = await driveAsClient(server.port, {})
    driver.leave(...last)
    await errorsOf(server)
  }
  t.deepEqual(await errorsOf(server), [undefined, 'ERR_TRUNCATED'])
  t.deepEqual(server.sinks[0]?.lifeCycle, ['end', 'close'])
  t.deepEqual(server.sinks[1]?.lifeCycle.slice(-1), ['close ERR_TRUNCATED'])
  server.close()
})

test('C-08: pings in one burst are answered, the latest at least; a flood is 1008', async (t) => {
  const server = await serving()
  const burst = Array.from({ length: 500 }, (_, i) => ping(`${i}`))
  const all = [{ pieceBytes: MIB, frames: burst }, { untilReplies: burst.length }]
  await play(server.port, goesWell('C-08', '500 pings', all, burst))
  const flood = Array.from({ length: 3000 }, () => ping('flood'))
  const driver = await driveAsClient(server.port, {})
  const end = {
    ...fails('C-08', 'a flood', [{ pieceBytes: MIB, frames: flood }], flood, POLICY_VIOLATION),
    sparesPongs: true,
  }
  await driver.play(end, false)
  await until(systemEnv, () => server.sinks[1]?.closeError !== undefined, 'onClose')
  t.like(server.sinks[1]?.closeError, { code: 'ERR_BAD_FRAME' })
  server.close()
})

test('C-09: the error of destroy chooses the close code, and codes that may not be sent are not', async (t) => {
  const closes: [(connection: Connection) => void, number][] = [
    [(connection) => connection.destroy(new HawserError('ERR_BAD_MESSAGE', 'no')), 1007],
    [(connection) => connection.destroy(new HawserError('ERR_LISTENER', 'no')), 1011],
    [(connection) => connection.end({ code: 1006 }), POLICY_VIOLATION],
    [(connection) => connection.end({ code: 404 }), POLICY_VIOLATION],
    [(connection) => connection.end({ code: 4999, text: '😀'.repeat(40) }), 4999],
    [(connection) => connection.end(), 1000],
  ]
  for (const [close, code] of closes) {
    const server = await serving()
    const driver = await driveAsClient(server.port, {})
    await until(systemEnv, () => server.connections.length > 0, 'accepted')
    const [connection] = server.connections
    if (connection !== undefined) close(connection)
    await driver.play({ ...goesWell('C-09', `close code ${code}`, []), sends: [], closes: code }, false)
    server.close()
  }
  t.pass()
})

test('before the 101 end answers with an HTTP status', async (t) => {
  for (const [code, status] of [
    [401, 401],
    [undefined, 403],
    [1008, 403],
    [200, 403],
    [503, 503],
    [404.5, 403],
    [Number.NaN, 403],
  ] as const) {
    const server = await subjectListen(ENGINE, (connection) => {
      connection.end({ code, text: 'not you' })
      connection.attach(new RecordingSink())
    })
    await t.throwsAsync(driveAsClient(server.port, {}), { message: new RegExp(`answered HTTP/1.1 ${status} `) })
    server.close()
  }
})

test('the answer of a server that is no WebSocket is told', async (t) => {
  const http = createServer((_request, response) => response.writeHead(418).end())
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as { readonly port: number }
  await t.throwsAsync(subjectDial(ENGINE, port), { code: 'ERR_REFUSED' })
  http.close()
})

test.serial('the package turns noDelay on for every socket; the option has the last word, at both ends', async (t) => {
  const last = new Map<Socket, boolean>()
  const { setNoDelay } = Socket.prototype
  Socket.prototype.setNoDelay = function (this: Socket, noDelay = true) {
    last.set(this, noDelay)
    return setNoDelay.call(this, noDelay)
  }
  t.teardown(() => {
    Socket.prototype.setNoDelay = setNoDelay
  })
  for (const noDelay of [false, true]) {
    const setup = { codec: raw(), ws: { engine: 'ws' }, tcp: { noDelay } } as const
    const server = await listen('ws://127.0.0.1:0', setup)
    last.clear()
    const session = await dial(server.address, setup)
    await until(systemEnv, () => server.sessions.size === 1, 'both ends are open')
    t.true(last.size > 0)
    t.deepEqual([...new Set(last.values())], [noDelay])
    await session.close()
    await server.close()
  }
})
