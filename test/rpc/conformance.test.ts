import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyRpc } from '../../src/testing/conformance/rpc.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { Authority } from '../support/certificates.ts'
import { rpcWires } from '../support/rpc-wires.ts'
import { suite } from '../support/suite.ts'

const authority = new Authority('Hawser test authority')
const certificate = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1')
let places = 0
const nextPlace = () => `rpc-${process.pid}-${++places}`

const transports = {
  tcp: { address: 'tcp://127.0.0.1:0' },
  tls: {
    address: 'tls://127.0.0.1:0',
    serverSetup: { tls: certificate },
    clientSetup: { tls: { ca: authority.cert } },
  },
  ipc: { address: () => `ipc://${join(tmpdir(), `hawser-${nextPlace()}.sock`)}` },
  inproc: { address: () => `inproc://${nextPlace()}` },
  ws: { address: 'ws://127.0.0.1:0' },
} as const

for (const [transport, options] of Object.entries(transports)) {
  for (const [wire, wired] of Object.entries(rpcWires))
    verifyRpc(suite, `${transport}, ${wire}`, { ...options, ...wired })
}

verifyRpc(suite, 'tcp, inside a layer, binary, json', { ...transports.tcp, setup: { wrap: [passThrough] } })
