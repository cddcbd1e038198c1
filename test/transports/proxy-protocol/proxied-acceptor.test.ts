import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import test from 'ava'
import fc from 'fast-check'
import { lengthPrefixed } from '../../../codecs/framing/length-prefixed.ts'
import { text } from '../../../codecs/text.ts'
import { parseAddress } from '../../../src/core/address.ts'
import { allParts } from '../../../src/core/all-parts.ts'
import type { Connection } from '../../../src/core/connection.ts'
import type { Net } from '../../../src/core/env.ts'
import { HawserError } from '../../../src/core/errors.ts'
import { listen } from '../../../src/core/live-server.ts'
import type { Peer } from '../../../src/core/peer.ts'
import type { Server, ServerStatus } from '../../../src/core/server.ts'
import type { ServerOptions } from '../../../src/core/server-options.ts'
import type { Bindings } from '../../../src/core/session-config.ts'
import type { AcceptSink, Acceptor, Anteroom } from '../../../src/core/transport.ts'
import { SocketConnection } from '../../../src/env/node/socket-connection.ts'
import { systemEnv } from '../../../src/env/node/system-env.ts'
import { HeldConnection } from '../../../src/testing/held-connection.ts'
import { until } from '../../../src/testing/conformance/party.ts'
import { virtualEnv, type VirtualEnv } from '../../../src/testing/virtual-env.ts'
import { inproc } from '../../../src/transports/memory.ts'
import { listenBehindProxies } from '../../../src/transports/proxy-protocol/proxied-acceptor.ts'
import { tcp } from '../../../src/transports/tcp.ts'
import { tls } from '../../../src/transports/tls.ts'
import { Accepting } from '../../support/accepting.ts'
import { Authority } from '../../support/certificates.ts'
import { linkOptions } from '../../support/link-options.ts'
import { ascii, concatenated, version1, version2 } from '../../support/proxy-headers.ts'
import { RecordingSink } from '../../support/recording-sink.ts'

type Options = Omit<ServerOptions<string, string, undefined>, 'codec'>

const LOOPBACK = { from: ['127.0.0.0/8', '::1'] }
const codec = text()

/** A server behind proxies on a network of its own; a peer is a connection on which the test writes bytes. */
class ProxiedWorld {
  readonly env: VirtualEnv = virtualEnv({ seed: 1 })
  readonly bindings: Bindings = { ...allParts(lengthPrefixed()), env: this.env, transports: [tcp, tls, inproc] }
  readonly statuses: ServerStatus[] = []
  readonly peers: Peer[] = []
  readonly messages: string[] = []

  listen(where: string, options: Options = {}): Promise<Server<string, string>> {
    return listen<string, string, undefined>(this.bindings, where, {
      codec,
      proxyProtocol: LOOPBACK,
      onStatus: (status) => void this.statuses.push(status),
      listener: {
        onOpen: ({ peer }) => this.peers.push(peer),
        onMessage: (session, message) => {
          this.messages.push(message)
          session.send(`echo ${message}`)
        },
      },
      ...options,
    })
  }

  async dial({ address }: Server<string, string>): Promise<{ connection: Connection; sink: RecordingSink }> {
    const connection = await tcp.dial(
      parseAddress(address.href.replace('tls:', 'tcp:')),
      linkOptions(this.env, 'dialed'),
    )
    return { connection, sink: new RecordingSink(connection) }
  }

  /** Writes it and gives what the server answered by then. */
  async send(server: Server<string, string>, ...writes: Uint8Array[]): Promise<RecordingSink> {
    const { connection, sink } = await this.dial(server)
    for (const bytes of writes) {
      connection.write(bytes)
      await this.env.settle()
    }
    return sink
  }

  /** At once, for the peers of these tests do not end. */
  async destroy(server: Server<string, string>): Promise<void> {
    server.destroy()
    await this.env.settle()
    await server.closed
  }

