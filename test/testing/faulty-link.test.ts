import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect as connectSocket, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import type { CloseCause } from '../../src/core/session.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { connect, dial, listen } from '../../src/node.ts'
import { pause, until } from '../../src/testing/conformance/party.ts'
import { type FaultyLink, faultyLink } from '../../src/testing/faulty-link.ts'
import { Authority } from '../support/certificates.ts'
import { noLeaks, resources } from '../support/leaks.ts'

/** A plain server that keeps what it is sent, and its sockets. */
class Plain {
  readonly server: Server
  readonly sockets: Socket[] = []
  readonly errors: string[] = []
  received: Buffer = Buffer.alloc(0)
  ended = 0

  constructor(echo = false) {
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.push(socket)
      socket.on('error', (error: NodeJS.ErrnoException) => this.errors.push(error.code ?? ''))
      socket.on('end', () => this.ended++)
      socket.on('data', (chunk) => {
        this.received = Buffer.concat([this.received, chunk])
        if (echo) socket.write(chunk)
      })
    })
  }

  async start(path?: string): Promise<string> {
    this.server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path })
    await once(this.server, 'listening')
    return path === undefined ? `tcp://127.0.0.1:${(this.server.address() as AddressInfo).port}` : `ipc://${path}`
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy()
    this.server.close()
  }
}

/** One end in our hand, and what became of it. */
class Dialer {
  readonly socket: Socket
  readonly chunks: number[] = []
  received: Buffer = Buffer.alloc(0)
  ended = false
  closed = false
  error: string | undefined

  constructor({ address }: FaultyLink) {
    const target = address.scheme === 'ipc' ? { path: address.path } : { host: address.host, port: address.port }
    this.socket = connectSocket({ ...target, allowHalfOpen: true, noDelay: true })
    this.socket.on('data', (chunk) => {
      this.chunks.push(chunk.length)
      this.received = Buffer.concat([this.received, chunk])
    })
    this.socket.on('end', () => (this.ended = true))
    this.socket.on('close', () => (this.closed = true))
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code))
  }
}

const soon = (condition: () => boolean, what: string) => until(systemEnv, condition, what)
const sample = Buffer.from(Array.from({ length: 5_000 }, (_, at) => (at * 7) % 251))

async function setUp(
  t: ExecutionContext,
  options: Parameters<typeof faultyLink>[1] = {},
  where: { echo?: boolean; path?: string } = {},
): Promise<{ plain: Plain; link: FaultyLink; dialer: () => Dialer }> {
  const plain = new Plain(where.echo)
  const link = await faultyLink(await plain.start(where.path), options)
  const dialers: Dialer[] = []
  t.teardown(async () => {
    for (const { socket } of dialers) socket.destroy()
    await link[Symbol.asyncDispose]()
    plain.stop()
  })
  const dialer = () => {
    const made = new Dialer(link)
    dialers.push(made)
    return made
  }
  return { plain, link, dialer }
}

test.serial(
  'without faults it passes on every byte and both ends of both directions, and leaves nothing',
  async (t) => {
    const before = resources()
    const plain = new Plain(true)
    const link = await faultyLink(await plain.start())
    const dialer = new Dialer(link)
    dialer.socket.write(sample)
    await soon(() => dialer.received.length === sample.length, 'the echo')
    t.deepEqual(dialer.received, sample)
    dialer.socket.end()
    await soon(() => plain.ended === 1, 'the end on its way forth')
    t.false(dialer.ended, 'the other direction is still open')
    plain.sockets[0]?.end('bye')
    await soon(() => dialer.closed, 'the end on its way back')
    t.is(dialer.received.subarray(-3).toString(), 'bye')
    t.is(dialer.error, undefined)
    await link[Symbol.asyncDispose]()
    plain.stop()
    await noLeaks(t, before)
  },
)

