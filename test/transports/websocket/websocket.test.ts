import type { Connection, ConnectionSink, Role } from '../../../src/core/connection.ts'
import { verifySession } from '../../../src/testing/conformance/session.ts'
import { verifyTransport } from '../../../src/testing/conformance/transport.ts'
import { passThrough } from '../../../src/testing/pass-through.ts'
import { websocket } from '../../../src/transports/websocket/websocket.ts'
import { Authority } from '../../support/certificates.ts'
import { suite } from '../../support/suite.ts'

const authority = new Authority('Hawser test authority')
const groups = { tls: { ...authority.issue('localhost', 'IP:127.0.0.1'), ca: authority.cert } }

const deaf: ConnectionSink = { onChunk() {}, onActivity() {}, onEnd() {}, onClose() {} }

/** The 101 leaves with the first `attach`, and without it nobody would ever have dialed: this one attaches at once. */
function answered(connection: Connection, role: Role): Connection {
  if (role === 'accepted') {
    connection.attach(deaf)
    connection.pause()
  }
  return connection
}

verifyTransport(suite, 'ws', { transport: websocket, address: 'ws://127.0.0.1:0/', wrap: answered })
verifyTransport(suite, 'wss', { transport: websocket, address: 'wss://127.0.0.1:0/', groups, wrap: answered })
verifyTransport(suite, 'ws inside a pass-through layer', {
  transport: websocket,
  address: 'ws://[::1]:0/a/path',
  wrap: (connection, role) => passThrough(answered(connection, role)),
})

verifySession(suite, 'ws', { address: 'ws://127.0.0.1:0' })
verifySession(suite, 'wss', { address: 'wss://127.0.0.1:0', setup: groups })
verifySession(suite, "ws as a byte stream (boundary: 'stream')", {
  address: 'ws://127.0.0.1:0',
  setup: { boundary: 'stream' },
})
