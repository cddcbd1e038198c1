import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { raw } from '../../../codecs/raw.ts'
import { text } from '../../../codecs/text.ts'
import type { ConnectionSink } from '../../../src/core/connection.ts'
import type { Env, Net } from '../../../src/core/env.ts'
import { HawserError, refused } from '../../../src/core/errors.ts'
import type { WebSocketEngine } from '../../../src/core/web-socket.ts'
import type { ServerStatus } from '../../../src/core/server.ts'
import { systemEnv } from '../../../src/env/node/system-env.ts'
import { dial, listen } from '../../../src/node.ts'
import { until } from '../../../src/testing/conformance/party.ts'
import { Authority } from '../../support/certificates.ts'
import { virtualEnv } from '../../../src/testing/virtual-env.ts'
import { dialing, linkOptions, listening } from '../../support/accepting.ts'
import { RecordingSink } from '../../support/recording-sink.ts'
import { websocket } from '../../../src/transports/websocket/websocket.ts'

const certificate = new Authority('Hawser test authority').issue('localhost', 'IP:127.0.0.1')
const deaf: ConnectionSink = { onChunk() {}, onActivity() {}, onEnd() {}, onClose() {} }

/** The example of RFC 6455 section 1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
const GOOD = {
  Host: 'localhost',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13',
}

type Lines = Readonly<Record<string, string | undefined>>

function request(changes: Lines = {}, first = 'GET /chat HTTP/1.1', more = ''): string {
  const lines = Object.entries({ ...GOOD, ...changes }).filter(([, value]) => value !== undefined)
  return `${first}\r\n${lines.map(([name, value]) => `${name}: ${value ?? ''}\r\n`).join('')}${more}\r\n`
}

/** All that a server says to these bytes until it ends, or until a 101 is whole. */
async function answerTo(port: number, bytes: string | Uint8Array, pieceBytes = Infinity): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  let said = ''
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1')
    if (said.startsWith('HTTP/1.1 101') && said.includes('\r\n\r\n')) socket.end()
  })
  const wire = Buffer.from(bytes)
  for (let at = 0; at < wire.length && !socket.destroyed; at += pieceBytes) {
    socket.write(wire.subarray(at, at + pieceBytes))
    if (pieceBytes < wire.length) await new Promise((resolve) => setImmediate(resolve))
  }
  if (!socket.closed) await once(socket, 'close')
  return said
}

const port = (address: { readonly port: number }): number => address.port

const table: readonly (readonly [what: string, request: string, status: number])[] = [
  ['the request of the RFC', request(), 101],
  [
    'names and tokens in other capitals, in a list',
    request({ Connection: 'keep-alive, UPGRADE', Upgrade: 'WebSocket' }),
    101,
  ],
  ['a query', request({}, 'GET /chat?room=1 HTTP/1.1'), 101],
  ['an absolute URI', request({}, 'GET http://localhost/chat HTTP/1.1'), 101],
  ['blanks around a value', request({ 'Sec-WebSocket-Version': ' \t13 \t' }), 101],
  ['an unknown extension', request({ 'Sec-WebSocket-Extensions': 'x-unheard-of; a=1' }), 101],
  ['bytes beyond ASCII in a value', request({ 'X-Name': 'Zo\u00eb' }), 101],
  ['64 headers', request({}, undefined, 'X: y\r\n'.repeat(59)), 101],
  ['65 headers', request({}, undefined, 'X: y\r\n'.repeat(60)), 431],
  ['16 KiB and more', request({ 'X-Long': 'x'.repeat(16 * 1024) }), 431],
  ['another path', request({}, 'GET /other HTTP/1.1'), 404],
  ['a path that begins like ours', request({}, 'GET /chat/room HTTP/1.1'), 404],
  ['POST', request({}, 'POST /chat HTTP/1.1'), 405],
  ['plain HTTP', request({ Upgrade: undefined, Connection: 'close' }), 426],
  ['no Connection: Upgrade', request({ Connection: 'keep-alive' }), 426],
  ['another protocol', request({ Upgrade: 'h2c' }), 426],
  ['version 8', request({ 'Sec-WebSocket-Version': '8' }), 426],
  ['no version', request({ 'Sec-WebSocket-Version': undefined }), 426],
  ['no key', request({ 'Sec-WebSocket-Key': undefined }), 400],
  ['a short key', request({ 'Sec-WebSocket-Key': 'c2hvcnQ=' }), 400],
  ['two keys', request({}, undefined, `Sec-WebSocket-Key: ${KEY}\r\n`), 400],
  ['no host', request({ Host: undefined }), 400],
  ['a body', request({ 'Content-Length': '5' }), 400],
  ['a body in pieces', request({ 'Transfer-Encoding': 'chunked' }), 400],
  ['HTTP/1.0', request({}, 'GET /chat HTTP/1.0'), 505],
  ['HTTP/2 by force', request({}, 'PRI * HTTP/2.0'), 505],
  ['no version of HTTP', request({}, 'GET /chat'), 400],
  ['two blanks in the request line', request({}, 'GET  /chat HTTP/1.1'), 400],
  ['a control character in the target', request({}, 'GET /ch\u0001at HTTP/1.1'), 400],
  ['a blank before the colon', request({}, undefined, 'X : y\r\n'), 400],
  ['a folded header', request({}, undefined, 'X: y\r\n z\r\n'), 400],
  ['a header without a colon', request({}, undefined, 'nonsense\r\n'), 400],
  ['bare line feeds', request().replaceAll('\r\n', '\n'), 400],
  ['a bare carriage return', request({ X: 'a\rb' }), 400],
  ['a NUL', request({ X: 'a\0b' }), 400],
  ['a subprotocol that is no token', request({ 'Sec-WebSocket-Protocol': 'a b' }), 400],
  ['a subprotocol twice', request({ 'Sec-WebSocket-Protocol': 'chat, chat' }), 400],
  ['a TLS greeting', '\u0016\u0003\u0001', 400],
]