test('slices arrive one by one, and the same seed turns the same bits of the same bytes', async (t) => {
  const run = async (seed: number, portions: number) => {
    const faults = { seed, sliceBytes: 50, corruptRatio: 0.3 }
    const { plain, dialer } = await setUp(t, faults)
    const { socket } = dialer()
    for (let at = 0; at < sample.length; at += sample.length / portions) {
      socket.write(sample.subarray(at, at + sample.length / portions))
      await pause(systemEnv, 1) // so that the proxy reads each by itself
    }
    await soon(() => plain.received.length === sample.length, 'all of it')
    return plain.received
  }
  const first = await run(3, 1)
  const flipped = first.filter((byte, at) => byte !== sample[at])
  t.true(flipped.length > 20 && flipped.length < 120, `${flipped.length} bytes of about 200 slices`)
  t.deepEqual(await run(3, 50), first, 'however the bytes came')
  t.notDeepEqual(await run(4, 1), first)
  const sliced = await setUp(t, { sliceBytes: 50 }, { echo: true })
  const dialer = sliced.dialer()
  dialer.socket.write(sample)
  await soon(() => dialer.received.length === sample.length, 'the slices')
  t.deepEqual(dialer.received, sample)
  t.true(Math.max(...dialer.chunks) <= 100, 'at most two slices in one read')
})

test('after cutAfterBytes these have arrived, and both ends are reset', async (t) => {
  const { plain, dialer } = await setUp(t, { cutAfterBytes: 1_234 })
  const broken = dialer()
  broken.socket.write(sample)
  await soon(() => broken.closed && plain.errors.length === 1, 'both resets')
  t.is(broken.error, 'ECONNRESET')
  t.deepEqual(plain.received, sample.subarray(0, 1_234))
  t.deepEqual(plain.errors, ['ECONNRESET'])
})

test('reset breaks the links that there are, and new ones are served', async (t) => {
  const { plain, link, dialer } = await setUp(t, {}, { echo: true })
  const broken = dialer()
  broken.socket.write('a')
  await soon(() => broken.received.length === 1, 'a link')
  link.reset()
  await soon(() => broken.closed && plain.errors.length === 1, 'resets')
  t.is(broken.error, 'ECONNRESET')
  t.deepEqual(plain.errors, ['ECONNRESET'])
  const next = dialer()
  next.socket.write('b')
  await soon(() => next.received.length === 1, 'the next link')
  t.is(next.error, undefined)
})

test('a reset of one end is a reset of the other', async (t) => {
  const { plain, dialer } = await setUp(t, {}, { echo: true })
  const broken = dialer()
  broken.socket.write('a')
  await soon(() => broken.received.length === 1, 'a link')
  plain.sockets[0]?.resetAndDestroy()
  await soon(() => broken.closed, 'the reset')
  t.is(broken.error, 'ECONNRESET')
})

test('cut is silence, for new links too, and what waited arrives after heal', async (t) => {
  const { plain, link, dialer } = await setUp(t, {}, { echo: true })
  const old = dialer()
  old.socket.write('a')
  await soon(() => old.received.length === 1, 'a link')
  link.cut()
  old.socket.write('b')
  const fresh = dialer()
  fresh.socket.write('c')
  await pause(systemEnv, 50)
  t.is(plain.received.toString(), 'a')
  t.is(plain.sockets.length, 1)
  t.deepEqual([old.closed, fresh.closed], [false, false])
  link.heal()
  await soon(() => old.received.length === 2 && fresh.received.length === 1, 'what waited')
  t.is(old.received.toString(), 'ab')
})

test('half open: one end is gone, the other is not told until heal, and new links are served', async (t) => {
  const { plain, link, dialer } = await setUp(t, {}, { echo: true })
  const widow = dialer()
  widow.socket.write('a')
  await soon(() => widow.received.length === 1, 'a link')
  link.halfOpen()
  await soon(() => plain.errors.length === 1, 'the reset of the target')
  widow.socket.write('b')
  const fresh = dialer()
  fresh.socket.write('c')
  await soon(() => fresh.received.length === 1, 'a link that is whole')
  t.deepEqual([widow.closed, widow.ended, widow.received.toString()], [false, false, 'a'])
  link.heal()
  await soon(() => widow.closed, 'the reset')
  t.is(widow.error, 'ECONNRESET')
  t.false(fresh.closed)

  link.halfOpen('target')
  await soon(() => fresh.closed, 'the reset of the dialer')
  t.is(plain.errors.length, 1, 'the target is not told')
})

