import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { tls } from '../../src/transports/tls.ts'
import { Authority } from '../support/certificates.ts'
import { suite } from '../support/suite.ts'

const authority = new Authority('Hawser test authority')
const server = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1')
const groups = { tls: { ...server, ca: authority.cert } }

verifyTransport(suite, 'tls', { transport: tls, address: 'tls://127.0.0.1:0', groups })
verifyTransport(suite, 'tls inside a pass-through layer', {
  transport: tls,
  address: 'tls://127.0.0.1:0',
  groups,
  wrap: passThrough,
})