  get refusals(): string[] {
    return this.statuses.flatMap((status) =>
      status.type === 'refused' ? [`${status.error.code} ${status.remoteAddress.host}`] : [],
    )
  }
}

function times(count: number, line: string): string[] {
  return Array.from({ length: count }, () => line)
}

/** A message as the default framing sends it. */
function frame(message: string): Uint8Array {
  return concatenated(Uint8Array.of(0, 0, 0, message.length), ascii(message))
}

test('the peer is who the header says; the proxy and its TLVs are on session.peer', async (t) => {
  const world = new ProxiedWorld()
  const server = await world.listen('tcp://127.0.0.1:7000')
  const header = version2({ checksum: 'right', tlvs: [[0x05, ascii('an id')]] })
  const sink = await world.send(server, concatenated(header, frame('first'), frame('second')))
  t.deepEqual(world.messages, ['first', 'second'], 'bytes behind the header are the peer’s')
  t.is(sink.text, '\0\0\0\necho first\0\0\0\vecho second')
  const [peer] = world.peers
  t.is(peer?.remoteAddress.href, 'tcp://192.0.2.1:56324')
  t.is(peer?.localAddress.href, 'tcp://127.0.0.1:7000')
  t.is(peer?.transport, 'tcp')
  t.regex(peer?.proxy?.address.href ?? '', /^tcp:\/\/127\.0\.0\.1:\d+$/)
  t.is(peer?.proxy?.destination?.href, 'tcp://198.51.100.7:443')
  t.deepEqual([...(peer?.proxy?.tlvs.get(0x05) ?? [])], [...ascii('an id')])
  await world.destroy(server)
  t.is(world.env.timers, 0)
})

test('version 1, IPv6, UNKNOWN, unspecified and LOCAL: each peer has the address it should have', async (t) => {
  const rows: readonly [header: Uint8Array, remote: RegExp, proxied: boolean][] = [
    [version1(), /^tcp:\/\/192\.0\.2\.1:56324$/, true],
    [version1('PROXY TCP6 2001:db8::1 ::1 1 2'), /^tcp:\/\/\[2001:db8::1\]:1$/, true],
    [version1('PROXY UNKNOWN'), /^tcp:\/\/127\.0\.0\.1:/, true],
    [version2({ source: '2001:db8::1', destination: '::1' }), /^tcp:\/\/\[2001:db8::1\]:56324$/, true],
    [version2({ sourcePort: 0 }), /^tcp:\/\/192\.0\.2\.1:0$/, true],
    [version2({ family: 0, block: [] }), /^tcp:\/\/127\.0\.0\.1:/, true],
    [version2({ command: 0x20 }), /^tcp:\/\/127\.0\.0\.1:/, false],
  ]
  const world = new ProxiedWorld()
  const server = await world.listen('tcp://127.0.0.1:7000')
  for (const [header, remote, proxied] of rows) {
    await world.send(server, concatenated(header, frame('hi')))
    const peer = world.peers.at(-1)
    t.regex(peer?.remoteAddress.href ?? '', remote)
    t.is(peer?.proxy !== undefined, proxied)
  }
  t.is(world.peers.length, rows.length)
  t.is(world.messages.length, rows.length)
  await world.destroy(server)
})

test('a header in pieces, cut anywhere, is as good as whole, and so is what follows it', async (t) => {
  const world = new ProxiedWorld()
  const server = await world.listen('tcp://127.0.0.1:7000')
  const wires = [version1(), version2({ checksum: 'right' })].map((header) => concatenated(header, frame('hello')))
  for (const wire of wires) {
    for (let cut = 1; cut < wire.length; cut++) await world.send(server, wire.subarray(0, cut), wire.subarray(cut))
    await world.send(server, ...Array.from(wire, (byte) => Uint8Array.of(byte)))
  }
  const sent = wires.reduce((sum, wire) => sum + wire.length, 0)
  t.is(world.messages.length, sent)
  t.true(world.peers.every(({ remoteAddress }) => remoteAddress.href === 'tcp://192.0.2.1:56324'))
  t.deepEqual(world.refusals, [])
  await world.destroy(server)
})

