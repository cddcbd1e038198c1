import { verifyTransport } from '../../../src/testing/conformance/transport.ts'
import { passThrough } from '../../../src/testing/pass-through.ts'
import { websocket } from '../../../src/transports/websocket/websocket.ts'
import { answered } from '../../support/answered.ts'
import { Authority } from '../../support/certificates.ts'
import { suite } from '../../support/suite.ts'

const authority = new Authority('Hawser test authority')
const groups = { tls: { ...authority.issue('localhost', 'IP:127.0.0.1'), ca: authority.cert } }

verifyTransport(suite, 'ws', { transport: websocket, address: 'ws://127.0.0.1:0/', wrap: answered })
verifyTransport(suite, 'wss', { transport: websocket, address: 'wss://127.0.0.1:0/', groups, wrap: answered })
verifyTransport(suite, 'ws inside a pass-through layer', {
  transport: websocket,
  address: 'ws://[::1]:0/a/path',
  wrap: (connection, role) => passThrough(answered(connection, role)),
})
