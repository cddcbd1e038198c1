import { passThrough } from '../../src/testing/pass-through.ts'
import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { tcp } from '../../src/transports/tcp.ts'
import { suite } from '../support/suite.ts'

verifyTransport(suite, 'tcp', { transport: tcp, address: 'tcp://127.0.0.1:0' })
verifyTransport(suite, 'tcp over IPv6', { transport: tcp, address: 'tcp://[::1]:0' })
verifyTransport(suite, 'tcp inside a pass-through layer', {
  transport: tcp,
  address: 'tcp://127.0.0.1:0',
  wrap: passThrough,
})