test('any cutting of header and messages gives the same session, with borrowed chunks too', async (t) => {
  const wire = concatenated(
    version2({ tlvs: [[0xe0, new Uint8Array(50)]] }),
    frame('one'),
    frame('two'),
    frame('three'),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 60 })), fc.boolean(), async (sizes, borrowed) => {
      const world = new ProxiedWorld()
      const server = await world.listen('tcp://127.0.0.1:7000', {
        ...(borrowed && { codec: { ...codec, keeps: 'values' }, chunks: 'borrowed' }),
      })
      const pieces: Uint8Array[] = []
      let at = 0
      for (const size of sizes) pieces.push(wire.subarray(at, (at += size)))
      await world.send(server, ...pieces.filter(({ length }) => length > 0), wire.subarray(at))
      t.deepEqual(world.messages, ['one', 'two', 'three'])
      t.is(world.peers[0]?.remoteAddress.host, '192.0.2.1')
      await world.destroy(server)
    }),
    { numRuns: 50 },
  )
})

test('admit and maxSessionsPerHost go by the peer’s own address', async (t) => {
  const world = new ProxiedWorld()
  const asked: string[] = []
  const server = await world.listen('tcp://127.0.0.1:7000', {
    maxSessionsPerHost: 2,
    admit: ({ href, host }) => asked.push(href) > 0 && host !== '192.0.2.66',
  })
  const from = (source: string) => world.send(server, version2({ source, sourcePort: 5 }))
  await from('192.0.2.1')
  const second = await from('192.0.2.1')
  const third = await from('192.0.2.1')
  const unwanted = await from('192.0.2.66')
  await from('192.0.2.2')
  t.deepEqual(
    asked,
    ['1', '1', '66', '2'].map((last) => `tcp://192.0.2.${last}:5`),
  )
  t.deepEqual(world.refusals, ['ERR_TOO_MANY_SESSIONS 192.0.2.1', 'ERR_REFUSED 192.0.2.66'])
  t.deepEqual(
    [second, third, unwanted].map((sink) => sink.lifeCycle.length > 0),
    [false, true, true],
  )
  t.is(server.sessions.size, 3)
  for (const session of server.sessions) session.destroy()
  await world.env.settle()
  await from('192.0.2.1')
  t.is(server.sessions.size, 1, 'those that are gone count no more')
  await world.destroy(server)
})

test('a sender that is not trusted is closed with ERR_PROXY whatever it sends, and nothing of it is read', async (t) => {
  const world = new ProxiedWorld()
  const server = await world.listen('tcp://127.0.0.1:7000', { proxyProtocol: { from: ['10.0.0.0/8'] } })
  for (const bytes of [version2(), version1(), frame('hello')]) {
    const sink = await world.send(server, bytes)
    t.true(sink.lifeCycle.length > 0)
  }
  t.deepEqual(world.refusals, times(3, 'ERR_PROXY 127.0.0.1'))
  t.deepEqual(world.peers, [])
  t.is(server.stats.refusedSessions, 3)
  await world.destroy(server)
})

test('a trusted sender whose header is missing, malformed or cut short is closed with ERR_PROXY; others are served', async (t) => {
  const world = new ProxiedWorld()
  const server = await world.listen('tcp://127.0.0.1:7000')
  const bad = [
    frame('hello'),
    ascii('GET / HTTP/1.1\r\n\r\n'),
    version1('PROXY TCP4 x y 1 2'),
    version2({ checksum: 'wrong' }),
  ]
  for (const bytes of bad) {
    const sink = await world.send(server, bytes, frame('late'))
    t.true(sink.lifeCycle.length > 0)
  }
  const { connection, sink } = await world.dial(server)
  connection.write(version2().subarray(0, 20))
  connection.end()
  await world.env.settle()
  t.deepEqual(sink.lifeCycle, ['end', 'close'])
  const reset = await world.dial(server)
  reset.connection.write(version2().subarray(0, 20))
  await world.env.settle()
  world.env.network.links.at(-1)?.reset()
  await world.env.settle()
  t.deepEqual(world.refusals, times(bad.length + 2, 'ERR_PROXY 127.0.0.1'))
  await world.send(server, version2(), frame('well'))
  t.deepEqual(world.messages, ['well'])
  await world.destroy(server)
  t.is(world.env.timers, 0)
})

