import { passThrough } from '../../src/testing/pass-through.ts'
import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { inproc } from '../../src/transports/memory.ts'
import { suite } from '../support/suite.ts'

let names = 0
const address = () => `inproc://place-${++names}`

for (const boundary of ['stream', 'message'] as const) {
  const groups = { inproc: { boundary } }
  verifyTransport(suite, `inproc, ${boundary} mode`, { transport: inproc, address, groups })
  verifyTransport(suite, `inproc, ${boundary} mode, inside a pass-through layer`, {
    transport: inproc,
    address,
    groups,
    wrap: passThrough,
  })
}
