import { passThrough } from '../../../src/testing/pass-through.ts'
import { verifyTransport } from '../../../src/testing/conformance/transport.ts'
import { adoptedStreams } from '../../support/adopted-streams.ts'
import { suite } from '../../support/suite.ts'

let places = 0
const address = (): string => `duplex://place${++places}:1`

verifyTransport(suite, 'an adopted Duplex', { transport: adoptedStreams('duplex'), address })
verifyTransport(suite, 'an adopted pair', { transport: adoptedStreams('pair'), address })
verifyTransport(suite, 'an adopted Duplex inside a pass-through layer', {
  transport: adoptedStreams('duplex'),
  address,
  wrap: passThrough,
})
