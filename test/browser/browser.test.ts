import { once } from 'node:events'
import test from 'ava'
import { WebSocket } from 'ws'
import { json } from '../../codecs/json.ts'
import { raw } from '../../codecs/raw.ts'
import { text } from '../../codecs/text.ts'
import { line } from '../../codecs/framing/line.ts'
import { connect, dial } from '../../src/browser/browser.ts'
import { browserEnv } from '../../src/browser/browser-env.ts'
import type { WsOptions } from '../../src/browser/web-socket-options.ts'
import { parseAddress } from '../../src/core/address.ts'
import type { ClientStatus } from '../../src/core/client.ts'
import type { Wrapper } from '../../src/core/connection.ts'
import type { EventListener } from '../../src/core/event-listener.ts'
import type { AnyStageFactory } from '../../src/core/stage.ts'
import type { Transport } from '../../src/core/transport.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { listen } from '../../src/node.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { inproc } from '../../src/transports/memory.ts'
import { PlainWebSocketServer } from '../support/plain-web-socket-server.ts'
import { ScriptedWebSocket } from '../support/scripted-web-socket.ts'

/** Node 20 has no global WebSocket. */
const ws: WsOptions = { WebSocket }

test('json leaves as text and comes back; raw as binary', async (t) => {
  const { url, server } = (await PlainWebSocketServer.start(t)).echoes()
  const kinds: boolean[] = []
  server.on('connection', (socket) => socket.on('message', (_data, isBinary) => kinds.push(isBinary)))
  const talk = await dial(url, { codec: json<{ n: number }>(), ws })
  talk.send({ n: 1 })
  t.deepEqual(await talk.receive({ timeoutMs: 5_000 }), { n: 1 })
  const bytes = await dial(url, { codec: raw(), ws })
  bytes.send(Uint8Array.of(1, 2))
  t.deepEqual([...(await bytes.receive({ timeoutMs: 5_000 }))], [1, 2])
  t.deepEqual(kinds, [false, true])
  for (const session of [talk, bytes]) await session.close()
})

test("boundary 'stream': the framing decides, whatever the messages of the WebSocket", async (t) => {
  const plain = await PlainWebSocketServer.start(t)
  const setup = { codec: text(), framing: line(), boundary: 'stream', ws } as const
  const session = await dial(plain.url, setup)
  const socket = await plain.socket()
  socket.send('one\ntw')
  socket.send('o\n')
  t.is(await session.receive({ timeoutMs: 5_000 }), 'one')
  t.is(await session.receive({ timeoutMs: 5_000 }), 'two')
  await session.close()
})

test('deliver resolves when the bytes have left, and nothing is buffered then', async (t) => {
  const plain = await PlainWebSocketServer.start(t)
  const session = await dial(plain.url, { codec: raw(), ws })
  await session.deliver(new Uint8Array(500_000), { timeoutMs: 5_000 })
  t.is(session.stats.bufferedBytes, 0)
  await session.close()
})

test('a server that does not read: send says false, drained resolves when it reads again', async (t) => {
  const plain = await PlainWebSocketServer.start(t)
  const session = await dial(plain.url, { codec: raw(), ws, maxBufferedBytes: 256 * 1024 * 1024 })
  const socket = await plain.socket()
  socket.pause()
  const chunk = new Uint8Array(64 * 1024)
  let sent = 1
  while (session.send(chunk)) sent++
  // The kernel takes some megabytes: on, until it takes nothing more.
  for (let stuck = 0; stuck < 20; ) {
    const before = session.stats.bufferedBytes
    for (let more = 0; more < 16; more++) sent += session.send(chunk) ? 1 : 1
    await new Promise((resolve) => setTimeout(resolve, 2))
    stuck = session.stats.bufferedBytes >= before + 16 * chunk.length ? stuck + 1 : 0
  }
  t.false(session.writable)
  let received = 0
  socket.on('message', (data) => (received += (data as Buffer).length))
  socket.resume()
  await session.drained({ timeoutMs: 10_000 })
  t.true(session.writable)
  await until(browserEnv, () => received === sent * chunk.length, 'all of it came')
  await session.close()
})

