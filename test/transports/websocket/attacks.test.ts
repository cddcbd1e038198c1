import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, createServer as createPlainServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { text } from '../../../codecs/text.ts'
import { parseAddress } from '../../../src/core/address.ts'
import { dial, listen } from '../../../src/node.ts'
import { denyHosts } from '../../../src/stages/deny-hosts.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const UPGRADE = `GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`

test('C-05: what somebody typed into an address cannot end the request line, and is found on the other side', async (t) => {
  const room = 'lobby HTTP/1.1\r\nHost: internal\r\n\r\nDELETE /users/1 HTTP/1.1'
  t.throws(() => parseAddress(`ws://127.0.0.1:1/?room=${room}`), { code: 'ERR_BAD_ADDRESS' })
  const forged = { ...parseAddress('ws://127.0.0.1:1/'), path: `/${room}`, href: `ws://127.0.0.1:1/${room}` }
  await t.throwsAsync(dial({ ...forged, host: '127.0.0.1', port: 1, scheme: 'ws' }, { codec: text() }), {
    code: 'ERR_BAD_ADDRESS',
  })
  t.is(parseAddress('ws://h/a b/é?q=x y#f').path, '/a%20b/%C3%A9?q=x%20y')
  t.is(parseAddress('ws://h/\uD800').path, '/%EF%BF%BD')
  const server = await listen('ws://127.0.0.1:0/é b', {
    codec: text(),
    listener: { onOpen: (session) => void session.send(session.peer.request?.url ?? '') },
  })
  for (const engine of ['own', 'ws'] as const) {
    const session = await dial(`${server.address.href}?q=x y#f`, { codec: text(), ws: { engine } })
    t.is(await session.receive({ timeoutMs: 5_000 }), '/%C3%A9%20b?q=x%20y')
    await session.close()
  }
  await server.close()
})

test.serial(
  'C-03: a long message that ends in a thousand fragments of one byte is not copied a thousand times',
  async (t) => {
    const maxFrameBytes = 4 * 1024 * 1024
    let receive: (length: number) => void = () => {}
    const received = new Promise<number>((resolve) => (receive = resolve))
    const server = await listen('ws://127.0.0.1:0', {
      codec: { decode: (frame) => frame.length, encode: () => undefined },
      maxFrameBytes,
      listener: { onMessage: (_session, length) => receive(length) },
    })
    const socket = connect(server.address.port, '127.0.0.1')
    socket.write(UPGRADE)
    await once(socket, 'data')
    const first = Buffer.alloc(14 + maxFrameBytes - 1023)
    first.set([0x02, 0xff])
    first.writeBigUInt64BE(BigInt(maxFrameBytes - 1023), 2)
    socket.write(first)
    const tail = Buffer.concat(
      Array.from({ length: 1_022 }, (_, i) => Buffer.of(i === 1_021 ? 0x80 : 0x00, 0x81, 0, 0, 0, 0, 7)),
    )
    const { allocUnsafeSlow } = Buffer
    let large = 0
    Buffer.allocUnsafeSlow = (size) => {
      if (size > maxFrameBytes / 2) large++
      return allocUnsafeSlow(size)
    }
    socket.write(tail)
    t.is(await received, maxFrameBytes - 1)
    Buffer.allocUnsafeSlow = allocUnsafeSlow
    t.true(large < 5, `${large} times memory for the whole message`)
    socket.destroy()
    await server.close()
  },
)

test('a peer that reset its connection before a mount saw it is not let past admit', async (t) => {
  const http = createServer().listen(0, '127.0.0.1')
  await once(http, 'listening')
  let opened = 0
  const server = await listen(
    { http },
    { codec: text(), admit: denyHosts(['127.0.0.0/8']), onStatus() {}, listener: { onOpen: () => void opened++ } },
  )
  for (let round = 0; round < 20; round++) {
    const socket = connect((http.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(UPGRADE)
    socket.resetAndDestroy()
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  t.is(opened, 0)
  await server.close()
  http.close()
})

test('peers of an HTTP server on a Unix socket have no host, and are not counted as one', async (t) => {
  const path = join(tmpdir(), `hawser-mount-${process.pid}.sock`)
  const http = createServer().listen(path)
  await once(http, 'listening')
  const server = await listen({ http }, { codec: text(), maxSessionsPerHost: 1 })
  const sockets = await Promise.all(
    [1, 2, 3].map(async () => {
      const socket = connect(path)
      socket.write(UPGRADE)
      const [answer] = (await once(socket, 'data')) as [Buffer]
      t.regex(String(answer), /^HTTP\/1\.1 101 /)
      return socket
    }),
  )
  for (const socket of sockets) socket.destroy()
  await server.close()
  http.close()
})

test('interim answers are passed over, a few of them', async (t) => {
  const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
  const interims = [2, 100]
  const server = createPlainServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (request) => {
      const key = /Sec-WebSocket-Key: (\S+)/.exec(String(request))?.[1] ?? ''
      t.not(key, '')
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(interims.shift() ?? 0))
      socket.write(`HTTP/1.1 403 Forbidden\r\nX: ${accept}\r\n\r\n`)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const where = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  await t.throwsAsync(dial(where, { codec: text() }), { code: 'ERR_REFUSED', message: /403/ })
  await t.throwsAsync(dial(where, { codec: text() }), { code: 'ERR_BAD_FRAME', message: /interim/ })
  server.close()
})
