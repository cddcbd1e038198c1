import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import test from 'ava'
import type { WebSocket } from 'ws'
import protobufjs from 'protobufjs'
import { text } from '../../codecs/text.ts'
import { browserEnv } from '../../src/browser/browser-env.ts'
import { listen } from '../../src/node.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { Authority } from '../support/certificates.ts'
import { Chromium, run } from '../support/chromium.ts'
import { PlainWebSocketServer } from '../support/plain-web-socket-server.ts'

/** What the tests call by name in the page. */
const PROGRAM = `
import * as browser from 'src/browser/index.js'
import { json, raw, text } from 'codecs/index.js'
import { loadProto, protobuf } from 'codecs/protobuf.js'
Object.assign(globalThis, browser, { json, raw, text, loadProto, protobuf })
globalThis.ready = true
`
const PROTO = readFileSync('examples/hello-protobuf/hello.proto', 'utf8')

let chromium: Chromium

test.before(async () => {
  chromium = await Chromium.start(PROGRAM, { '/hello.proto': PROTO })
})

test.after.always(() => chromium?.stop())

test('echo: json as text, raw as binary, of many sizes', async (t) => {
  const { url } = (await PlainWebSocketServer.start(t)).echoes()
  const page = await chromium.ready(t)
  const answers = await run(
    page,
    `const session = await dial('${url}', { codec: json() })
     const answers = []
     for (const message of [{ a: 1 }, 'häwser 🚢', [], null]) {
       session.send(message)
       answers.push(await session.receive({ timeoutMs: 5000 }))
     }
     await session.close()
     return answers`,
  )
  t.deepEqual(answers, [{ a: 1 }, 'häwser 🚢', [], null])
  const wrong = await run(
    page,
    `const session = await dial('${url}', { codec: raw() })
     let wrong = 0
     for (const size of [0, 1, 125, 126, 65535, 65536, 1000000]) {
       const sent = Uint8Array.from({ length: size }, (_, at) => at % 251)
       session.send(sent)
       const received = await session.receive({ timeoutMs: 5000 })
       if (received.length !== size || received.some((byte, at) => byte !== sent[at])) wrong++
     }
     await session.close()
     return wrong`,
  )
  t.is(wrong, 0)
})

test('wss: the page of a secure server', async (t) => {
  const tls = new Authority('Hawser test authority').issue('localhost', 'IP:127.0.0.1')
  const server = await listen('wss://127.0.0.1:0/', {
    codec: text(),
    tls,
    listener: { onMessage: (session, message) => void session.send(`${session.peer.transport}: ${message}`) },
  })
  t.teardown(() => server.destroy())
  const page = await chromium.ready(t)
  const answer = await run(
    page,
    `const session = await dial('${server.address.href}', { codec: text() })
     session.send('hello')
     return session.receive({ timeoutMs: 5000 })`,
  )
  t.is(answer, 'wss: hello')
})

test('many messages in one turn come back in order', async (t) => {
  const { url } = (await PlainWebSocketServer.start(t)).echoes()
  const numbers = await run(
    await chromium.ready(t),
    `const session = await dial('${url}', { codec: json() })
     for (let n = 0; n < 5000; n++) if (!session.send(n)) await session.drained({ timeoutMs: 5000 })
     const numbers = []
     while (numbers.length < 5000) numbers.push(await session.receive({ timeoutMs: 5000 }))
     await session.close()
     return numbers`,
  )
  t.deepEqual(
    numbers,
    Array.from({ length: 5000 }, (_, n) => n),
  )
})

test('Protobuf, with the types of a .proto that the page fetches', async (t) => {
  const root = protobufjs.parse(PROTO).root
  const [Hello, Greeting] = [root.lookupType('hello.Hello'), root.lookupType('hello.Greeting')]
  const plain = await PlainWebSocketServer.start(t)
  plain.server.on('connection', (socket) =>
    socket.on('message', (data) => {
      const { name } = Hello.decode(data as Buffer) as unknown as { name: string }
      socket.send(Greeting.encode({ text: `Hello, ${name}!`, before: 7 }).finish())
    }),
  )
  const greeting = await run(
    await chromium.ready(t),
    `const proto = await loadProto('/hello.proto')
     const [hello, greeting] = ['hello.Hello', 'hello.Greeting'].map((name) => protobuf(proto.lookupType(name)))
     const codec = { encode: hello.encode, decode: greeting.decode }
     const session = await dial('${plain.url}', { codec })
     session.send({ name: 'Dör' })
     const { text, before } = await session.receive({ timeoutMs: 5000 })
     await session.close()
     return { text, before }`,
  )
  t.deepEqual(greeting, { text: 'Hello, Dör!', before: 7 })
})

