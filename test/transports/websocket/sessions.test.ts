import test from 'ava'
import { text } from '../../../codecs/text.ts'
import { dial, listen } from '../../../src/node.ts'
import { verifySession } from '../../../src/testing/conformance/session.ts'
import { linkOptions } from '../../support/accepting.ts'
import { Authority } from '../../support/certificates.ts'
import { RecordingSink } from '../../support/recording-sink.ts'
import { suite } from '../../support/suite.ts'
import { virtualEnv } from '../../../src/testing/virtual-env.ts'

const authority = new Authority('Hawser test authority')
const groups = { tls: { ...authority.issue('localhost', 'IP:127.0.0.1'), ca: authority.cert } }

verifySession(suite, 'ws', { address: 'ws://127.0.0.1:0' })
verifySession(suite, 'wss', { address: 'wss://127.0.0.1:0', setup: groups })
verifySession(suite, "ws as a byte stream (boundary: 'stream')", {
  address: 'ws://127.0.0.1:0',
  setup: { boundary: 'stream' },
})

test("boundary 'stream': framed texts leave as binary, since a length is no UTF-8", async (t) => {
  const setup = { env: virtualEnv(), codec: text(), boundary: 'stream' } as const
  const server = await listen('ws://127.0.0.1:0', {
    ...setup,
    listener: { onMessage: (session, message) => void session.send(message) },
  })
  const session = await dial(server.address, setup)
  const message = 'x'.repeat(200) // its length has a byte above 0x7f
  session.send(message)
  t.is(await session.receive(), message)
  session.destroy()
  server.destroy()
  await setup.env.advance(5000)
  t.is(setup.env.timers, 0)
})

test('each cron period a session pings, and a pong is life; who answers none is found by idleTimeoutMs, or by a look at idleMs', async (t) => {
  const env = virtualEnv()
  const looks: number[] = []
  const errors: string[] = []
  const setup = { env, codec: text(), cronIntervalMs: 1000, idleTimeoutMs: 2500 }
  const server = await listen('ws://127.0.0.1:80', {
    ...setup,
    listener: {
      onCron: (session) => void looks.push(session.idleMs),
      onError: (_session, error) => void errors.push(error.code),
    },
  })
  const alive = await dial('ws://127.0.0.1:80', setup)
  await env.advance(20_000)
  t.is(alive.phase, 'open')
  t.is(looks.length, 20)
  t.true(looks.every((idleMs) => idleMs <= 1000))
  await alive.close()

  const link = await env.net?.dial({ host: '127.0.0.1', port: 80 }, linkOptions('dialed', {}, { env }))
  const dead = new RecordingSink()
  link?.attach(dead)
  link?.write(
    Buffer.from(
      'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    ),
  )
  await env.settle()
  looks.length = dead.chunks.length = 0
  await env.advance(2400)
  t.deepEqual(looks, [1000, 2000])
  t.is(Buffer.concat(dead.chunks).toString('hex'), '89008900', 'two pings')
  t.is(server.sessions.size, 1)
  await env.advance(200)
  t.deepEqual(errors, ['ERR_IDLE_TIMEOUT'])
  await env.advance(3000)
  t.is(server.sessions.size, 0)
  link?.destroy()
  server.destroy()
  await env.advance(5000)
  t.is(env.timers, 0)
})