test('C-05: each request gets the status that RFC 6455 and 9112 say, whole or byte by byte, and the server lives on', async (t) => {
  const refusals: ServerStatus[] = []
  const server = await listen('ws://127.0.0.1:0/chat', {
    codec: raw(),
    onStatus: (status) => {
      if (status.type === 'refused') refusals.push(status)
    },
  })
  for (const [what, bytes, status] of table) {
    for (const pieceBytes of bytes.length < 400 ? [Infinity, 1] : [Infinity]) {
      const answer = await answerTo(port(server.address), Buffer.from(bytes, 'latin1'), pieceBytes)
      t.is(answer.split(' ', 2)[1], String(status), `${what}: ${answer.split('\r\n', 1)[0] ?? ''}`)
      if (status !== 101) t.regex(answer, /\r\nConnection: close.*\r\n(.*\r\n)*Content-Length: \d+\r\n(.*\r\n)*\r\n./)
    }
  }
  const count = table.filter(([, , status]) => status !== 101).length
  await until(systemEnv, () => refusals.length >= count, 'each refusal was told')
  const session = await dial(server.address, { codec: raw() })
  await session.close()
  await server.close()
})

test('the 101 answers the key of RFC 6455 section 1.3, and a 426 names the version', async (t) => {
  const server = await listen('ws://127.0.0.1:0/chat', { codec: raw(), ws: { headers: { 'X-Served-By': 'hawser' } } })
  const answer = await answerTo(port(server.address), request())
  t.regex(
    answer,
    new RegExp(`^HTTP/1.1 101 Switching Protocols\r\n(.*\r\n)*Sec-WebSocket-Accept: ${ACCEPT.replace('+', '\\+')}\r\n`),
  )
  t.regex(answer, /\r\nX-Served-By: hawser\r\n/)
  t.regex(
    await answerTo(port(server.address), request({ 'Sec-WebSocket-Version': '7' })),
    /\r\nSec-WebSocket-Version: 13\r\n/,
  )
  t.regex(await answerTo(port(server.address), request({}, 'PUT /chat HTTP/1.1')), /\r\nAllow: GET\r\n/)
  await server.close()
})