test('what happens while the target is being dialed happens to that link', async (t) => {
  const { link, dialer } = await setUp(t, {}, { echo: true })
  const early = dialer()
  await once(early.socket, 'connect')
  await new Promise(setImmediate)
  link.reset()
  await soon(() => early.closed, 'the reset')
  t.is(early.error, 'ECONNRESET')
})

test('dials are refused by a reset, or get no answer until heal', async (t) => {
  const { plain, link, dialer } = await setUp(t, { dials: 'refuse' }, { echo: true })
  const refused = dialer()
  await soon(() => refused.closed, 'the refusal')
  t.is(plain.sockets.length, 0)
  link.setFaults({ dials: 'ignore' })
  const ignored = dialer()
  ignored.socket.write('x')
  await pause(systemEnv, 50)
  t.deepEqual([plain.sockets.length, ignored.closed], [0, false])
  link.heal()
  await soon(() => ignored.received.length === 1, 'the answer')
})

test('a target that is not there resets the dialer', async (t) => {
  const { plain, dialer } = await setUp(t)
  plain.stop()
  await once(plain.server, 'close')
  const alone = dialer()
  await soon(() => alone.closed, 'the reset')
  t.is(alone.error, 'ECONNRESET')
})

test('latency and throttle delay what arrives, in order', async (t) => {
  const { dialer, link } = await setUp(t, { latencyMs: 60, jitterMs: 40 }, { echo: true })
  const slow = dialer()
  const started = systemEnv.now()
  for (let at = 0; at < 100; at++) slow.socket.write(Buffer.of(at))
  await soon(() => slow.received.length === 100, 'the echo')
  t.true(systemEnv.now() - started >= 118, 'twice the latency, but for the clock’s grain')
  t.deepEqual(
    [...slow.received],
    Array.from({ length: 100 }, (_, at) => at),
  )

  link.setFaults({ bytesPerSecond: 20_000 })
  slow.received = Buffer.alloc(0)
  const throttled = systemEnv.now()
  slow.socket.write(sample)
  await soon(() => slow.received.length === sample.length, 'the echo')
  t.true(systemEnv.now() - throttled >= 240, '5,000 bytes at 20,000 a second')
  t.deepEqual(slow.received, sample)
})

test('a target that reads nothing is felt by the dialer: no more is held than the window', async (t) => {
  const { plain, dialer } = await setUp(t, { windowBytes: 10_000 })
  plain.server.prependListener('connection', (socket: Socket) => setImmediate(() => socket.pause()))
  const { socket } = dialer()
  const block = Buffer.alloc(1 << 20)
  // What the kernel's own buffers hold is some MiB: a proxy without an end would take all of this.
  for (let count = 0; count < 64; count++) socket.write(block)
  for (let before = -1; before !== socket.writableLength; ) {
    before = socket.writableLength
    await pause(systemEnv, 300)
  }
  t.true(socket.writableLength > 30 * block.length, `${socket.writableLength} bytes wait at the dialer's`)
})

test('Unix sockets: a file beside the target’s, that is removed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'faulty-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { link, dialer } = await setUp(t, { sliceBytes: 3 }, { echo: true, path: join(folder, 'target') })
  const here = dialer()
  here.socket.write('hello there')
  await soon(() => here.received.length === 11, 'the echo')
  t.is(here.received.toString(), 'hello there')
  t.is(readdirSync(folder).length, 2)
  link.reset()
  await soon(() => here.ended || here.closed, 'the end')
  await link[Symbol.asyncDispose]()
  t.deepEqual(readdirSync(folder), ['target'])
})

