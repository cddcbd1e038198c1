import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex, PassThrough, type Readable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { line } from '../codecs/framing/line.ts'
import { text } from '../codecs/text.ts'
import {
  attach,
  type ClientStatus,
  type CloseCause,
  type Closable,
  closeOnSignals,
  connect,
  dial,
  HawserError,
  isHawserError,
  listen,
  type Session,
  type SessionOf,
  systemEnv,
  TaskPool,
} from '../src/index.ts'
import { Authority } from './support/certificates.ts'
import { codeOf, gate } from './support/endpoint-world.ts'

const lines = { codec: text(), framing: line() }
const echo = {
  ...lines,
  listener: { onMessage: (session: Session<string, string>, message: string) => session.send(message) },
}
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

test('echo over tcp, ipc and memory: listen, dial, connect', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'))
  const server = await listen(['tcp://127.0.0.1:0', `ipc://${folder}/echo`, 'inproc://echo'], echo)
  for (const address of server.addresses) {
    const session = await dial(address, lines)
    session.send('hello')
    t.is(await session.receive({ timeoutMs: 5_000 }), 'hello')
    await session.close()
  }
  const client = connect(server.address, { ...lines, connections: 2 })
  await client.ready({ timeoutMs: 5_000 })
  t.is(client.sessions.size, 2)
  const closing = client.close()
  await closing
  await server.close()
  t.is(server.stats.totalSessions, 5)
  rmSync(folder, { recursive: true })
})

test('what listen and dial meet is a rejection with a code and a cause', async (t) => {
  const server = await listen('tcp://127.0.0.1:0', echo)
  t.is(await codeOf(listen(server.address.href, echo)), 'ERR_ADDRESS_IN_USE')
  const { href } = server.address
  await server.close()
  const error = await t.throwsAsync(dial(href, lines))
  t.true(isHawserError(error, 'ERR_CONNECTION_REFUSED'))
  t.like(error?.cause, { code: 'ECONNREFUSED' })
  t.is(await codeOf(dial('tcp://127.0.0.1:1', { ...lines, tcp: { noDelay: 'yes' as never } })), 'ERR_BAD_OPTION')
  t.is(await codeOf(listen('tls://127.0.0.1:0', echo)), 'ERR_BAD_OPTION') // no certificate
})

test('data, admit and onStatus keep their types through the doors', async (t) => {
  const server = await listen('inproc://typed', {
    ...lines,
    data: () => ({ hits: 0 }),
    listener: {
      onMessage(session, message) {
        session.data.hits++
        session.send(`${message} ${session.data.hits}`)
      },
    },
  })
  const typed: SessionOf<typeof server>[] = [...server.sessions]
  t.deepEqual(typed, [])
  const session = await dial('inproc://typed', lines)
  session.send('hit')
  t.is(await session.receive(), 'hit 1')
  await server.close()
})