test('a client is back after its server was away', async (t) => {
  const first = (await PlainWebSocketServer.start(t)).echoes()
  const { port } = first
  const page = await chromium.ready(t)
  await run(
    page,
    `globalThis.told = []
     globalThis.client = connect('${first.url}', {
       codec: text(),
       reconnect: { initialMs: 20, maxMs: 100 },
       listener: {
         onOpen: (session) => told.push('open ' + session.peer.dialed.generation),
         onMessage: (session, message) => told.push(message),
       },
       onStatus: (status) => told.push(status.type),
     })
     await client.ready({ timeoutMs: 5000 })
     client.send('one')`,
  )
  await page.waitForFunction(`told.includes('one')`)
  await first.stop()
  await page.waitForFunction(`told.includes('failed')`)
  const second = (await PlainWebSocketServer.start(t, { port })).echoes()
  await run(page, `await client.ready({ timeoutMs: 10000 }); client.send('two')`)
  await page.waitForFunction(`told.includes('two')`)
  const told = (await run(page, `await client.close(); return told`)) as string[]
  t.deepEqual(
    told.filter((entry) => / |one|two/.test(entry)),
    ['open 0', 'one', 'open 1', 'two'],
  )
  t.is(second.server.clients.size, 0)
})

test('a server that does not read: send says false, drained resolves once it does, nothing is lost', async (t) => {
  const plain = await PlainWebSocketServer.start(t)
  const page = await chromium.ready(t)
  await run(
    page,
    `globalThis.session = await dial('${plain.url}', { codec: raw(), maxBufferedBytes: 512 * 1024 * 1024 })`,
  )
  const socket = await plain.socket()
  socket.pause()
  // Browser and kernel take some megabytes: it goes on until they have taken nothing for a while.
  const sent = (await run(
    page,
    `const chunk = new Uint8Array(256 * 1024)
     let sent = 0
     for (let quiet = 0; quiet < 5; ) {
       const before = session.stats.bufferedBytes
       while (session.send(chunk)) sent++
       sent++
       await new Promise((resolve) => setTimeout(resolve, 50))
       quiet = session.stats.bufferedBytes >= before + chunk.length ? quiet + 1 : 0
     }
     globalThis.drained = false
     void session.drained().then(() => { globalThis.drained = true })
     return sent`,
  )) as number
  t.false(await page.evaluate('session.writable || drained'))
  let received = 0
  socket.on('message', (data) => (received += (data as Buffer).length))
  socket.resume()
  await page.waitForFunction('drained && session.writable')
  await until(browserEnv, () => received === sent * 256 * 1024, `all of ${sent} messages, not ${received} B`)
  await run(page, 'await session.deliver(new Uint8Array(1), { timeoutMs: 5000 }); await session.close()')
})

test('a slow listener of the page gets everything, in order; past ws.maxHeldBytes the session ends', async (t) => {
  const plain = await PlainWebSocketServer.start(t)
  const page = await chromium.ready(t)
  await run(
    page,
    `globalThis.heard = []
     globalThis.session = await dial('${plain.url}', {
       codec: json(),
       inboundHighWaterMarkBytes: 4096,
       listener: {
         async onMessage(session, { n }) {
           if (n % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
           heard.push(n)
         },
       },
     })`,
  )
  const pad = 'x'.repeat(1000)
  for (let n = 0; n < 1000; n++) (await plain.socket()).send(JSON.stringify({ n, pad }))
  await page.waitForFunction('heard.length === 1000')
  t.deepEqual(
    await page.evaluate('heard'),
    Array.from({ length: 1000 }, (_, n) => n),
  )
  await run(
    page,
    `await session.close()
     globalThis.errors = []
     globalThis.session = await dial('${plain.url}', {
       codec: text(),
       inboundHighWaterMarkBytes: 4096,
       ws: { maxHeldBytes: 100_000 },
       listener: {
         onMessage: () => new Promise(() => {}),
         onError: (_session, error) => { errors.push(error.code) },
       },
     })`,
  )
  const socket = await plain.socket()
  const gone = once(socket, 'close')
  for (let n = 0; n < 1000; n++) socket.send(pad)
  t.is(((await gone) as [number])[0], 4008)
  await page.waitForFunction('errors.length > 0')
  t.deepEqual(await page.evaluate('errors'), ['ERR_OVERFLOW'])
})

