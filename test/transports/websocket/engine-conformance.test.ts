import type { Connection, ConnectionSink, Role } from '../../../src/core/connection.ts'
import { verifySession } from '../../../src/testing/conformance/session.ts'
import { verifyTransport } from '../../../src/testing/conformance/transport.ts'
import { websocket } from '../../../src/transports/websocket/websocket.ts'
import { Authority } from '../../support/certificates.ts'
import { suite } from '../../support/suite.ts'

const authority = new Authority('Hawser test authority')
const tls = { ...authority.issue('localhost', 'IP:127.0.0.1'), ca: authority.cert }
const own = { engine: 'ws' } as const
const compressing = (thresholdBytes: number) => ({ engine: 'ws', compression: { thresholdBytes } }) as const

const deaf: ConnectionSink = { onChunk() {}, onActivity() {}, onEnd() {}, onClose() {} }

/** The 101 leaves with the first `attach`, and without it nobody would ever have dialed: this one attaches at once. */
function answered(connection: Connection, role: Role): Connection {
  if (role === 'accepted') {
    connection.attach(deaf)
    connection.pause()
  }
  return connection
}

function verify(name: string, address: string, groups: Record<string, unknown>): void {
  verifyTransport(suite, name, { transport: websocket, address, groups, wrap: answered })
}

verify('the ws engine', 'ws://127.0.0.1:0', { ws: own })
verify('the ws engine over TLS', 'wss://127.0.0.1:0', { ws: own, tls })
verify('the ws engine, everything compressed', 'ws://127.0.0.1:0', { ws: compressing(0) })

verifySession(suite, 'the ws engine', { address: 'ws://127.0.0.1:0', setup: { ws: own } })
verifySession(suite, 'the ws engine over TLS', { address: 'wss://127.0.0.1:0', setup: { ws: own, tls } })
verifySession(suite, "the ws engine as a byte stream (boundary: 'stream')", {
  address: 'ws://127.0.0.1:0',
  setup: { ws: own, boundary: 'stream' },
})