test('a paused listener keeps what comes, up to ws.maxHeldBytes', async (t) => {
  const plain = await PlainWebSocketServer.start(t)
  const session = await dial(plain.url, {
    codec: raw(),
    inboundHighWaterMarkBytes: 1_000,
    ws: { WebSocket, maxHeldBytes: 100_000 },
  })
  const errors: string[] = []
  void session.closed.then((cause) => errors.push(cause.by === 'error' ? cause.error.code : cause.by))
  const socket = await plain.socket()
  session.pause()
  const gone = once(socket, 'close')
  for (let count = 0; count < 1_000; count++) socket.send(new Uint8Array(1_000))
  const [code] = (await gone) as [number]
  t.is(code, 4008)
  await session.closed
  t.deepEqual(errors, ['ERR_OVERFLOW'])
})

test('close codes and reasons travel both ways', async (t) => {
  const plain = await PlainWebSocketServer.start(t)
  const ours = await dial(plain.url, { codec: text(), ws })
  const gone = once(await plain.socket(), 'close')
  t.deepEqual(await ours.close({ code: 4321, reason: 'enough' }), { by: 'local', code: 4321, reason: 'enough' })
  const [code, reason] = (await gone) as [number, Buffer]
  t.is(`${code} ${reason.toString()}`, '4321 enough')

  const theirs = await dial(plain.url, { codec: text(), ws })
  ;(await plain.socket()).close(1001, 'going away')
  t.deepEqual(await theirs.closed, { by: 'remote', code: 1001, reason: 'going away' })

  const broken = await dial(plain.url, { codec: text(), ws })
  ;(await plain.socket()).terminate()
  const cause = await broken.closed
  t.is(cause.by === 'error' && cause.error.code, 'ERR_CONNECTION_RESET')
})

test('a message that cannot be decoded ends the session, and the server hears 4007', async (t) => {
  const plain = await PlainWebSocketServer.start(t)
  const codes: string[] = []
  const session = await dial(plain.url, {
    codec: json(),
    ws,
    listener: { onError: (_session, error) => codes.push(error.code) },
  })
  const socket = await plain.socket()
  const gone = once(socket, 'close')
  socket.send('{"half":')
  t.is(((await gone) as [number])[0], 4007)
  await session.closed
  t.deepEqual(codes, ['ERR_BAD_MESSAGE'])
})

test('the subprotocol that the server chose is peer.protocol', async (t) => {
  const plain = await PlainWebSocketServer.start(t, { handleProtocols: (offered) => [...offered][1] ?? false })
  const session = await dial(plain.url, { codec: text(), ws: { ...ws, subprotocols: ['chat.v2', 'chat.v1'] } })
  t.is(session.peer.protocol, 'chat.v1')
  t.is(session.peer.transport, 'ws')
  t.is(session.remoteAddress.href, plain.url)
  await session.close()
  const without = await dial(plain.url, { codec: text(), ws })
  t.is(without.peer.protocol, undefined)
  await without.close()
})

test('a client reconnects when its server is there again', async (t) => {
  const first = await PlainWebSocketServer.start(t)
  const { port } = first
  const said: ClientStatus['type'][] = []
  const generations: number[] = []
  const client = connect(first.url, {
    codec: text(),
    ws,
    reconnect: { initialMs: 5, maxMs: 20 },
    listener: { onOpen: (session) => generations.push(session.peer.dialed?.generation ?? -1) },
    onStatus: ({ type }) => said.push(type),
  })
  await client.ready({ timeoutMs: 5_000 })
  await first.stop()
  await until(browserEnv, () => said.includes('failed'), 'the client noticed')
  const second = (await PlainWebSocketServer.start(t, { port })).echoes()
  await client.ready({ timeoutMs: 10_000 })
  t.deepEqual(generations, [0, 1])
  t.true(client.send('hello'))
  t.is((await once(await second.socket(), 'message')).toString().slice(0, 5), 'hello')
  await client.close()
})

test('nobody there, a refusal over HTTP: all that a browser tells is that it failed', async (t) => {
  const plain = await PlainWebSocketServer.start(t, { verifyClient: () => false })
  const refusal = { code: 'ERR_CONNECTION_REFUSED', retryable: true }
  t.like(await t.throwsAsync(dial(plain.url, { codec: text(), ws })), refusal)
  await plain.stop()
  t.like(await t.throwsAsync(dial(plain.url, { codec: text(), ws })), refusal)
})