test('close codes and reasons travel both ways', async (t) => {
  const plain = await PlainWebSocketServer.start(t)
  const page = await chromium.ready(t)
  const ending = async (body: string, ends?: (socket: WebSocket) => void): Promise<unknown> => {
    const opening = once(plain.server, 'connection')
    const cause = run(
      page,
      `const session = await dial('${plain.url}', { codec: json(), listener: { onError() {} } })
       ${body}
       const cause = await session.closed
       return cause.by === 'error' ? cause.error.code : JSON.parse(JSON.stringify(cause))`,
    )
    const [socket] = (await opening) as [WebSocket]
    const closed = once(socket, 'close')
    ends?.(socket)
    const [code, reason] = (await closed) as [number, Buffer]
    return [await cause, `${code} ${reason.toString()}`.trim()]
  }
  t.deepEqual(await ending(`await session.close({ code: 4321, reason: 'enough' })`), [
    { by: 'local', code: 4321, reason: 'enough' },
    '4321 enough',
  ])
  t.deepEqual(await ending('await session.close()'), [{ by: 'local' }, '1000'])
  t.deepEqual(await ending('await session.close({ code: 1001 })'), [{ by: 'local', code: 1001 }, '4001'])
  t.deepEqual(await ending('', (socket) => socket.close(1012, 'back soon')), [
    { by: 'remote', code: 1012, reason: 'back soon' },
    '1012 back soon',
  ])
  t.deepEqual(await ending('', (socket) => socket.close(4400)), [{ by: 'remote', code: 4400 }, '4400'])
  t.deepEqual(await ending('', (socket) => socket.send('{')), ['ERR_BAD_MESSAGE', '4007'])
  t.deepEqual(await ending('', (socket) => socket.terminate()), ['ERR_CONNECTION_RESET', '1006'])
})

test('a ping of the server is answered by the browser itself', async (t) => {
  const plain = await PlainWebSocketServer.start(t)
  await run(await chromium.ready(t), `globalThis.session = await dial('${plain.url}', { codec: text() })`)
  const socket = await plain.socket()
  const pong = once(socket, 'pong')
  socket.ping('are you there?')
  t.is(String((await pong)[0]), 'are you there?')
})

test('a server of ours takes the page’s pongs for life, and keeps a page that says nothing', async (t) => {
  await using server = await listen('ws://127.0.0.1:0/', {
    codec: text(),
    cronIntervalMs: 20,
    idleTimeoutMs: 2_000,
    listener: { onMessage: (session, message) => session.send(message) },
  })
  const page = await chromium.ready(t)
  await run(page, `globalThis.session = await dial('${server.address.href}', { codec: text() })`)
  const [session] = server.sessions
  const { activeAt = 0 } = session ?? {}
  await until(browserEnv, () => (session?.activeAt ?? 0) > activeAt + 100, 'several pongs')
  t.is(session?.stats.receivedMessages, 0)
  const echo = await run(page, `session.send('awake'); return session.receive({ timeoutMs: 5000 })`)
  t.is(echo, 'awake')
  await run(page, 'await session.close()')
})

test('the server’s choice of a subprotocol is the page’s', async (t) => {
  const plain = await PlainWebSocketServer.start(t, { handleProtocols: (offered) => [...offered][1] ?? false })
  const protocol = await run(
    await chromium.ready(t),
    `const session = await dial('${plain.url}', { codec: text(), ws: { subprotocols: ['v2', 'v1'] } })
     await session.close()
     return session.peer.protocol`,
  )
  t.is(protocol, 'v1')
})

test('what fails in a browser: nobody there, a refusal, an address that is none of WebSocket', async (t) => {
  const plain = await PlainWebSocketServer.start(t, { verifyClient: () => false })
  const page = await chromium.ready(t)
  const codeOf = (url: string): Promise<unknown> =>
    run(
      page,
      `try { await dial('${url}', { codec: text() }) } catch (error) { return isHawserError(error) && error.code }`,
    )
  t.is(await codeOf(plain.url), 'ERR_CONNECTION_REFUSED')
  await plain.stop()
  t.is(await codeOf(plain.url), 'ERR_CONNECTION_REFUSED')
  t.is(await codeOf('tcp://127.0.0.1:1'), 'ERR_BAD_ADDRESS')
})
