import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import { FrameReader } from '../../src/core/frame-reader.ts'
import type { Peer } from '../../src/core/peer.ts'
import type { Server, ServerStatus } from '../../src/core/server.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { listen } from '../../src/node.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { Authority } from '../support/certificates.ts'
import { freePort, HaProxy } from '../support/haproxy.ts'

// TLVs of the specification, section 2.2.
const ALPN = 0x01
const AUTHORITY = 0x02
const CRC32C = 0x03
const UNIQUE_ID = 0x05
const SSL = 0x20
const SSL_VERSION = 0x21
const SSL_CN = 0x22
const SSL_CIPHER = 0x23

const authority = new Authority('Hawser test authority')
const server = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1')
const client = authority.issue('a client')
const files = { 'server.pem': `${server.cert}${server.key}`, 'ca.pem': authority.cert }

const DEFAULTS = `
defaults
  mode tcp
  timeout connect 5s
  timeout client 10s
  timeout server 10s
`

/** A server behind haproxy, and what it learnt of its peers. */
class Backend {
  readonly peers: Peer[] = []
  readonly statuses: ServerStatus[] = []
  #server: Server<string, string> | undefined

  static async listen(t: ExecutionContext, where: 'tcp://127.0.0.1:0' | 'tls://127.0.0.1:0'): Promise<Backend> {
    const backend = new Backend()
    backend.#server = await listen(where, {
      codec: text(),
      framing: line(),
      proxyProtocol: { from: ['127.0.0.1'] },
      onStatus: (status) => void backend.statuses.push(status),
      listener: {
        onOpen: ({ peer }) => backend.peers.push(peer),
        onMessage: (session, message) => session.send(`echo ${message}`),
        onError: () => {}, // haproxy resets what it has finished checking
      },
      ...(where.startsWith('tls') && { tls: { ...server, alpn: ['hawser'] } }),
    })
    t.teardown(() => backend.#server?.close())
    return backend
  }

  get port(): number {
    return this.#server?.address.port ?? 0
  }
}

/** haproxy, until the test is over; the backend closes after it. */
async function front(t: ExecutionContext, config: string, port: number): Promise<void> {
  const haproxy = await HaProxy.start(config, port, files)
  t.teardown(() => haproxy.stop())
}

/** Speaks through `socket` and gives the peer that the backend saw. */
async function speak(t: ExecutionContext, socket: Socket | TLSSocket, backend: Backend): Promise<Peer> {
  socket.write('hello\n')
  const [answer] = (await once(socket, 'data')) as [Uint8Array]
  t.is(String(answer), 'echo hello\n')
  const local = `${socket.localAddress}:${socket.localPort}`
  socket.end()
  await once(socket, 'close')
  const peer = backend.peers.find(({ remoteAddress: { host, port } }) => `${host}:${port}` === local)
  if (peer === undefined) throw new Error(`nobody came from ${local}`)
  return peer
}

for (const [version, option] of [
  [1, 'send-proxy'],
  [2, 'send-proxy-v2'],
] as const) {
  test(`version ${version}: a peer behind haproxy is who it is`, async (t) => {
    const backend = await Backend.listen(t, 'tcp://127.0.0.1:0')
    const port = await freePort()
    const config = `${DEFAULTS}
listen front
  bind 127.0.0.1:${port}
  server backend 127.0.0.1:${backend.port} ${option}
`
    await front(t, config, port)
    const peer = await speak(t, connect(port, '127.0.0.1'), backend)
    t.is(peer.transport, 'tcp')
    t.is(peer.proxy?.destination?.href, `tcp://127.0.0.1:${port}`)
    t.is(peer.proxy?.address.host, '127.0.0.1')
    t.is(peer.proxy?.tlvs.size, 0)
  })

  test(`version ${version}, IPv6 in front of an IPv4 backend`, async (t) => {
    const backend = await Backend.listen(t, 'tcp://127.0.0.1:0')
    const port = await freePort()
    const config = `${DEFAULTS}
listen front
  bind 127.0.0.1:${port}
  bind [::1]:${port}
  server backend 127.0.0.1:${backend.port} ${option}
`
    await front(t, config, port)
    const peer = await speak(t, connect(port, '::1'), backend)
    t.is(peer.remoteAddress.host, '::1')
    t.is(peer.proxy?.destination?.href, `tcp://[::1]:${port}`)
  })

  test(`version ${version} before TLS: the header stands in front of the ClientHello of haproxy`, async (t) => {
    const backend = await Backend.listen(t, 'tls://127.0.0.1:0')
    const port = await freePort()
    const config = `${DEFAULTS}
listen front
  bind 127.0.0.1:${port}
  server backend 127.0.0.1:${backend.port} ${option} ssl verify required ca-file ca.pem alpn hawser
`
    await front(t, config, port)
    const peer = await speak(t, connect(port, '127.0.0.1'), backend)
    t.is(peer.transport, 'tls')
    t.is(peer.protocol, 'hawser')
    t.is(peer.proxy?.destination?.port, port)
  })

  test(`version ${version} before TLS that haproxy only passes through`, async (t) => {
    const backend = await Backend.listen(t, 'tls://127.0.0.1:0')
    const port = await freePort()
    const config = `${DEFAULTS}
listen front
  bind 127.0.0.1:${port}
  server backend 127.0.0.1:${backend.port} ${option}
`
    await front(t, config, port)
    const socket = connectTls({ port, host: '127.0.0.1', ca: authority.cert, ALPNProtocols: ['hawser'] })
    await once(socket, 'secureConnect')
    const peer = await speak(t, socket, backend)
    t.is(peer.transport, 'tls')
    t.is(peer.protocol, 'hawser')
  })
}