test('C-06: origins: a list, a function, and without them the same host where there are cookies', async (t) => {
  const status = async (server: { readonly address: { readonly port: number } }, lines: Lines): Promise<number> =>
    Number((await answerTo(server.address.port, request(lines))).split(' ', 2)[1])
  const codec = raw()
  const open = await listen('ws://127.0.0.1:0/chat', { codec })
  t.is(await status(open, { Origin: 'https://elsewhere.example' }), 101)
  t.is(await status(open, { Origin: 'https://elsewhere.example', Cookie: 'id=1' }), 403)
  t.is(await status(open, { Origin: 'null', Cookie: 'id=1' }), 403)
  t.is(await status(open, { Origin: 'http://localhost', Cookie: 'id=1' }), 101)
  t.is(await status(open, { Origin: 'https://LOCALHOST:443', Host: 'localhost', Cookie: 'id=1' }), 101)
  t.is(await status(open, { Origin: 'http://localhost:8080', Cookie: 'id=1' }), 403)
  t.is(await status(open, { Cookie: 'id=1' }), 101, 'no browser')
  const listed = await listen('ws://127.0.0.1:0/chat', { codec, ws: { origins: ['https://example.com'] } })
  t.is(await status(listed, { Origin: 'https://example.com', Cookie: 'id=1' }), 101)
  t.is(await status(listed, { Origin: 'https://example.com.evil.example' }), 403)
  t.is(await status(listed, {}), 101)
  const asked: (string | undefined)[] = []
  const origins = (origin: string | undefined): boolean => {
    asked.push(origin)
    if (origin === 'https://broken') throw new Error('no idea')
    return origin !== undefined
  }
  const judged = await listen('ws://127.0.0.1:0/chat', { codec, ws: { origins }, onStatus() {} })
  t.is(await status(judged, {}), 403)
  t.is(await status(judged, { Origin: 'https://any' }), 101)
  t.is(await status(judged, { Origin: 'https://broken' }), 500)
  t.deepEqual(asked, [undefined, 'https://any', 'https://broken'])
  await Promise.all([open, listed, judged].map((server) => server.close()))
})

test('subprotocols: the server chooses its best of those offered; none in common is 400', async (t) => {
  const server = await listen('ws://127.0.0.1:0', {
    codec: text(),
    ws: { subprotocols: ['v2', 'v1'] },
    listener: { onOpen: (session) => session.send(String(session.peer.protocol)) },
    onStatus() {},
  })
  for (const [offered, chosen] of [
    [['v1', 'v2'], 'v2'],
    [['v0', 'v1'], 'v1'],
    [[], undefined],
  ] as const) {
    const session = await dial(server.address, { codec: text(), ws: { subprotocols: offered } })
    t.is(session.peer.protocol, chosen)
    t.is(await session.receive(), String(chosen))
    await session.close()
  }
  await t.throwsAsync(dial(server.address, { codec: text(), ws: { subprotocols: ['v0'] } }), {
    code: 'ERR_REFUSED',
    message: /400/,
  })
  await server.close()
})

test('data refuses with an HTTP status before the 101, and with a close code after it', async (t) => {
  const errors: string[] = []
  const here = await listen('ws://127.0.0.1:0/in', {
    codec: text(),
    data: async (peer) => {
      const how = new URLSearchParams(peer.request?.url.split('?')[1]).get('how')
      if (how === 'token') throw refused('the token is old', { status: 401 })
      if (how === 'code') throw refused('a close code', { status: 4001 })
      if (how === 'bug') throw new Error('secret')
      peer.send('hello')
      throw refused('go away', { status: how === 'late' ? 401 : 4009 })
    },
    onStatus: (status) => {
      if (status.type === 'refused') errors.push(status.error.code)
    },
  })
  const at = (how: string): string => `${here.address.href}?how=${how}`
  const answer = await answerTo(here.address.port, request({}, 'GET /in?how=token HTTP/1.1'))
  t.regex(answer, /^HTTP\/1.1 401 Unauthorized\r\n/)
  t.true(answer.endsWith('\r\n\r\nthe token is old'))
  for (const [how, status] of [
    ['token', 401],
    ['code', 403],
    ['bug', 403],
  ] as const)
    await t.throwsAsync(
      dial(at(how), { codec: text() }),
      { code: 'ERR_REFUSED', message: new RegExp(String(status)) },
      how,
    )
  t.false((await answerTo(here.address.port, request({}, 'GET /in?how=bug HTTP/1.1'))).includes('secret'))
  for (const [how, code] of [
    ['late', 1008],
    ['closed', 4009],
  ] as const) {
    const session = await dial(at(how), { codec: text() })
    t.is(await session.receive(), 'hello')
    t.like(await session.closed, { by: 'remote', code }, how)
  }
  t.deepEqual(errors, [
    'ERR_REFUSED',
    'ERR_REFUSED',
    'ERR_REFUSED',
    'ERR_LISTENER',
    'ERR_LISTENER',
    'ERR_REFUSED',
    'ERR_REFUSED',
  ])
  await here.close()
})