test('refusals are one line in the log, however many there are', async (t) => {
  const world = new ProxiedWorld()
  const server = await world.listen('tcp://127.0.0.1:7000', { onStatus: undefined })
  for (let count = 0; count < 50; count++) await world.send(server, ascii('GET / HTTP/1.1\r\n\r\n'))
  const lines = world.env.logs.filter(({ message }) => message.includes('PROXY'))
  t.is(lines.length, 1)
  t.regex(
    lines[0]?.message ?? '',
    /refused tcp:\/\/127\.0\.0\.1:\d+: the PROXY header is missing: the connection began with 47 /,
  )
  await world.destroy(server)
})

test('B-01: who is trusted and silent is waited for openTimeoutMs, counts as a pending handshake, and then makes room', async (t) => {
  const world = new ProxiedWorld()
  const server = await world.listen('tcp://127.0.0.1:7000', { maxPendingHandshakes: 10, openTimeoutMs: 500 })
  const silent = await Promise.all(Array.from({ length: 30 }, () => world.dial(server)))
  await world.env.settle()
  t.is(silent.filter(({ sink }) => sink.events.length === 0).length, 10, 'ten wait, the others are closed')
  t.deepEqual(world.refusals, times(20, 'ERR_TOO_MANY_SESSIONS 127.0.0.1'))
  for (const { connection } of silent) connection.write(version2().subarray(0, 15)) // a byte is no excuse
  await world.env.advance(499)
  t.is(world.refusals.length, 20)
  await world.env.advance(1)
  t.deepEqual(world.refusals.slice(20), times(10, 'ERR_TIMEOUT 127.0.0.1'))
  t.true(silent.every(({ sink }) => sink.lifeCycle.length > 0))
  await world.send(server, version2(), frame('well'))
  t.deepEqual(world.messages, ['well'])
  await world.destroy(server)
  t.is(world.env.timers, 0)
})

test('maxSessions bounds those who send their header together with the sessions', async (t) => {
  const world = new ProxiedWorld()
  const server = await world.listen('tcp://127.0.0.1:7000', { maxSessions: 3 })
  await world.send(server, version2())
  const silent = await Promise.all([1, 2, 3, 4].map(() => world.dial(server)))
  await world.env.settle()
  t.is(silent.filter(({ sink }) => sink.events.length === 0).length, 2)
  await world.destroy(server)
})

test('a server that closes does not wait for headers', async (t) => {
  const world = new ProxiedWorld()
  const server = await world.listen('tcp://127.0.0.1:7000', { openTimeoutMs: 60_000 })
  const { sink } = await world.dial(server)
  await world.env.settle()
  await server.close()
  await world.env.settle()
  t.true(sink.lifeCycle.length > 0)
  t.deepEqual(world.refusals, [], 'nobody was turned away')
  t.is(world.env.timers, 0)
})

test('transports that cannot read a header leave the option alone', async (t) => {
  const world = new ProxiedWorld()
  const server = await world.listen('inproc://plain')
  const connection = await inproc.dial(server.address, linkOptions(world.env, 'dialed'))
  const sink = new RecordingSink(connection)
  connection.write(frame('hello'))
  await world.env.settle()
  t.is(sink.text, '\0\0\0\necho hello')
  await world.destroy(server)
})

