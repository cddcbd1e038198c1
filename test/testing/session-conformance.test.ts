import { verifySession } from '../../src/testing/conformance/session.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { adoptedStreams } from '../support/adopted-streams.ts'
import { Authority } from '../support/certificates.ts'
import { suite } from '../support/suite.ts'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const authority = new Authority('Hawser test authority')
const certificate = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1')
let places = 0
const nextPlace = () => `${process.pid}-${++places}`

const transports = {
  tcp: { address: 'tcp://127.0.0.1:0' },
  tls: {
    address: 'tls://127.0.0.1:0',
    serverSetup: { tls: certificate },
    clientSetup: { tls: { ca: authority.cert } },
  },
  ipc: { address: () => `ipc://${join(tmpdir(), `hawser-${nextPlace()}.sock`)}` },
  inproc: { address: () => `inproc://${nextPlace()}` },
  'inproc, message mode': {
    address: () => `inproc://${nextPlace()}`,
    serverSetup: { inproc: { boundary: 'message' } },
  },
  'an adopted Duplex': {
    address: () => `duplex://${nextPlace()}:0`,
    setup: { transports: [adoptedStreams('duplex')] },
  },
} as const

for (const [name, options] of Object.entries(transports)) {
  verifySession(suite, name, options)
  const setup = { ...('setup' in options ? options.setup : {}), wrap: [passThrough] }
  verifySession(suite, `${name}, inside a pass-through layer`, { ...options, setup })
}