test('the 101 is held back until data has settled, and what was pipelined behind the request is not lost', async (t) => {
  let release: (() => void) | undefined
  const heard: string[] = []
  const server = await listen('ws://127.0.0.1:0/chat', {
    codec: text(),
    data: () => new Promise<number>((resolve) => (release = () => resolve(1))),
    listener: { onMessage: (_session, message) => void heard.push(message) },
  })
  const socket = connect(server.address.port, '127.0.0.1')
  await once(socket, 'connect')
  const frame = [0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]
  socket.write(Buffer.concat([Buffer.from(request()), Buffer.from(frame)]))
  await until(systemEnv, () => release !== undefined, 'data was called')
  t.is(socket.read(), null)
  release?.()
  await until(systemEnv, () => heard.length === 1, 'the message')
  t.deepEqual(heard, ['hi'])
  socket.destroy()
  await server.close()
})

test('who sends no request gets 408 in time, and who leaves before it is whole is an error of the acceptor', async (t) => {
  const { acceptor, sink } = await listening(websocket, 'ws://127.0.0.1:0/chat', {}, { timeoutMs: 50 })
  const { port: where } = new URL(acceptor.address)
  t.regex(await answerTo(Number(where), 'GET /chat HT'), /^HTTP\/1.1 408 /)
  t.like(await sink.firstError(), { code: 'ERR_TIMEOUT' })
  await acceptor.close()

  const patient = await listening(websocket, 'ws://127.0.0.1:0/chat')
  const socket = connect(Number(new URL(patient.acceptor.address).port), '127.0.0.1')
  socket.on('error', () => undefined) // it may be reset for that
  await once(socket, 'connect')
  socket.end('GET /')
  t.like(await patient.sink.firstError(), { code: 'ERR_TRUNCATED' })
  t.regex(patient.sink.errors[0]?.from ?? '', /^ws:\/\/127\.0\.0\.1:/)
  await patient.acceptor.close()
})

