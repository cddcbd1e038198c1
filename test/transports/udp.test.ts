import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { udp } from '../../src/transports/udp.ts'
import { suite } from '../support/suite.ts'
import { verifySession } from '../../src/testing/conformance/session.ts'

const UDP = { transport: udp, address: 'udp://127.0.0.1:0', reliable: false } as const
verifyTransport(suite, 'udp', UDP)
verifyTransport(suite, 'udp over IPv6', { ...UDP, address: 'udp://[::1]:0' })
verifyTransport(suite, 'udp inside a pass-through layer', { ...UDP, wrap: passThrough })
verifySession(suite, 'udp', { address: 'udp://127.0.0.1:0', reliable: false })