test('attach speaks over any pair of streams, a Duplex and a child’s stdio; no hook runs inside the call', async (t) => {
  const [there, back] = [new PassThrough(), new PassThrough()]
  let inside = true
  const near = attach(
    { readable: there, writable: back },
    {
      ...lines,
      listener: {
        onOpen: () => t.false(inside),
        onMessage: (session, message) => session.send(message.toUpperCase()),
      },
    },
  )
  inside = false
  const far = await attach(Duplex.from({ readable: back, writable: there }), lines)
  far.send('pipe')
  t.is(await far.receive({ timeoutMs: 5_000 }), 'PIPE')
  t.is((await near).peer.role, 'attached')
  await far.close()
  await (await near).closed

  const child = spawn(process.execPath, ['-e', 'process.stdin.pipe(process.stdout)'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const session = await attach({ readable: child.stdout, writable: child.stdin }, lines)
  session.send('through a process')
  t.is(await session.receive({ timeoutMs: 10_000 }), 'through a process')
  const exited = once(child, 'exit')
  await session.close()
  await exited

  const refusing = new PassThrough()
  t.is(
    await codeOf(
      attach(refusing, {
        ...lines,
        data: () => {
          throw new HawserError('ERR_REFUSED', 'no', { details: { status: undefined } })
        },
      }),
    ),
    'ERR_REFUSED',
  )
})

test('TLS with client certificates: reloadTls changes the certificate, keeps the rest, and drops no session', async (t) => {
  const authority = new Authority('doors')
  const ca = authority.cert
  const server = await listen('tls://127.0.0.1:0', {
    ...echo,
    logger: quiet,
    tls: { ...authority.issue('first', 'IP:127.0.0.1'), ca, clientCertificate: 'required' },
  })
  const device = { ...authority.issue('device'), ca }
  const session = await dial(server.address, { ...lines, tls: device })
  t.is(session.peer.certificate?.subject['CN'], 'first')
  session.send('so that the server knows me')
  await session.receive({ timeoutMs: 5_000 })
  const [accepted] = server.sessions
  t.is(accepted?.peer.certificate?.subject['CN'], 'device')
  t.throws(() => server.reloadTls({ cert: 'nonsense', key: 'nonsense' }))
  server.reloadTls(authority.issue('second', 'IP:127.0.0.1'))
  const later = await dial(server.address, { ...lines, tls: device })
  t.is(later.peer.certificate?.subject['CN'], 'second')
  later.send('me, too')
  await later.receive({ timeoutMs: 5_000 })
  session.send('still here')
  t.is(await session.receive({ timeoutMs: 5_000 }), 'still here')

  // With TLS 1.3 a client learns after its handshake that its certificate is missed.
  const heard: string[] = []
  const anonymous = await dial(server.address, {
    ...lines,
    tls: { ca },
    listener: { onError: (_session, error) => void heard.push(error.message) },
  })
  const causeOfEnd = await anonymous.closed
  t.like(causeOfEnd, { by: 'error', error: { code: 'ERR_TLS', retryable: false } })
  t.is(heard.length, 1)
  t.regex(heard[0] ?? '', /the peer refused our certificate: certificate required/)
  t.is(codeOfCause(causeOfEnd), 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
  const turnedAway = connect(server.address, { ...lines, logger: quiet, tls: { ca } })
  for await (const status of turnedAway.status()) {
    if (status.type !== 'closed') continue
    t.like(status.cause, { by: 'error', error: { code: 'ERR_TLS' } })
    break
  }
  await turnedAway.close()
  t.is(server.stats.totalSessions, 2)

  const suspicious = connect(server.address, {
    ...lines,
    logger: quiet,
    tls: { ...device, ca: new Authority('other').cert },
  })
  const failed: ClientStatus[] = []
  for await (const status of suspicious.status()) {
    failed.push(status)
    if (status.type === 'failed') break
  }
  t.like(failed.at(-1), { type: 'failed', error: { code: 'ERR_TLS' } })
  await suspicious.close()
  await session.close()
  await later.close()
  await server.close()
})

test('over the limit a socket is closed, and the next one in its place is served', async (t) => {
  const server = await listen('tcp://127.0.0.1:0', { ...echo, maxSessionsPerHost: 1, logger: quiet })
  const { port } = server.address
  const first = await dial(server.address, lines)
  const socket = createConnection(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'close')
  await first.close()
  while (server.sessions.size > 0) await new Promise((resolve) => systemEnv.yield(() => resolve(undefined)))
  const second = await dial(server.address, lines)
  second.send('served')
  t.is(await second.receive({ timeoutMs: 5_000 }), 'served')
  await second.close()
  await server.close()
  t.is(server.stats.refusedSessions, 1)
})

/** A signal handler alone keeps no process alive. */
function stayAlive(t: ExecutionContext): void {
  const timer = setInterval(() => {}, 60_000)
  t.teardown(() => clearInterval(timer))
}

// Signals that nobody else in this process uses; SIGTERM and SIGINT are only the default.
const signals = ['SIGUSR2']

test.serial('a signal closes in order, and gives the signal back', async (t) => {
  stayAlive(t)
  const before = process.listenerCount('SIGUSR2')
  const order: string[] = []
  const one = (name: string): Closable => ({
    close: async (options) => {
      order.push(`${name} closes`)
      await Promise.resolve()
      order.push(`${name} closed`)
      t.true((options?.timeoutMs ?? 0) > 0)
      if (name === 'b') throw new Error('b cannot close')
    },
    destroy: () => order.push(`${name} destroyed`),
  })
  const done = closeOnSignals([one('a'), one('b'), one('c')], { signals })
  process.kill(process.pid, 'SIGUSR2')
  await done
  t.deepEqual(order, ['a closes', 'a closed', 'b closes', 'b closed', 'b destroyed', 'c closes', 'c closed'])
  t.is(process.listenerCount('SIGUSR2'), before)
})

/** Says when its close begins, and closes only when destroyed. */
function stuck(): Closable & { begun: Promise<void> } {
  const begun = gate()
  const gone = gate()
  return {
    begun: begun.opened,
    close: () => {
      begun.open()
      return gone.opened
    },
    destroy: () => gone.open(),
  }
}

test.serial('J-07: a second signal destroys, and so does the end of the time', async (t) => {
  stayAlive(t)
  const first = stuck()
  const second = stuck()
  const done = closeOnSignals([first, second], { signals, timeoutMs: 60_000 })
  process.kill(process.pid, 'SIGUSR2')
  await first.begun
  process.kill(process.pid, 'SIGUSR2')
  await done
  const slow = stuck()
  const over = closeOnSignals([slow], { signals, timeoutMs: 20 })
  process.kill(process.pid, 'SIGUSR2')
  await over
  t.pass()
})

test.serial('closeOnSignals resolves when all was closed without a signal', async (t) => {
  const before = process.listenerCount('SIGTERM')
  const server = await listen('inproc://unsignalled', echo)
  const client = connect('inproc://unsignalled', lines)
  const done = closeOnSignals([client, server])
  t.is(process.listenerCount('SIGTERM'), before + 1)
  await client.close()
  await server.close()
  await done
  t.is(process.listenerCount('SIGTERM'), before)
  t.throws(() => closeOnSignals([server], { timeoutMs: 0 }), { code: 'ERR_BAD_OPTION' })
  t.throws(() => closeOnSignals([server], { signals: [] }), { code: 'ERR_BAD_OPTION' })
  t.throws(() => closeOnSignals([server], { signals: ['SIGNAL'] }), { code: 'ERR_BAD_OPTION', message: /SIGNAL/ })
  t.throws(() => closeOnSignals([server], { timeout: 5 } as object), { code: 'ERR_BAD_OPTION', message: /timeoutMs/ })
  for (const wrong of [undefined, null, 5, {}, [server, undefined]] as never[]) {
    t.throws(() => closeOnSignals(wrong), { code: 'ERR_BAD_OPTION', message: /closables/ })
  }
  t.is(process.listenerCount('SIGTERM'), before)
  await closeOnSignals(server) // one alone; it is closed already
})

/** `body` in a process of its own. */
function program(body: string): ChildProcessByStdio<null, Readable, null> {
  const hawser = new URL('../src/index.js', import.meta.url).href
  return spawn(process.execPath, ['--input-type=module', '-e', body.replaceAll('HAWSER', hawser)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

test('a program whose server and client are closed ends by itself; one that reconnects lives', async (t) => {
  const codec = '{ decode: () => 0, encode: () => {} }'
  const ends = program(`
    import { connect, listen } from 'HAWSER'
    const server = await listen('tcp://127.0.0.1:0', { codec: ${codec} })
    const client = connect(server.address, { codec: ${codec} })
    await client.ready()
    await client.close()
    await server.close()
  `)
  t.deepEqual(await once(ends, 'exit'), [0, null])
  const lives = program(`
    import { connect, listen } from 'HAWSER'
    const server = await listen('tcp://127.0.0.1:0', { codec: ${codec} })
    const { address } = server
    await server.close()
    let failures = 0
    const onStatus = ({ type }) => { if (type === 'failed' && ++failures === 3) void client.close().then(() => console.log('three')) }
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    const client = connect(address, { codec: ${codec}, onStatus, logger, reconnect: { initialMs: 5 } })
  `)
  let printed = ''
  lives.stdout.on('data', (chunk: Uint8Array) => (printed += String(chunk)))
  t.deepEqual(await once(lives, 'exit'), [0, null])
  t.is(printed, 'three\n')
})

test('the doors’ TaskPool needs no Env', async (t) => {
  const pool = new TaskPool()
  t.is(await pool.run('key', () => 42), 42)
  await pool.close()
})

/** Node's code, behind ours. */
function codeOfCause(cause: CloseCause): unknown {
  return cause.by === 'error' && cause.error.cause instanceof Error && 'code' in cause.error.cause
    ? cause.error.cause.code
    : undefined
}
