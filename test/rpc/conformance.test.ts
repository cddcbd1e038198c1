import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8Length, writeUtf8 } from '../../src/core/bytes.ts'
import { readUtf8 } from '../../src/core/utf8.ts'
import { binary } from '../../src/rpc/binary.ts'
import { rawBody } from '../../src/rpc/raw-body.ts'
import { verifyRpc } from '../../src/testing/conformance/rpc.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { Authority } from '../support/certificates.ts'
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
  'tcp, inside a layer': { address: 'tcp://127.0.0.1:0', setup: { wrap: [passThrough] } },
} as const

for (const [name, options] of Object.entries(transports)) verifyRpc(suite, `${name}, binary, json`, options)

/** A number in eight bytes, then the text. */
const bytes = {
  make(number: number, text: string): Uint8Array {
    const value = Buffer.alloc(8 + utf8Length(text))
    value.writeDoubleBE(number)
    writeUtf8(value, text, 8)
    return value
  },
  numberOf: (value: Uint8Array) => Buffer.from(value).readDoubleBE(),
  textOf: (value: Uint8Array) => readUtf8(value.subarray(8)),
}
verifyRpc(suite, 'tcp, binary, raw', { ...transports.tcp, wire: binary({ body: rawBody }), values: bytes })
