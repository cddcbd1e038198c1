import test from 'ava'
import { WebSocket } from 'ws'
import { dial } from '../../src/browser/browser.ts'
import { browserEnv } from '../../src/browser/browser-env.ts'
import { webSocket } from '../../src/browser/web-socket-transport.ts'
import { type Address, makeAddress, parseAddress } from '../../src/core/address.ts'
import type { Connection, ConnectionSink, Role } from '../../src/core/connection.ts'
import type { Acceptor, Transport } from '../../src/core/transport.ts'
import { verifyRpc } from '../../src/testing/conformance/rpc.ts'
import { type SessionsUnderTest, verifySession } from '../../src/testing/conformance/session.ts'
import type { TestFunction } from '../../src/testing/conformance/test-function.ts'
import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { websocket } from '../../src/transports/websocket/websocket.ts'
import { rpcWires } from '../support/rpc-wires.ts'
import { suite } from '../support/suite.ts'

/** Sentences that are not true of a browser, each with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'addresses are URLs, those of one end mirror the other, and are known after close':
    'a page does not learn its own address',
  'end flushes what was written, also under cork, and may be repeated':
    'it asks whether the other direction stays open; a browser has no half-open',
  'B-05: when the dialed side ends, the other goes on, and both close when it ends too': 'no half-open',
  'B-05: when the accepted side ends, the other goes on, and both close when it ends too': 'no half-open',
  'a peer that ends gets the answers to all that it sent': 'no half-open: the page has ended, and hears nothing more',
  'handle that has seen the end of its peer can still answer':
    'no half-open: the page has ended, and hears nothing more',
}
const met = new Set<string>()

/** A suite whose sentences begin with `name`, without those that are left out. */
function applying(name: string): TestFunction {
  return (title, run) => {
    const sentence = title.slice(name.length + 2)
    if (sentence in LEFT_OUT) met.add(sentence)
    else suite(title, run)
  }
}

/** A page dials, with `ws`'s WebSocket, which is the WHATWG's; a server of ours listens. */
const page: Transport = {
  schemes: ['page'],
  dial: (address, options) => webSocket.dial(asWebSocket(address), { ...options, groups: { ws: { WebSocket } } }),
  listen: async (address, options, sink) => asPage(await websocket.listen(asWebSocket(address), options, sink)),
}

function asWebSocket({ host, port }: Address): Address {
  return makeAddress('ws', host, port, '/')
}

function asPage(acceptor: Acceptor): Acceptor {
  const { host, port } = parseAddress(acceptor.address)
  return {
    address: `page://${host}:${port}`,
    pause: () => acceptor.pause(),
    resume: () => acceptor.resume(),
    close: () => acceptor.close(),
  }
}

const deaf: ConnectionSink = { onChunk() {}, onActivity() {}, onEnd() {}, onClose() {} }

/** The 101 leaves with the first `attach`, and without it nobody would ever have dialed. */
function answered(connection: Connection, role: Role): Connection {
  if (role === 'accepted') {
    connection.attach(deaf)
    connection.pause()
  }
  return connection
}

const address = 'page://127.0.0.1:0'
const setup = { transports: [page] }
const sessions: SessionsUnderTest = {
  address,
  setup,
  dial: (where, options) => dial(where, options),
}
verifyTransport(applying('browser'), 'browser', { transport: page, address, wrap: answered })
verifySession(applying('browser'), 'browser', sessions)
verifySession(applying("browser, boundary 'stream'"), "browser, boundary 'stream'", {
  ...sessions,
  setup: { ...setup, boundary: 'stream' },
})

/** By its own scheme a page has the small parts where they do, as MessageLoop and MessageOutbound. */
verifySession(applying('browser, parts as asked for'), 'browser, parts as asked for', {
  address: 'ws://127.0.0.1:0/',
  dial: (where, options) => dial(where, { ...options, ws: { WebSocket } }),
})
const clientSetup = { env: browserEnv }
for (const [name, wired] of Object.entries(rpcWires)) {
  verifyRpc(suite, `browser, ${name}`, { address, setup, clientSetup, ...wired })
}

test('each sentence that is left out is one of the suites', (t) => {
  t.deepEqual([...met].toSorted(), Object.keys(LEFT_OUT).toSorted())
})
