import { createSocket, Socket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { raw } from '../../codecs/raw.ts'
import { text } from '../../codecs/text.ts'
import { parseAddress } from '../../src/core/address.ts'
import type { Connection } from '../../src/core/connection.ts'
import { HawserError, isHawserError, type SessionError } from '../../src/core/errors.ts'
import type { CloseCause } from '../../src/core/session.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { dial, listen } from '../../src/node.ts'
import type { ServerOptions } from '../../src/node-options.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { verifySession } from '../../src/testing/conformance/session.ts'
import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { udp } from '../../src/transports/udp.ts'
import { Accepting, Diary, dialing, linkOptions, listening, textBytes } from '../support/accepting.ts'
import { FakeDatagrams } from '../support/fake-datagrams.ts'
import { noLeaks, resources } from '../support/leaks.ts'
import { suite } from '../support/suite.ts'

const UDP = { transport: udp, address: 'udp://127.0.0.1:0', reliable: false } as const
const SILENT = { debug() {}, info() {}, warn() {}, error() {} }

const leftOut = [
  ...verifyTransport(suite, 'udp', UDP),
  ...verifySession(suite, 'udp', { address: UDP.address, reliable: false }),
]
verifyTransport(suite, 'udp over IPv6', { ...UDP, address: 'udp://[::1]:0' })
verifyTransport(suite, 'udp on every interface', { ...UDP, address: 'udp://*:0' })
verifyTransport(suite, 'udp inside a pass-through layer', { ...UDP, wrap: passThrough })
verifySession(suite, 'udp inside a pass-through layer', {
  address: UDP.address,
  reliable: false,
  setup: { wrap: [passThrough] },
})

test('the sentences that do not apply to datagrams are those of docs/udp.md, each with its reason', (t) => {
  const page = readFileSync('docs/udp.md', 'utf8')
  const rows = page.match(/^\| .* \| .* \|$/gm) ?? []
  const sentences = rows
    .map((row) => row.split(' | '))
    .filter(([, reason]) => leftOut.some((one) => `${one.reason} |` === reason))
  t.deepEqual(
    sentences.map(([sentence = '', reason = '']) => [sentence.slice(2), reason.slice(0, -2)]),
    leftOut.map(({ sentence, reason }) => [sentence, reason]),
  )
  t.true(leftOut.length > 30)
})

test('headers of proxies are not to be had of datagrams: listen says so', async (t) => {
  const options = { codec: text(), proxyProtocol: { from: ['127.0.0.1'] } }
  await t.throwsAsync(listen(['tcp://127.0.0.1:0', 'udp://127.0.0.1:0'], options), {
    code: 'ERR_BAD_OPTION',
    message: /option proxyProtocol .*udp/,
  })
})

/** A server of texts on a socket in the test's hand, which writes down what happens. */
async function fakeServer(more: Partial<ServerOptions<string, string, undefined>> = {}) {
  const socket = new FakeDatagrams()
  const events: string[] = []
  const errors: SessionError[] = []
  const server = await listen('udp://192.0.2.1:7', {
    env: socket.env,
    codec: text(),
    logger: SILENT,
    listener: {
      onOpen: (session) => void events.push(`open ${session.remoteAddress.host}`),
      onMessage(session, message) {
        events.push(`${session.remoteAddress.host} ${message}`)
        if (message === 'hello') session.send('hi')
      },
      onError: (_session, error) => void errors.push(error),
      onClose: (session, cause) => void events.push(`close ${session.remoteAddress.host} ${whoClosed(cause)}`),
    },
    ...more,
  })
  return { socket, events, errors, server }
}

function whoClosed(cause: CloseCause): string {
  return cause.by === 'error' ? cause.error.code : cause.by
}

/** After what was deferred. */
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('each address is a session of its own, and hears the answers to its own messages', async (t) => {
  const { socket, events, server } = await fakeServer()
  socket.from('192.0.2.2', 1, 'hello')
  socket.from('192.0.2.3', 1, 'good day')
  await soon()
  socket.from('192.0.2.2', 1, 'again')
  socket.from('192.0.2.2', 2, 'hello')
  await soon()
  t.is(server.sessions.size, 3)
  t.deepEqual(socket.sent, ['192.0.2.2:1 hi', '192.0.2.2:2 hi'])
  t.deepEqual(events.filter((event) => event.startsWith('open')).length, 3)
  server.destroy()
  await server.closed
  t.true(socket.closed)
})

test('D-02: a newcomer to a full table displaces a peer that was never answered, the one silent for longest', async (t) => {
  const { socket, events, errors, server } = await fakeServer({ udp: { maxPeers: 3 } })
  for (const host of ['a', 'b', 'c']) socket.from(host, 1, host === 'a' ? 'hello' : 'x')
  await soon()
  socket.from('b', 1, 'still here')
  socket.from('d', 1, 'x')
  await soon()
  t.is(events.at(-3), 'close c ERR_TOO_MANY_SESSIONS')
  t.deepEqual([...server.sessions].map(({ remoteAddress }) => remoteAddress.host).toSorted(), ['a', 'b', 'd'])
  t.true(
    errors.every(
      (error) => error.code === 'ERR_TOO_MANY_SESSIONS' && error.retryable && /maxPeers/.test(error.message),
    ),
  )
  server.destroy()
  await server.closed
})

test('D-02: only where everybody talks, the one that was silent for longest is displaced', async (t) => {
  const { socket, events, server } = await fakeServer({ udp: { maxPeers: 2 } })
  for (const host of ['a', 'b']) {
    socket.from(host, 1, 'hello')
    await soon()
    socket.from(host, 1, 'more')
  }
  socket.from('a', 1, 'and more')
  socket.from('c', 1, 'x')
  await soon()
  t.true(events.includes('close b ERR_TOO_MANY_SESSIONS'))
  socket.from('d', 1, 'x') // c is a stranger, so a stays
  await soon()
  t.true(events.includes('close c ERR_TOO_MANY_SESSIONS'))
  t.false(events.some((event) => event.startsWith('close a')))
  server.destroy()
  await server.closed
})

test('D-02: at maxSessions strangers make room, for peers of other transports too; who talks does not', async (t) => {
  const socket = new FakeDatagrams()
  const refused: string[] = []
  const server = await listen(['udp://192.0.2.1:7', 'inproc://beside-udp'], {
    env: socket.env,
    codec: text(),
    logger: SILENT,
    maxSessions: 2,
    listener: { onMessage: (session, message) => void session.send(message) },
    onStatus: (status) => {
      if (status.type === 'refused') refused.push(status.error.code)
    },
  })
  for (const host of ['forged-1', 'forged-2', 'forged-3']) socket.from(host, 1, 'x')
  await soon()
  const client = await dial('inproc://beside-udp', { env: socket.env, codec: text(), logger: SILENT })
  client.send('served')
  t.is(await client.receive(), 'served')
  socket.from('real', 1, 'one')
  await soon()
  socket.from('real', 1, 'two')
  await soon()
  t.deepEqual(refused, [])
  socket.from('forged-4', 1, 'x')
  await soon()
  t.deepEqual(refused, ['ERR_TOO_MANY_SESSIONS'])
  t.deepEqual(server.stats.openSessions, 2)
  server.destroy()
  await server.closed
})

test('admit and maxSessionsPerHost are for datagrams, too; who is not let in leaves nothing behind', async (t) => {
  const asked: string[] = []
  const { socket, events, server } = await fakeServer({
    maxSessionsPerHost: 1,
    admit(address) {
      asked.push(address.href)
      return address.host !== 'bad'
    },
  })
  socket.from('bad', 1, 'x')
  socket.from('good', 1, 'x')
  socket.from('good', 2, 'x')
  socket.from('good', 1, 'y')
  await soon()
  t.deepEqual(asked, ['udp://bad:1', 'udp://good:1'])
  t.deepEqual(events, ['open good', 'good x', 'good y'])
  t.is(server.stats.refusedSessions, 2)
  server.destroy()
  await server.closed
})

test('a datagram from our own address, or from port 0, is nobody', async (t) => {
  const { socket, events, server } = await fakeServer()
  socket.from(socket.host, socket.port, 'hello') // an echo server would talk to itself for ever
  socket.from('192.0.2.9', 0, 'hello')
  await soon()
  t.deepEqual(events, [])
  server.destroy()
  await server.closed
})

test('a dial that would meet itself is refused', async (t) => {
  const socket = new FakeDatagrams()
  socket.remote = { host: socket.host, port: socket.port }
  await t.throwsAsync(dial('udp://192.0.2.1:7', { env: socket.env, codec: text() }), {
    code: 'ERR_CONNECTION_REFUSED',
    message: /itself/,
  })
  t.true(socket.closed)
})

test('D-03: the empty datagram is a message; the largest passes, and one byte more throws to its sender', async (t) => {
  const server = await listen(UDP.address, {
    codec: raw(),
    listener: { onMessage: (session, message) => void session.send(message) },
  })
  const client = await dial(server.address, { codec: raw() })
  client.send(new Uint8Array(0))
  t.is((await client.receive({ timeoutMs: 5_000 })).length, 0)
  client.send(new Uint8Array(65_507).fill(7))
  t.deepEqual(new Uint8Array(await client.receive({ timeoutMs: 5_000 })), new Uint8Array(65_507).fill(7))
  const error = t.throws(() => client.send(new Uint8Array(65_508)))
  t.true(isHawserError(error, 'ERR_MESSAGE_TOO_LARGE'))
  t.like(error, { messageBytes: 65_508, limitBytes: 65_507 })
  t.is(client.phase, 'open')
  const small = await dial(server.address, { codec: raw(), udp: { maxDatagramBytes: 1200 } })
  t.throws(() => small.send(new Uint8Array(1201)), { code: 'ERR_MESSAGE_TOO_LARGE' })
  server.destroy()
  for (const session of [client, small]) session.destroy()
  await server.closed
})

test('what cannot be decoded, or is above maxFrameBytes, reaches onError, and the peer stays', async (t) => {
  const { socket, events, errors, server } = await fakeServer({
    maxFrameBytes: 10,
    codec: {
      ...text(),
      decode(frame, isText) {
        if (frame[0] === 0x21) throw new Error('what is this?')
        return text().decode(frame, isText)
      },
    },
  })
  for (const word of ['one', '!', 'x'.repeat(11), 'two']) socket.from('a', 1, word)
  await soon()
  await soon()
  t.deepEqual(events, ['open a', 'a one', 'a two'])
  t.deepEqual(
    errors.map(({ code }) => code),
    ['ERR_BAD_MESSAGE', 'ERR_FRAME_TOO_LARGE'],
  )
  server.destroy()
  await server.closed
})

test('while a session is behind 64 datagrams wait for it, and those beyond are dropped and counted', async (t) => {
  let proceed = (): void => {}
  const gate = new Promise<void>((resolve) => {
    proceed = resolve
  })
  const heard: string[] = []
  const { socket, server } = await fakeServer({
    listener: {
      async onMessage(_session, message) {
        await gate
        heard.push(message)
      },
    },
  })
  for (let i = 0; i < 10_000; i++) {
    socket.from('slow', 1, String(i))
    if (i === 0) await soon()
  }
  socket.from('other', 1, 'x')
  await soon()
  const slow = [...server.sessions].find(({ remoteAddress }) => remoteAddress.host === 'slow')
  t.is(slow?.stats.droppedDatagrams, 10_000 - 66) // one is being handled, one is the next
  t.is(server.stats.droppedDatagrams, 10_000 - 66)
  proceed()
  await until(systemEnv, () => heard.length === 67, 'those that waited')
  t.deepEqual(
    heard.filter((message) => message !== 'x').map(Number),
    Array.from({ length: 66 }, (_, i) => i),
  )
  socket.from('slow', 1, 'later')
  await until(systemEnv, () => heard.at(-1) === 'later', 'it goes on')
  server.destroy()
  await server.closed
  t.is(server.stats.droppedDatagrams, 10_000 - 66, 'of those that are gone, too')
})

test('large datagrams that wait are bounded in bytes, and a first one is kept whatever its size', async (t) => {
  const socket = new FakeDatagrams()
  const sink = new Accepting()
  const acceptor = await udp.listen(
    parseAddress('udp://192.0.2.1:7'),
    linkOptions('accepted', {}, { env: socket.env }),
    sink,
  )
  for (let i = 0; i < 10; i++) socket.from('a', 1, 'x'.repeat(65_000))
  const connection = await sink.first()
  t.is(connection.droppedChunks, 10 - 4)
  const diary = new Diary()
  connection.attach(diary)
  await soon()
  t.is(diary.entries.length, 4)
  connection.destroy()
  await acceptor.close()
})

test('undecoded messages of a session in opening wait, at most 64 of them', async (t) => {
  const { socket, events, server } = await fakeServer({ data: () => delay(20, undefined) })
  for (let i = 0; i < 200; i++) socket.from('a', 1, String(i))
  await until(systemEnv, () => events.length >= 65, 'it is open, and has heard them')
  t.is(events.length, 65)
  t.is(server.stats.droppedDatagrams, 200 - 64)
  server.destroy()
  await server.closed
})

test('who is silent for peerIdleMs has ended; what comes later from there is a new session', async (t) => {
  const env = virtualEnv()
  const events: string[] = []
  const server = await listen('udp://127.0.0.1:7000', {
    env,
    codec: text(),
    udp: { peerIdleMs: 16_000 },
    listener: {
      onOpen: () => void events.push('open'),
      onClose: (_session, cause) => void events.push(`${cause.by}: ${'reason' in cause ? cause.reason : ''}`),
    },
  })
  const client = await dial(server.address, { env, codec: text() })
  client.send('one')
  await env.advance(15_000)
  client.send('two')
  await env.advance(16_000)
  t.deepEqual(events, ['open'])
  await env.advance(1_001)
  t.deepEqual(events, ['open', 'remote: silent for 16000 ms'])
  client.send('three')
  await env.settle()
  t.is(events.at(-1), 'open')
  const closing = Promise.all([client.close(), server.close()])
  await env.settle()
  await closing
  t.is(env.timers, 0)
})

test('an expired peer is still answered what it had asked', async (t) => {
  const env = virtualEnv()
  const server = await listen('udp://127.0.0.1:7000', {
    env,
    codec: text(),
    udp: { peerIdleMs: 1_000 },
    listener: {
      async onMessage(session, message) {
        await new Promise<void>((resolve) => env.setTimer(2_000, resolve))
        session.send(message)
      },
    },
  })
  const client = await dial(server.address, { env, codec: text() })
  client.send('one')
  client.send('two')
  await env.advance(4_100)
  t.is(await client.receive(), 'one')
  t.is(await client.receive(), 'two')
  t.is(server.sessions.size, 0)
  server.destroy()
  client.destroy()
  await env.settle()
})

test('D-06: a peer that comes from another port is another session; the old one expires, and the table stays bounded', async (t) => {
  const env = virtualEnv()
  const MAX_PEERS = 4
  const events: string[] = []
  const server = await listen('udp://192.0.2.1:7000', {
    env,
    codec: text(),
    logger: SILENT,
    udp: { peerIdleMs: 16_000, maxPeers: MAX_PEERS },
    listener: (session) => {
      const { port } = session.remoteAddress
      return {
        onOpen: () => void events.push(`open ${port}`),
        onMessage: (from, message) => void from.send(`${message} to ${port}`),
        onClose: (_session, cause) => void events.push(`${whoClosed(cause)} ${port}`),
      }
    },
  })
  // As behind a router that has forgotten it: the same peer, of the same host, from port after port.
  const ports: number[] = []
  const comeFromAnotherPort = async (): Promise<void> => {
    const client = await dial(server.address, { env, codec: text() })
    const { port } = client.localAddress
    ports.push(port)
    client.send('here I am')
    await env.advance(10)
    t.is(await client.receive({ timeoutMs: 1 }), `here I am to ${port}`, 'it is answered where it is now')
    client.destroy() // tells the server nothing
  }
  for (let times = 0; times < 2; times++) await comeFromAnotherPort()
  t.is(new Set(ports).size, 2)
  t.is(server.sessions.size, 2)
  await env.advance(17_100)
  t.deepEqual(events, [...ports.map((port) => `open ${port}`), ...ports.map((port) => `remote ${port}`)])
  for (let times = 0; times < 10; times++) {
    await comeFromAnotherPort()
    t.true(server.sessions.size <= MAX_PEERS, `${server.sessions.size} sessions`)
  }
  t.is(server.sessions.size, MAX_PEERS)
  server.destroy()
  await env.settle()
  t.is(env.timers, 0)
})

test('D-07: a datagram that is played again is one more datagram of its session, or of a session of its own, and nothing else', async (t) => {
  const { socket, events, errors, server } = await fakeServer()
  socket.from('192.0.2.2', 1, 'pay 5')
  for (let times = 0; times < 3; times++) socket.from('192.0.2.2', 1, 'pay 5')
  await soon()
  t.deepEqual(events, ['open 192.0.2.2', ...Array.from({ length: 4 }, () => '192.0.2.2 pay 5')])
  t.is(server.sessions.size, 1)
  socket.from('192.0.2.3', 1, 'pay 5') // by somebody who has heard it
  await soon()
  t.deepEqual(events.slice(5), ['open 192.0.2.3', '192.0.2.3 pay 5'])
  socket.from('192.0.2.2', 1, 'hello')
  await soon()
  t.deepEqual(socket.sent, ['192.0.2.2:1 hi'], 'whoever was imitated is served as before')
  t.deepEqual(errors, [])
  server.destroy()
  await server.closed
})

test('peerIdleMs 0 lets nobody go, and sets no timer', async (t) => {
  const env = virtualEnv()
  const server = await listen('udp://127.0.0.1:7000', { env, codec: text(), udp: { peerIdleMs: 0 } })
  const client = await dial(server.address, { env, codec: text() })
  client.send('one')
  await env.advance(1e9)
  t.is(server.sessions.size, 1)
  client.destroy()
  server.destroy()
  await env.settle()
})

test('close() waits for nobody: UDP has no end', async (t) => {
  const env = virtualEnv()
  const heard: string[] = []
  const server = await listen('udp://127.0.0.1:7000', {
    env,
    codec: text(),
    listener: {
      onMessage: (_session, message) => void heard.push(message),
      onShutdown: (session) => void session.send('goodbye'),
    },
  })
  const client = await dial(server.address, { env, codec: text() })
  for (let i = 0; i < 10; i++) client.send(String(i))
  const since = env.now()
  t.like(await client.close(), { by: 'local' })
  await env.settle()
  t.is(heard.length, 10, 'what was sent left first')
  const other = await dial(server.address, { env, codec: text() })
  other.send('hello')
  await env.settle()
  await server.close()
  t.is(await other.receive(), 'goodbye')
  t.is(env.now(), since, 'no time has passed')
  other.destroy()
  await env.settle()
})

test('a closed acceptor meets nobody new, and its port is free when the last of its peers has closed', async (t) => {
  const { acceptor, sink } = await listening(udp, UDP.address)
  const known = await dialing(udp, acceptor.address)
  known.write(textBytes('hello'))
  const accepted = await sink.first()
  let closed = false
  const closing = acceptor.close().then(() => (closed = true))
  const stranger = await dialing(udp, acceptor.address)
  stranger.write(textBytes('hello?'))
  const heard = new Diary()
  known.attach(heard)
  const answering = new Diary()
  accepted.attach(answering)
  known.write(textBytes('still there?'))
  await until(systemEnv, () => answering.entries.includes('still there?'), 'the peer lives on')
  accepted.write(textBytes('yes'))
  await until(systemEnv, () => heard.entries.includes('yes'), 'both ways')
  t.is(sink.connections.length, 1)
  t.false(closed)
  accepted.destroy()
  await closing
  const again = await listening(udp, acceptor.address)
  for (const connection of [known, stranger]) connection.destroy()
  await again.acceptor.close()
})

test('D-05: a client hears that nobody is there, also when it sends two at a time; a server does not mind', async (t) => {
  const { acceptor } = await listening(udp, UDP.address)
  await acceptor.close()
  for (const atOnce of [1, 2, 3]) {
    const client = await dial(acceptor.address, { codec: text(), logger: SILENT })
    while (client.phase === 'open') {
      for (let i = 0; i < atOnce; i++) client.send('anybody?')
      await delay(1)
    }
    const cause = await client.closed
    t.is(whoClosed(cause), 'ERR_CONNECTION_REFUSED', `${atOnce} at once`)
    t.true(cause.by === 'error' && cause.error.retryable)
  }
  const server = await listen(UDP.address, {
    codec: text(),
    listener: { onMessage: (session) => void session.send('x') },
  })
  const gone = await dial(server.address, { codec: text() })
  gone.send('hello')
  await until(systemEnv, () => server.sessions.size === 1, 'it came')
  gone.destroy()
  for (let i = 0; i < 5; i++) {
    server.broadcast('to nobody')
    await delay(1)
  }
  const other = await dial(server.address, { codec: text() })
  other.send('hello')
  t.is(await other.receive({ timeoutMs: 5_000 }), 'x')
  t.is(server.sessions.size, 2)
  other.destroy()
  server.destroy()
  await server.closed
})

test('D-08: what the system refuses to send ends that session with the error, and no other', async (t) => {
  const { socket, events, errors, server } = await fakeServer()
  socket.failing = { host: 'a', error: new HawserError('ERR_UNREACHABLE', 'no way there', { retryable: true }) }
  for (const host of ['a', 'b']) socket.from(host, 1, 'hello')
  await soon()
  socket.settle()
  await soon()
  t.true(events.includes('close a ERR_UNREACHABLE'))
  t.deepEqual(
    [...server.sessions].map(({ remoteAddress }) => remoteAddress.host),
    ['b'],
  )
  t.is(errors.length, 1)
  server.destroy()
  await server.closed
})

test('D-08: the first send is watched, each that is larger, and every fifteenth: an even one and an odd one in turn', async (t) => {
  const { socket, server } = await fakeServer()
  socket.from('a', 1, 'x')
  await soon()
  const [session] = server.sessions
  for (let i = 0; i < 40; i++) {
    session?.send('same')
    await soon()
    socket.settle()
  }
  session?.send('larger')
  await soon()
  t.deepEqual(socket.watched, [0, 15, 30, 40])
  server.destroy()
  await server.closed
})

test('D-08: a session that was sent through says false after close, and its writes go nowhere', async (t) => {
  const { socket, server } = await fakeServer()
  socket.from('a', 1, 'hello')
  await soon()
  const [session] = server.sessions
  const closed = session?.close()
  t.is(session?.send('late'), false)
  socket.settle()
  await closed
  t.deepEqual(socket.sent, ['a:1 hi'])
  await server.close()
})

test('an error of the socket is an accept error; the server goes on', async (t) => {
  const statuses: string[] = []
  const { socket, server } = await fakeServer({
    onStatus: (status) => void statuses.push(status.type === 'accept-error' ? status.error.code : status.type),
  })
  socket.fail(new HawserError('ERR_UNREACHABLE', 'the network is down'))
  socket.from('a', 1, 'hello')
  await soon()
  t.deepEqual(statuses, ['listening', 'ERR_UNREACHABLE'])
  t.is(server.sessions.size, 1)
  server.destroy()
  await server.closed
})

test('many messages in one turn are many datagrams, of which one is asked for', async (t) => {
  const { socket, server } = await fakeServer()
  socket.from('a', 1, 'x')
  await soon()
  const [session] = server.sessions
  for (let i = 0; i < 5; i++) session?.send(String(i))
  const delivered = session?.deliver('last')
  await soon()
  t.deepEqual(
    socket.sent.map((line) => line.slice(4)),
    ['0', '1', '2', '3', '4', 'last'],
  )
  socket.settle()
  await delivered
  socket.isBehind = true
  session?.send('more')
  await soon()
  t.is(session?.stats.bufferedBytes, 4)
  socket.isBehind = false
  socket.settle()
  t.is(session?.stats.bufferedBytes, 0)
  server.destroy()
  await server.closed
})

test('on a socket for both families a peer of IPv4 is one of IPv4, and is answered', async (t) => {
  const server = await listen('udp://*:0', {
    codec: text(),
    listener: { onMessage: (session) => void session.send(String(session.remoteAddress)) },
  })
  t.regex(String(server.address), /^udp:\/\/\*:[1-9]\d*$/)
  for (const host of ['127.0.0.1', '[::1]']) {
    const client = await dial(`udp://${host}:${server.address.port}`, { codec: text() })
    client.send('who am I?')
    t.is(await client.receive({ timeoutMs: 5_000 }), String(client.localAddress))
    t.true(String(client.localAddress).startsWith(`udp://${host}:`))
    client.destroy()
  }
  server.destroy()
  await server.closed
})

test('names are looked up; one that nobody has is ERR_HOST_NOT_FOUND, a foreign address ERR_BAD_ADDRESS', async (t) => {
  const server = await listen('udp://localhost:0', { codec: text() })
  const client = await dial(server.address, { codec: text() })
  t.regex(client.remoteAddress.host, /^(127\.0\.0\.1|::1)$/)
  client.destroy()
  await server.close()
  await t.throwsAsync(dialing(udp, 'udp://no-such-host.invalid:1'), { code: 'ERR_HOST_NOT_FOUND' })
  await t.throwsAsync(listening(udp, 'udp://192.0.2.1:0'), {
    code: 'ERR_BAD_ADDRESS',
    message: /192\.0\.2\.1.* no address of this machine/,
  })
  await t.throwsAsync(dialing(udp, 'udp://127.0.0.1:0'), { code: 'ERR_BAD_ADDRESS' })
})

test('sending to a broadcast address needs the option', async (t) => {
  await t.throwsAsync(dialing(udp, 'udp://255.255.255.255:9'), { code: 'ERR_PERMISSION' })
  const connection: Connection = await dialing(udp, 'udp://255.255.255.255:9', { udp: { broadcast: true } }).catch(
    (error: unknown) => {
      t.true(isHawserError(error, 'ERR_UNREACHABLE')) // a machine without any network
      return dialing(udp, 'udp://127.0.0.1:9')
    },
  )
  connection.destroy()
})

test('the buffers of the socket are as large as was asked for, where the system lets us', async (t) => {
  const sizes: number[] = []
  const { setRecvBufferSize, setSendBufferSize } = Socket.prototype
  Socket.prototype.setRecvBufferSize = function (size) {
    sizes.push(size)
    setRecvBufferSize.call(this, size)
  }
  Socket.prototype.setSendBufferSize = function (size) {
    sizes.push(-size)
    setSendBufferSize.call(this, size)
  }
  const { acceptor } = await listening(udp, UDP.address, {
    udp: { receiveBufferBytes: 70_000, sendBufferBytes: 80_000 },
  })
  t.deepEqual(sizes, [-80_000, 70_000])
  await acceptor.close()
  Object.assign(Socket.prototype, { setRecvBufferSize, setSendBufferSize })
})

test.serial(
  'while the system takes no more, datagrams count as buffered, and are told to be taken in order once it has',
  async (t) => {
    const { acceptor, sink } = await listening(udp, UDP.address)
    const connection = await dialing(udp, acceptor.address)
    const { getSendQueueCount } = Socket.prototype
    let queued = 3
    Socket.prototype.getSendQueueCount = () => queued
    const taken: number[] = []
    for (let i = 0; i < 3; i++) connection.write(textBytes('four'), () => taken.push(i))
    await soon()
    t.is(connection.bufferedBytes, 12)
    t.deepEqual(taken, [])
    queued = 1
    await until(systemEnv, () => taken.length === 2, 'two have left')
    connection.end()
    queued = 0
    await until(systemEnv, () => taken.length === 3, 'all have left')
    t.deepEqual(taken, [0, 1, 2])
    Socket.prototype.getSendQueueCount = getSendQueueCount
    const diary = new Diary()
    connection.attach(diary)
    await diary.closed()
    for (const accepted of sink.connections) accepted.destroy()
    await acceptor.close()
  },
)

test('a wrong option of the group udp is named', async (t) => {
  const wrong = (group: object): Promise<unknown> => dialing(udp, 'udp://127.0.0.1:1', { udp: group })
  const code = 'ERR_BAD_OPTION'
  for (const name of ['maxPeers', 'maxDatagramBytes', 'sendBufferBytes', 'receiveBufferBytes']) {
    await t.throwsAsync(wrong({ [name]: 0 }), { code, message: new RegExp(`udp\\.${name}`) })
  }
  await t.throwsAsync(wrong({ maxDatagramBytes: 65_508 }), { code })
  await t.throwsAsync(wrong({ peerIdleMs: -1 }), { code, message: /udp\.peerIdleMs/ })
  await t.throwsAsync(wrong({ broadcast: 'yes' }), { code, message: /udp\.broadcast/ })
  for (const multicast of ['239.1.2.3', ['192.168.1.1'], ['239.1.2'], ['fe80::1'], [7]]) {
    await t.throwsAsync(wrong({ multicast }), { code, message: /udp\.multicast/ })
  }
  await t.throwsAsync(wrong({ maxpeers: 1 }), { code, message: /did you mean maxPeers/ })
})

test('an Env without datagram sockets says so', async (t) => {
  const { env } = new FakeDatagrams()
  const without = { ...env, net: { ...env.net, bindDatagram: undefined } as unknown as NonNullable<typeof env.net> }
  await t.throwsAsync(dial('udp://192.0.2.1:7', { env: without, codec: text() }), { code: 'ERR_BAD_OPTION' })
})

test.serial('J-05: what was dialed, aborted, refused or closed leaves no socket or timer behind', async (t) => {
  await delay(50)
  const before = resources()
  const { acceptor, sink } = await listening(udp, UDP.address)
  const aborted = new AbortController()
  const dialed = dialing(udp, acceptor.address, {}, { signal: aborted.signal })
  aborted.abort(new Error('enough'))
  await t.throwsAsync(dialed, { message: 'enough' })
  const connection = await dialing(udp, acceptor.address)
  connection.write(textBytes('hello'))
  const accepted = await sink.first()
  for (const one of [connection, accepted]) one.end()
  await acceptor.close()
  const occupied = createSocket('udp4')
  await new Promise<void>((resolve) => occupied.bind(0, '127.0.0.1', resolve))
  await t.throwsAsync(listening(udp, `udp://127.0.0.1:${occupied.address().port}`), { code: 'ERR_ADDRESS_IN_USE' })
  occupied.close()
  await noLeaks(t, before)
})