test('a dial that takes too long or is aborted lets go of its socket', async (t) => {
  const made: ScriptedWebSocket[] = []
  class Kept extends ScriptedWebSocket {
    constructor(url: string, subprotocols: string[]) {
      super(url, subprotocols)
      made.push(this)
    }
  }
  const scripted: WsOptions = { WebSocket: Kept }
  await t.throwsAsync(dial('ws://x:1', { codec: text(), ws: scripted, timeoutMs: 5 }), { code: 'ERR_TIMEOUT' })
  const controller = new AbortController()
  const dialing = dial('ws://x:1', { codec: text(), ws: scripted, signal: controller.signal })
  await until(browserEnv, () => made.length === 2, 'it dials')
  controller.abort(new Error('enough'))
  await t.throwsAsync(dialing, { message: 'enough' })
  t.is(made.length, 2)
  for (const socket of made) {
    t.is(socket.closes.length, 1)
    t.is(socket.onopen, null)
    socket.fails() // heard by somebody, and nothing comes of it
  }
})

test('an option that a page does not have, or of the wrong kind, is an error at once', async (t) => {
  const bad = (options: object, message: RegExp): void => {
    const made = (): unknown => connect('ws://127.0.0.1:1/', { codec: text(), ...options })
    t.throws(made, { code: 'ERR_BAD_OPTION', message })
  }
  bad({ tcp: {} }, /option tcp is unknown/)
  bad({ wss: { ...ws } }, /option wss is unknown/)
  bad({ ws: 5 }, /option ws must be: object/)
  bad({ colour: 1 }, /option colour is unknown/)
  bad({ metrics: {} }, /option metrics is unknown/)
  bad({ codec: null }, /option codec must be/)
  bad({ data: {} }, /option data must be: function/)
  bad({ stages: null }, /option stages must be/)
  bad({ listener: {}, handle: async () => {} }, /option handle excludes/)
  bad({ listener: { onmessage() {} } }, /option listener\.onmessage is unknown/)
  bad({ reconnect: { maxMS: 5 } }, /option reconnect\.maxMS is unknown/)
  const dialing = (options: object, url = 'ws://127.0.0.1:1/'): Promise<unknown> =>
    dial(url, { codec: text(), ...options })
  for (const name of ['headers', 'engine', 'compression', 'origins', 'subprotocol'])
    await t.throwsAsync(dialing({ ws: { ...ws, [name]: {} } }), {
      code: 'ERR_BAD_OPTION',
      message: new RegExp(`ws.${name} is unknown`),
    })
  await t.throwsAsync(dialing({ ws: { ...ws, subprotocols: 'chat' } }), { code: 'ERR_BAD_OPTION' })
  await t.throwsAsync(dialing({ ws: { ...ws, maxHeldBytes: 0 } }), { code: 'ERR_BAD_OPTION' })
  await t.throwsAsync(dialing({ ws: { WebSocket: 'no' } }), { code: 'ERR_BAD_OPTION', message: /ws\.WebSocket/ })
  await t.throwsAsync(dialing({ ws: { ...ws, subprotocols: ['a b'] } }), { message: /subprotocol/ })
  await t.throwsAsync(dialing({}, 'tcp://127.0.0.1:1'), { code: 'ERR_BAD_ADDRESS', message: /ws, wss/ })
  await t.throwsAsync(dialing({ ws }, 'ws://127.0.0.1:1/a\nb'), { code: 'ERR_BAD_ADDRESS' })
})

test('a client whose option only the transport knows gives up at once', async (t) => {
  const options = { codec: text(), ws: { ...ws, maxHeldBytes: 0 }, onStatus: () => {} }
  await t.throwsAsync(connect('ws://127.0.0.1:1/', options).ready(), { code: 'ERR_BAD_OPTION' })
})