test('faults of datagrams, unknown ones and targets without a stream are refused', async (t) => {
  await t.throwsAsync(faultyLink('udp://127.0.0.1:9'), { code: 'ERR_BAD_OPTION' })
  await t.throwsAsync(faultyLink('tcp://127.0.0.1:0'), { code: 'ERR_BAD_ADDRESS' })
  await t.throwsAsync(faultyLink('tcp://127.0.0.1:9', { lossRatio: 0.5 }), { message: /datagrams/ })
  await t.throwsAsync(faultyLink('tcp://127.0.0.1:9', { sliceBytes: 0 }), { message: /sliceBytes/ })
  const typo = { sliceByte: 1 } as object
  await t.throwsAsync(faultyLink('tcp://127.0.0.1:9', typo), { message: /did you mean sliceBytes/ })
  const link = await faultyLink('tcp://127.0.0.1:9')
  t.throws(() => link.setFaults({ duplicateRatio: 1 }), { code: 'ERR_BAD_OPTION' })
  await link[Symbol.asyncDispose]()
})

// ── With our own ends ─────────────────────────────────────────────────────────────────────────────────────

const lines = { codec: text(), framing: line(), logger: { debug() {}, info() {}, warn() {}, error() {} } }

test('a Client comes back after each reset, and loses nothing that was answered', async (t) => {
  const echo = {
    ...lines,
    listener: { onMessage: (session: { send(m: string): boolean }, m: string) => session.send(m) },
  }
  const server = await listen('tcp://127.0.0.1:0', echo)
  const link = await faultyLink(server.address, { sliceBytes: 4 })
  const client = connect(link.address, { ...lines, reconnect: { initialMs: 1, maxMs: 5 } })
  t.teardown(async () => {
    client.destroy()
    server.destroy()
    await link[Symbol.asyncDispose]()
  })
  for (let round = 0; round < 5; round++) {
    const session = await client.session({ timeoutMs: 5_000 })
    session.send(`round ${round}`)
    t.is(await session.receive({ timeoutMs: 5_000 }), `round ${round}`)
    link.reset()
    const cause = await session.closed
    t.like(cause, { by: 'error', error: { code: 'ERR_CONNECTION_RESET' } })
  }
})

test('heartbeats find a link that is half open, at either end', async (t) => {
  const heartbeat = { intervalMs: 20, timeoutMs: 100, message: 'ping', match: (m: string) => m === 'ping' }
  const causes: Record<string, CloseCause> = {}
  const told = (name: string) => ({ onClose: (_: unknown, cause: CloseCause) => void (causes[name] = cause) })
  const server = await listen('tcp://127.0.0.1:0', { ...lines, heartbeat, listener: told('server') })
  const link = await faultyLink(server.address)
  t.teardown(async () => {
    server.destroy()
    await link[Symbol.asyncDispose]()
  })
  const first = await dial(link.address, { ...lines, heartbeat, listener: told('dialer') })
  await soon(() => server.sessions.size === 1, 'both ends')
  link.halfOpen()
  t.like(await first.closed, { by: 'error', error: { code: 'ERR_HEARTBEAT_TIMEOUT' } })
  await soon(() => causes['server'] !== undefined, 'the other end')
  t.like(causes['server'], { by: 'error', error: { code: 'ERR_CONNECTION_RESET' } })

  await dial(link.address, { ...lines, heartbeat, listener: told('second') })
  await soon(() => server.sessions.size === 1, 'both ends again')
  link.halfOpen('target')
  await soon(() => server.sessions.size === 0, 'the heartbeat')
  t.like(causes['server'], { by: 'error', error: { code: 'ERR_HEARTBEAT_TIMEOUT' } })
})

test('TLS and WebSocket go through it', async (t) => {
  const { cert, key } = new Authority('Hawser test authority').issue('localhost', 'IP:127.0.0.1')
  const echo = { onMessage: (session: { send(m: string): boolean }, m: string) => session.send(m) }
  const server = await listen(['tls://127.0.0.1:0', 'ws://127.0.0.1:0/chat'], {
    codec: text(),
    tls: { cert, key },
    listener: echo,
  })
  for (const target of server.addresses) {
    const link = await faultyLink(target, { sliceBytes: 7 })
    t.is(link.address.scheme, target.scheme)
    t.is(link.address.path, target.path)
    const session = await dial(link.address, { codec: text(), tls: { insecure: true } })
    session.send('through')
    t.is(await session.receive({ timeoutMs: 5_000 }), 'through')
    await session.close()
    await link[Symbol.asyncDispose]()
  }
  server.destroy()
})
