import { verifySession } from '../../../src/testing/conformance/session.ts'
import { Authority } from '../../support/certificates.ts'
import { suite } from '../../support/suite.ts'

const authority = new Authority('Hawser test authority')
const groups = { tls: { ...authority.issue('localhost', 'IP:127.0.0.1'), ca: authority.cert } }

verifySession(suite, 'ws', { address: 'ws://127.0.0.1:0' })
verifySession(suite, 'wss', { address: 'wss://127.0.0.1:0', setup: groups })
verifySession(suite, "ws as a byte stream (boundary: 'stream')", {
  address: 'ws://127.0.0.1:0',
  setup: { boundary: 'stream' },
})