test('what few pages use is loaded where the options ask for it, and works', async (t) => {
  const { url } = (await PlainWebSocketServer.start(t)).echoes()
  const same: Wrapper = (connection) => connection
  const passing: AnyStageFactory = () => ({ inbound: (message, next) => next(message) })
  const asking: Readonly<Record<string, object>> = {
    nothing: {},
    'empty lists': { wrap: [], stages: [], transports: [], boundary: 'auto' },
    layers: { wrap: [same] },
    stages: { stages: [passing] },
    streams: { boundary: 'stream' },
    'a stalled peer': { stallTimeoutMs: 5_000 },
    'limits of a peer': { limits: () => ({ idleTimeoutMs: 5_000 }) },
    heartbeats: { heartbeat: { intervalMs: 1_000, timeoutMs: 5_000, message: '' } },
    'layers, stages and streams': { wrap: [same], stages: [passing], boundary: 'stream' },
  }
  for (const [name, options] of Object.entries(asking)) {
    const heard: string[] = []
    const listener: EventListener<string, string, unknown> = {
      onOpen: (session) => void session.send('pushed'),
      onMessage: (_session, message) => void heard.push(message),
    }
    const pulled = await dial(url, { codec: text(), ws, ...options })
    pulled.send(name)
    t.is(await pulled.receive({ timeoutMs: 5_000 }), name)
    await pulled.close()
    const pushed = await dial(url, { codec: text(), ws, listener, ...options })
    await until(browserEnv, () => heard.length > 0, `${name}: the answer`)
    t.deepEqual(heard, ['pushed'], name)
    await t.throwsAsync(pushed.receive(), { code: 'ERR_BAD_OPTION', message: /listener is set/ })
    t.is(await pushed.sendAll(['a', 'b']), 2)
    await pushed.close()
  }
})

test('data may talk with the server before there is a listener', async (t) => {
  const { url } = (await PlainWebSocketServer.start(t)).echoes()
  const heard: string[] = []
  const session = await dial(url, {
    codec: text(),
    ws,
    data: async (peer) => {
      peer.send('who?')
      return peer.receive({ timeoutMs: 5_000 })
    },
    listener: { onMessage: (_session, message) => void heard.push(message) },
  })
  t.is(session.data, 'who?')
  session.send('and now?')
  await until(browserEnv, () => heard.length > 0, 'the answer')
  t.deepEqual(heard, ['and now?'])
  await session.close()
})

test('a transport of your own that keeps no boundaries works in a page, too', async (t) => {
  const memory: Transport = {
    schemes: ['memory'],
    dial: ({ host }, options) => inproc.dial(parseAddress(`inproc://${host}`), options),
    listen: () => Promise.reject(new Error('a page only dials')),
  }
  const options = { codec: text(), transports: [memory], env: systemEnv }
  const server = await listen('inproc://streamer', {
    codec: text(),
    listener: { onMessage: (session, message) => session.send(message) },
  })
  const session = await dial('memory://streamer', options)
  session.send('hello')
  t.is(await session.receive({ timeoutMs: 5_000 }), 'hello')
  await session.close()
  await server.close()
})

test('what no type says is checked, too: ranges, and that there is a codec', async (t) => {
  const wrong: readonly object[] = [
    { maxFrameBytes: 0 },
    { cronIntervalMs: NaN },
    { overflow: 'burst' },
    { highWaterMarkBytes: 6, maxBufferedBytes: 5 },
    { codec: undefined },
    { reconnect: { maxMs: 0 } },
    { connections: 0.5 },
  ]
  for (const options of wrong) {
    const made = (): unknown => connect('ws://127.0.0.1:1/', { codec: text(), ws, ...options })
    t.throws(made, { code: 'ERR_BAD_OPTION' }, JSON.stringify(options))
  }
  const { url } = (await PlainWebSocketServer.start(t)).echoes()
  const heartbeat = { intervalMs: 5, timeoutMs: 5, message: '' } // looked at where it is loaded
  await t.throwsAsync(dial(url, { codec: text(), ws, heartbeat }), { code: 'ERR_BAD_OPTION', message: /heartbeat/ })
  await t.throwsAsync(dial('ws://127.0.0.1:1/', undefined as never), { code: 'ERR_BAD_OPTION', message: /codec/ })
})

test('a page that may not dial an address is told so by ERR_PERMISSION', async (t) => {
  class Forbidding extends ScriptedWebSocket {
    constructor() {
      super()
      throw Object.assign(new Error('mixed content'), { name: 'SecurityError' })
    }
  }
  const dialing = dial('ws://x:1', { codec: text(), ws: { WebSocket: Forbidding } })
  await t.throwsAsync(dialing, { code: 'ERR_PERMISSION', message: /mixed content/ })
})

test.serial('without any WebSocket the option is asked for', async (t) => {
  // From Node 22 on there is a global one: the setup of a browser that lost it.
  const global = globalThis as { WebSocket?: unknown }
  const { WebSocket: kept } = global
  delete global.WebSocket
  try {
    await t.throwsAsync(dial('ws://x:1', { codec: text() }), { code: 'ERR_BAD_OPTION', message: /ws\.WebSocket/ })
  } finally {
    if (kept !== undefined) global.WebSocket = kept
  }
})