test('a Net whose connections cannot be handed on lets nobody in, and says why', async (t) => {
  const env = virtualEnv()
  const sinks: AcceptSink[] = []
  const listening: Acceptor = { address: 'tcp://x:1', pause() {}, resume() {}, close: () => Promise.resolve() }
  const net: Pick<Net, 'listen'> = {
    listen(_target, _options, sink) {
      sinks.push(sink)
      return Promise.resolve(listening)
    },
  }
  const left: string[] = []
  const anteroom: Anteroom = { enter: () => true, leave: (_address, error) => void left.push(error?.message ?? '') }
  await listenBehindProxies(net as Net, { path: 'x' }, linkOptions(env, 'accepted', { anteroom }), new Accepting())
  const connection = new HeldConnection({ env })
  sinks[0]?.onConnection(connection)
  t.deepEqual(left, ['no PROXY header can be read here: the connections of this Net have no detach'])
  t.not(connection.destroyed, undefined)

  sinks[0]?.onError(
    new HawserError('ERR_CONNECTION_RESET', 'gone before it was handed over'),
    parseAddress('tcp://x:2'),
  )
  t.deepEqual(left.slice(1), ['gone before it was handed over'], 'whoever entered leaves')
})

test('a wrong option is named', async (t) => {
  const world = new ProxiedWorld()
  const named = (proxyProtocol: unknown, message: RegExp) =>
    t.throwsAsync(world.listen('tcp://127.0.0.1:0', { proxyProtocol } as Options), { code: 'ERR_BAD_OPTION', message })
  await named(true, /option proxyProtocol must be an object/)
  await named({}, /option proxyProtocol\.from must be a list/)
  await named({ from: [] }, /proxyProtocol\.from names no proxy/)
  await named({ from: ['proxy.example'] }, /proxyProtocol\.from has proxy\.example, which is no network/)
  await named({ from: ['10.0.0.0/8'], form: [] }, /option proxyProtocol\.form is unknown/)
})

test('imitated TLS: certificate, ALPN and header are all on session.peer', async (t) => {
  const world = new ProxiedWorld()
  const group = { cert: 'the server', key: 'k', clientCertificate: 'required', alpn: ['hawser'] } as const
  const server = await world.listen('tls://127.0.0.1:7000', { tls: group } as Options)
  const connection = await tcp.dial(parseAddress('tcp://127.0.0.1:7000'), linkOptions(world.env, 'dialed'))
  connection.write(version2())
  await world.env.settle()
  const secure = world.env.net?.secure(
    connection,
    { cert: 'a client', alpn: ['hawser'] },
    linkOptions(world.env, 'dialed'),
  )
  await world.env.settle()
  const client = await secure
  const sink = new RecordingSink(client)
  client?.write(frame('hello'))
  await world.env.settle()
  t.is(sink.text, '\0\0\0\necho hello')
  const [peer] = world.peers
  t.is(peer?.remoteAddress.href, 'tls://192.0.2.1:56324')
  t.is(peer?.certificate?.subject['CN'], 'a client')
  t.is(peer?.protocol, 'hawser')
  t.is(peer?.proxy?.destination?.port, 443)
  await world.destroy(server)
})

// ── Sockets ────────────────────────────────────────────────────────────────────────────────────────────────

const NODE: Bindings = { ...allParts(lengthPrefixed()), env: systemEnv, transports: [tcp, tls] }

const authority = new Authority('Hawser test authority')
const certified = authority.issue('localhost', 'IP:127.0.0.1')
const client = authority.issue('a client')

