import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import test from 'ava'
import { text } from '../../../codecs/text.ts'
import { dial, listen } from '../../../src/node.ts'
import { virtualEnv } from '../../../src/testing/virtual-env.ts'
import { websocket } from '../../../src/transports/websocket/websocket.ts'
import { Accepting, dialing, linkOptions } from '../../support/accepting.ts'
import { Authority } from '../../support/certificates.ts'
import { RecordingSink } from '../../support/recording-sink.ts'

async function serving(): Promise<{ readonly http: Server; readonly port: number }> {
  const http = createServer((_request, response) => response.end('a page'))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return { http, port: (http.address() as AddressInfo).port }
}

function greeting(word: string) {
  return { codec: text(), listener: { onOpen: (session: { send(message: string): boolean }) => session.send(word) } }
}

async function wordOf(url: string): Promise<string> {
  const session = await dial(url, { codec: text() })
  const said = await session.receive()
  await session.close()
  return said
}

async function page(port: number): Promise<string> {
  const [response] = (await once(get({ port, host: '127.0.0.1', agent: false }), 'response')) as [IncomingMessage]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return body
}

test('several paths of one HTTP server are served, its pages too, and closing each restores it', async (t) => {
  const { http, port } = await serving()
  const chat = await listen({ http, path: '/chat' }, greeting('chat'))
  const both = await listen([{ http, path: '/game' }, 'ws://127.0.0.1:0/game'], greeting('game'))
  t.is(chat.address.href, `ws://127.0.0.1:${port}/chat`)
  t.is(http.listenerCount('upgrade'), 1)
  t.is(await wordOf(chat.address.href), 'chat')
  t.deepEqual(await Promise.all(both.addresses.map(({ href }) => wordOf(href))), ['game', 'game'])
  t.is(await wordOf(`ws://127.0.0.1:${port}/chat?room=1`), 'chat')
  t.is(await page(port), 'a page')
  await t.throwsAsync(wordOf(`ws://127.0.0.1:${port}/other`), { code: 'ERR_REFUSED', message: /404/ })

  await chat.close()
  await t.throwsAsync(wordOf(chat.address.href), { code: 'ERR_REFUSED', message: /404/ })
  t.is(await wordOf(both.address.href), 'game')
  await both.close()
  t.is(http.listenerCount('upgrade'), 0)
  t.is(await page(port), 'a page')
  const again = await listen({ http, path: '/chat' }, greeting('again'))
  t.is(await wordOf(again.address.href), 'again')
  await again.close()
  http.close()
})

test('upgrades of other paths are left to whoever else listens to them', async (t) => {
  const { http, port } = await serving()
  const seen: string[] = []
  http.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    seen.push(request.url ?? '')
    if (request.url === '/theirs') socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n')
  })
  const server = await listen({ http, path: '/ours' }, greeting('ours'))
  t.is(await wordOf(server.address.href), 'ours')
  await t.throwsAsync(wordOf(`ws://127.0.0.1:${port}/theirs`), { code: 'ERR_REFUSED', message: /418/ })
  t.deepEqual(seen, ['/ours', '/theirs'])
  await server.close()
  t.is(http.listenerCount('upgrade'), 1)
  http.close()
})

test('a peer that is not admitted, or refused, costs the HTTP server nothing', async (t) => {
  const { http, port } = await serving()
  let admits = false
  const server = await listen({ http }, { ...greeting('in'), admit: () => admits, onStatus() {} })
  const cut = await t.throwsAsync(wordOf(`ws://127.0.0.1:${port}/`))
  t.regex((cut as { readonly code?: string }).code ?? '', /ERR_TRUNCATED|ERR_CONNECTION_RESET/)
  admits = true
  t.is(await wordOf(`ws://127.0.0.1:${port}/`), 'in')
  t.is(server.stats.refusedSessions, 1)
  await server.close()
  http.close()
})

test('what cannot be mounted is said at once, and leaves nothing taken', async (t) => {
  const { http } = await serving()
  const code = 'ERR_BAD_OPTION'
  const server = await listen({ http, path: '/chat' }, greeting('chat'))
  await t.throwsAsync(listen({ http, path: '/chat' }, greeting('two')), { code, message: /'\/chat'.*taken/ })
  await t.throwsAsync(
    listen(
      [
        { http, path: '/a' },
        { http, path: '/chat' },
      ],
      greeting('two'),
    ),
    { code },
  )
  const freed = await listen({ http, path: '/a' }, greeting('free again'))
  t.is(await wordOf(freed.address.href), 'free again')
  for (const path of ['chat', '/chat?room=1', '/a b', ''])
    await t.throwsAsync(listen({ http, path }, greeting('')), { code, message: /path/ }, path)
  await t.throwsAsync(listen({ http: {} as Server }, greeting('')), { code, message: /http/ })
  await t.throwsAsync(listen({ http, path: '/b' }, { ...greeting(''), env: virtualEnv() }), { code, message: /http/ })
  await t.throwsAsync(listen([], greeting('')), { code, message: /where/ })
  await Promise.all([server.close(), freed.close()])
  http.close()
})

test('a mount that is paused answers 503 and goes on later; one that closes gives its path back at once, sessions or not', async (t) => {
  const { http, port } = await serving()
  const sink = new Accepting()
  const acceptor = await websocket.mount?.({ http, path: '/chat' }, linkOptions('accepted', {}), sink)
  const url = `ws://127.0.0.1:${port}/chat`
  acceptor?.pause()
  await t.throwsAsync(dialing(websocket, url), { code: 'ERR_REFUSED', message: /503/ })
  t.is(sink.connections.length, 0)
  acceptor?.resume()
  sink.onConnection = (connection) => connection.attach(new RecordingSink())
  const connection = await dialing(websocket, url)
  connection.destroy()
  await acceptor?.close()

  let drain = (): void => {}
  const drained = new Promise<void>((resolve) => (drain = resolve))
  const listener = { ...greeting('chat').listener, onShutdown: () => drained }
  const server = await listen({ http, path: '/chat' }, { codec: text(), listener })
  const other = await listen({ http, path: '/other' }, greeting('other'))
  const session = await dial(url, { codec: text() })
  t.is(await session.receive(), 'chat')
  const closed = server.close()
  await t.throwsAsync(dialing(websocket, url), { code: 'ERR_REFUSED', message: /404/ })
  const next = await listen({ http, path: '/chat' }, greeting('the next'))
  t.is(await wordOf(url), 'the next')
  t.is(session.phase, 'open', 'it is drained')
  drain()
  await closed
  await Promise.all([next.close(), other.close()])
  http.close()
})

test('wss: reloadTls is for handshakes from now on, and keeps the sessions', async (t) => {
  const authority = new Authority('Hawser test authority')
  const first = authority.issue('first', 'IP:127.0.0.1')
  const server = await listen('wss://127.0.0.1:0', { ...greeting('hello'), tls: first })
  const options = { codec: text(), tls: { ca: authority.cert } }
  const before = await dial(server.address, options)
  t.throws(() => server.reloadTls({ cert: 'no PEM', key: 'neither' }), { code: 'ERR_TLS' })
  server.reloadTls(authority.issue('second', 'IP:127.0.0.1'))
  const after = await dial(server.address, options)
  t.deepEqual(
    [before, after].map(({ peer }) => peer.certificate?.subject['CN']),
    ['first', 'second'],
  )
  t.is(await before.receive(), 'hello')
  t.is(await after.receive(), 'hello')
  before.destroy()
  after.destroy()
  await server.close()
})
