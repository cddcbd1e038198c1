import test from 'ava'
import { text } from '../../../codecs/text.ts'
import { dial, listen } from '../../../src/node.ts'
import { verifySession } from '../../../src/testing/conformance/session.ts'
import { Authority } from '../../support/certificates.ts'
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