/** Passes connections on to `port`, with `header` before their first bytes, and writes the first `cut` bytes apart. */
async function proxyFor(port: number, header: Uint8Array, cut: number): Promise<{ port: number; close(): void }> {
  const proxy = createServer((from) => {
    const to = connect({ port, host: '127.0.0.1', noDelay: true })
    from.once('data', (chunk) => {
      const first = concatenated(header, chunk)
      to.write(first.subarray(0, cut))
      setTimeout(() => {
        to.write(first.subarray(cut))
        from.pipe(to)
      }, 5)
    })
    to.pipe(from)
    for (const socket of [from, to]) socket.on('error', () => {})
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return { port: (proxy.address() as AddressInfo).port, close: () => proxy.close() }
}

test('sockets: header and TLS in one segment or cut anywhere; certificate, ALPN and header are all on session.peer', async (t) => {
  const peers: Peer[] = []
  const server = await listen<string, string, undefined>(NODE, 'tls://127.0.0.1:0', {
    codec,
    proxyProtocol: LOOPBACK,
    tls: { ...certified, ca: authority.cert, clientCertificate: 'required', alpn: ['hawser'] },
    listener: {
      onOpen: ({ peer }) => peers.push(peer),
      onMessage: (session, message) => session.send(`echo ${message}`),
    },
  } as ServerOptions<string, string, undefined>)
  const header = version2({ checksum: 'right', tlvs: [[0x05, ascii('an id')]] })
  for (const cut of [0, 1, 12, 16, header.length - 1, header.length, header.length + 1, header.length + 100]) {
    const proxy = await proxyFor(server.address.port, header, cut)
    const options = { ...client, ca: authority.cert, ALPNProtocols: ['hawser'], servername: 'localhost' }
    const socket = connectTls({ ...options, port: proxy.port, host: '127.0.0.1' })
    await once(socket, 'secureConnect')
    const large = 'x'.repeat(200_000)
    socket.write(concatenated(Uint8Array.of(0, 3, 0x0d, 0x40), ascii(large)))
    let received = 0
    for await (const chunk of socket) if ((received += (chunk as Uint8Array).length) >= large.length + 9) break
    t.is(received, large.length + 9)
    proxy.close()
    const peer = peers.pop()
    t.is(peer?.remoteAddress.href, 'tls://192.0.2.1:56324', `cut at ${cut}`)
    t.is(peer?.certificate?.subject['CN'], 'a client')
    t.is(peer?.protocol, 'hawser')
    t.is(peer?.proxy?.tlvs.get(0x05)?.length, 5)
    t.is(peer?.transport, 'tls')
  }
  await server.close()
})

test('sockets: the connection itself goes on to its session, nothing stands in between', async (t) => {
  const sink = new Accepting()
  const anteroom = { entered: 0, enter: () => ++anteroom.entered > 0, leave: () => void anteroom.entered-- }
  const acceptor = await tcp.listen(
    parseAddress('tcp://127.0.0.1:0'),
    linkOptions(systemEnv, 'accepted', { anteroom }),
    sink,
  )
  const socket = connect(parseAddress(acceptor.address).port, '127.0.0.1')
  socket.write(concatenated(version1(), ascii('hello')))
  const connection = await sink.first()
  t.true(connection instanceof SocketConnection)
  t.is(connection.remoteAddress, 'tcp://192.0.2.1:56324')
  t.deepEqual(sink.admitted, ['tcp://192.0.2.1:56324'])
  t.is(anteroom.entered, 0)
  const received = new RecordingSink(connection)
  socket.write(' world')
  socket.end('!')
  await until(systemEnv, () => received.lifeCycle.length > 0, 'its end')
  t.is(received.text, 'hello world!')
  connection.end()
  await until(systemEnv, () => received.lifeCycle.length > 1, 'its close')
  await acceptor.close()
})

test('sockets: a peer that ended right behind its message is heard and answered', async (t) => {
  const server = await listen<string, string, undefined>(NODE, 'tcp://127.0.0.1:0', {
    codec,
    proxyProtocol: LOOPBACK,
    listener: { onMessage: (session, message) => session.send(`echo ${message}`) },
  })
  const socket = connect({ port: server.address.port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end(concatenated(version2(), frame('hello')))
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  t.is(answer, '\0\0\0\necho hello')
  await server.close()
})