/** A server that answers what the test says, byte by byte if need be. */
async function answering(
  t: ExecutionContext,
  answer: (key: string, socket: Socket) => string | undefined,
): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (head: Buffer) => {
      const key = /Sec-WebSocket-Key: (.*)\r\n/.exec(head.toString())?.[1] ?? ''
      const said = answer(key, socket)
      if (said !== undefined) socket.end(said)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

test('a client takes no answer but the right one: status, Upgrade, accept, extensions, subprotocol, size', async (t) => {
  const head = (lines: readonly string[], first = 'HTTP/1.1 101 Fine'): string =>
    `${[first, ...lines].join('\r\n')}\r\n\r\n`
  const upgrade = ['Upgrade: websocket', 'Connection: Upgrade']
  for (const [what, said, code] of [
    ['a redirect', head(['Location: ws://elsewhere/'], 'HTTP/1.1 302 Found'), 'ERR_REFUSED'],
    ['a refusal', head([], 'HTTP/1.1 503 Busy'), 'ERR_REFUSED'],
    ['no Upgrade', head(['Connection: Upgrade']), 'ERR_BAD_FRAME'],
    ['another accept', head([...upgrade, `Sec-WebSocket-Accept: ${ACCEPT}`]), 'ERR_BAD_FRAME'],
    ['no accept', head(upgrade), 'ERR_BAD_FRAME'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'ERR_BAD_FRAME'],
    ['too much', head([`X: ${'y'.repeat(17_000)}`]), 'ERR_REFUSED'],
    ['nothing', '', 'ERR_TRUNCATED'],
  ] as const) {
    const address = await answering(t, () => said)
    await t.throwsAsync(dialing(websocket, address), { code }, what)
  }
  const refusal = await t.throwsAsync(dialing(websocket, await answering(t, () => head([], 'HTTP/1.1 404 None'))))
  t.like(refusal, { code: 'ERR_REFUSED', status: 404 })
  const silent = await answering(t, () => undefined)
  await t.throwsAsync(dialing(websocket, silent, {}, { timeoutMs: 30 }), { code: 'ERR_TIMEOUT' })
  const abort = new AbortController()
  const aborted = dialing(websocket, silent, {}, { signal: abort.signal })
  setTimeout(() => abort.abort(new Error('enough')), 20)
  await t.throwsAsync(aborted, { message: 'enough' })
})

test('a client of ws that knocks at TLS is asked whether it meant wss, and the server knows what came', async (t) => {
  const statuses: ServerStatus[] = []
  const server = await listen('wss://127.0.0.1:0/chat', {
    codec: text(),
    tls: certificate,
    onStatus: (status) => void statuses.push(status),
  })
  await t.throwsAsync(dial(`ws://127.0.0.1:${server.address.port}/chat`, { codec: text() }), {
    code: 'ERR_TRUNCATED',
    message: /is it a wss:\/\/ port\?$/,
  })
  await until(systemEnv, () => statuses.length === 2, 'a refusal')
  const [, refusal] = statuses
  t.regex(refusal?.type === 'refused' ? refusal.error.message : '', /HTTP request, not TLS/)
  await server.close()
})

test('a wrong option of the group ws is named', async (t) => {
  const wrong = (ws: object): Promise<unknown> => dialing(websocket, 'ws://127.0.0.1:1', { ws })
  const code = 'ERR_BAD_OPTION'
  await t.throwsAsync(wrong({ subprotocols: ['a b'] }), { code, message: /ws\.subprotocols/ })
  await t.throwsAsync(wrong({ subprotocols: ['a', 'a'] }), { code, message: /ws\.subprotocols/ })
  await t.throwsAsync(wrong({ origins: ['example.com'] }), { code, message: /ws\.origins/ })
  await t.throwsAsync(wrong({ headers: { 'X-Bad': 'a\r\nSet-Cookie: b' } }), { code, message: /ws\.headers\.X-Bad/ })
  await t.throwsAsync(wrong({ headers: { Upgrade: 'h2c' } }), { code, message: /Upgrade/ })
  await t.throwsAsync(wrong({ engine: 'uws' }), { code, message: /ws\.engine/ })
  await t.throwsAsync(wrong({ compression: true }), { code, message: /ws\.compression/ })
  await t.throwsAsync(wrong({ compress: true }), { code, message: /ws\.compress is unknown/ })
})

test('closing a server sends away whose request has not come', async (t) => {
  const server = await listen('ws://127.0.0.1:0', { codec: raw() })
  const socket = connect(server.address.port, '127.0.0.1')
  socket.on('error', () => undefined) // reset where the server had not read yet
  await once(socket, 'connect')
  socket.write('GET / HTTP/1.1\r\n')
  await new Promise((resolve) => setTimeout(resolve, 20))
  await server.close()
  socket.resume()
  if (!socket.closed) await once(socket, 'close')
  t.pass()
})

test('engines: the other one where it is chosen, or where compression is on and the client offers it', async (t) => {
  const carried: string[] = []
  const other: WebSocketEngine = {
    async load() {
      carried.push('load')
    },
    accept(link, _unread, { headers }, settings) {
      carried.push(`accept ${String(headers['sec-websocket-extensions'])} ${JSON.stringify(settings)}`)
      link.end()
      return link
    },
    async dial(link, url, settings) {
      carried.push(`dial ${url} ${JSON.stringify(settings)}`)
      link.destroy()
      throw new HawserError('ERR_REFUSED', 'no')
    },
  }
  const net = Object.create(systemEnv.net ?? null, { webSocket: { value: other } }) as Net
  const env: Env = { ...systemEnv, net }
  const { acceptor, sink } = await listening(
    websocket,
    'ws://127.0.0.1:0/chat',
    { ws: { compression: {}, subprotocols: ['a'] } },
    { env },
  )
  const { port: where } = new URL(acceptor.address)
  const plain = await Promise.race([
    dialing(websocket, acceptor.address),
    sink.first().then((one) => void one.attach(deaf)),
  ])
  plain?.destroy()
  await answerTo(
    Number(where),
    request({
      'Sec-WebSocket-Extensions': 'x-a, Permessage-Deflate; client_max_window_bits',
      'Sec-WebSocket-Protocol': 'a',
    }),
  )
  await t.throwsAsync(dialing(websocket, acceptor.address, { ws: { engine: 'ws', subprotocols: ['b'] } }, { env }))
  t.deepEqual(carried, [
    'load',
    'accept x-a, Permessage-Deflate; client_max_window_bits {"subprotocols":["a"],"compression":{"thresholdBytes":1024},"headers":{}}',
    'load',
    `dial ${acceptor.address} {"subprotocols":["b"],"compression":false,"headers":{}}`,
  ])
  for (const connection of sink.connections) connection.destroy()
  await acceptor.close()
  const none: Env = {
    ...systemEnv,
    net: Object.create(systemEnv.net ?? null, { webSocket: { value: undefined } }) as Net,
  }
  const missing = (ws: object): Promise<unknown> => dialing(websocket, 'ws://127.0.0.1:1', { ws }, { env: none })
  await t.throwsAsync(missing({ engine: 'ws' }), { code: 'ERR_BAD_OPTION', message: /ws\.engine/ })
  await t.throwsAsync(missing({ compression: {} }), { code: 'ERR_BAD_OPTION', message: /ws\.compression/ })
})

test('openTimeoutMs is one limit for PROXY header, request, data and onOpen together', async (t) => {
  const env = virtualEnv()
  const codes: string[] = []
  const server = await listen('ws://127.0.0.1:80', {
    env,
    codec: raw(),
    proxyProtocol: { from: ['127.0.0.1'] },
    openTimeoutMs: 1000,
    data: (peer) => (peer.request?.url === '/?late=data' ? new Promise(() => {}) : undefined),
    listener: { onOpen: ({ peer }) => (peer.request?.url === '/?late=open' ? new Promise(() => {}) : undefined) },
    onStatus: (status) => void (status.type === 'refused' && codes.push(status.error.code)),
  })
  for (const late of ['header', 'request', 'data', 'open']) {
    const link = await env.net?.dial({ host: '127.0.0.1', port: 80 }, linkOptions('dialed', {}, { env }))
    link?.attach(new RecordingSink())
    await env.advance(400)
    if (late !== 'header') link?.write(Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n'))
    await env.advance(400)
    if (late === 'data' || late === 'open') link?.write(Buffer.from(request({}, `GET /?late=${late} HTTP/1.1`)))
    await env.advance(150)
    t.deepEqual(codes, [], late)
    await env.advance(100)
    link?.end()
    await env.advance(100)
    t.deepEqual(codes.splice(0), ['ERR_TIMEOUT'], late)
    link?.destroy()
  }
  server.destroy()
  await env.settle()
  t.is(env.timers, 0)
})

test('openTimeoutMs: a TLS handshake is left what the PROXY header has not used, and the request what neither has', async (t) => {
  const env = virtualEnv()
  const codes: string[] = []
  const server = await listen('wss://127.0.0.1:443', {
    env,
    codec: raw(),
    tls: { cert: 'any', key: 'any' },
    proxyProtocol: { from: ['127.0.0.1'] },
    openTimeoutMs: 1000,
    onStatus: (status) => void (status.type === 'refused' && codes.push(status.error.code)),
  })
  for (const late of ['handshake', 'request']) {
    const link = await env.net?.dial({ host: '127.0.0.1', port: 443 }, linkOptions('dialed', {}, { env }))
    const sink = new RecordingSink()
    await env.advance(400)
    link?.write(Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n'))
    await env.advance(400)
    const handshake =
      late === 'request' && link && env.net?.secure(link, { insecure: true }, linkOptions('dialed', {}, { env }))
    await env.advance(100)
    const peer = handshake ? await handshake : link
    peer?.attach(sink)
    await env.advance(50)
    t.deepEqual(codes, [], late)
    await env.advance(100)
    if (late === 'request') t.regex(Buffer.concat(sink.chunks).toString(), /^HTTP\/1\.1 408 /)
    peer?.end()
    await env.advance(100)
    t.deepEqual(codes.splice(0), ['ERR_TIMEOUT'], late)
    peer?.destroy()
  }
  server.destroy()
  await env.settle()
  t.is(env.timers, 0)
})