test('version 2 with all its options: what haproxy learnt of its client’s TLS, a unique id, a checksum', async (t) => {
  const backend = await Backend.listen(t, 'tcp://127.0.0.1:0')
  const port = await freePort()
  const config = `${DEFAULTS}
listen front
  bind 127.0.0.1:${port} ssl crt server.pem ca-file ca.pem verify required alpn hawser
  unique-id-format id-%[src_port]
  server backend 127.0.0.1:${backend.port} send-proxy-v2-ssl-cn proxy-v2-options ssl,cert-cn,ssl-cipher,unique-id,authority,crc32c
`
  await front(t, config, port)
  const socket = connectTls({
    ...client,
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: authority.cert,
    ALPNProtocols: ['hawser'],
  })
  await once(socket, 'secureConnect')
  const cipher = socket.getCipher().name
  const ownPort = socket.localPort
  const { proxy } = await speak(t, socket, backend)
  const tlvs = proxy?.tlvs ?? new Map<number, Uint8Array>()
  const asText = (type: number): string => String.fromCharCode(...(tlvs.get(type) ?? []))
  t.is(asText(ALPN), 'hawser')
  t.is(asText(AUTHORITY), 'localhost')
  t.is(asText(UNIQUE_ID), `id-${ownPort}`)
  t.is(tlvs.get(CRC32C)?.length, 4)
  const ssl = new FrameReader(tlvs.get(SSL) ?? new Uint8Array(0))
  t.is(ssl.u8(), 0x07, 'TLS, with a certificate, in this connection and session')
  t.is(ssl.u32(), 0, 'verified')
  const inner = new Map<number, string>()
  while (ssl.remaining > 0) inner.set(ssl.u8(), ssl.utf8(ssl.u16()))
  t.is(inner.get(SSL_VERSION), 'TLSv1.3')
  t.is(inner.get(SSL_CN), 'a client')
  t.is(inner.get(SSL_CIPHER), cipher)
})

test('health checks (LOCAL) keep the address of haproxy, and are no refusals', async (t) => {
  for (const [scheme, tls] of [
    ['tcp', ''],
    ['tls', 'check-ssl verify none check-alpn hawser'],
  ] as const) {
    const backend = await Backend.listen(t, `${scheme}://127.0.0.1:0`)
    const port = await freePort()
    const config = `${DEFAULTS}
listen front
  bind 127.0.0.1:${port}
  timeout check 5s
  option tcp-check
  tcp-check connect send-proxy ${tls === '' ? '' : 'ssl alpn hawser'}
  tcp-check send "check\\n"
  tcp-check expect string "echo check"
  server backend 127.0.0.1:${backend.port} send-proxy-v2 check check-send-proxy inter 100 ${tls}
`
    await front(t, config, port)
    const checks = (): Peer[] => backend.peers.filter(({ proxy }) => proxy === undefined)
    await until(systemEnv, () => checks().length >= 3, 'three checks')
    for (const { remoteAddress } of checks()) {
      t.is(remoteAddress.host, '127.0.0.1')
      t.is(remoteAddress.scheme, scheme)
    }
    t.deepEqual(
      backend.statuses.filter((status) => status.type === 'refused' && status.error.code === 'ERR_PROXY'),
      [],
    )
  }
})
