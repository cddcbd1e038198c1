import { fileURLToPath } from 'node:url'
import { Value } from '../../.gen/conformance.js'
import { contentLength, line } from '../../codecs/framing/index.ts'
import { msgpackBody } from '../../codecs/msgpack.ts'
import { loadProto, protobufBody, protobufService, protobufServiceFrom } from '../../codecs/protobuf.ts'
import { binary, jsonRpc } from '../../src/rpc/index.ts'
import { verifyRpc } from '../../src/testing/conformance/rpc.ts'
import { Authority } from '../support/certificates.ts'
import { suite } from '../support/suite.ts'

// First of all: tests are declared in one turn.
const root = await loadProto(fileURLToPath(new URL('../proto/conformance.proto', import.meta.url)))

const tcp = 'tcp://127.0.0.1:0'
const ws = 'ws://127.0.0.1:0'
const cancelMethod = '$/cancelRequest'
const authority = new Authority('Hawser test authority')
const tls = {
  address: 'tls://127.0.0.1:0',
  serverSetup: { tls: authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1') },
  clientSetup: { tls: { ca: authority.cert } },
}

// It has neither streams nor metadata; what the suite says of them is that they are refused.
verifyRpc(suite, 'tcp, JSON-RPC lines', {
  address: tcp,
  wire: jsonRpc({ framing: line(), cancelMethod }),
  metadata: false,
})
verifyRpc(suite, 'tls, JSON-RPC behind Content-Length', {
  ...tls,
  wire: jsonRpc({ framing: contentLength(), cancelMethod }),
  metadata: false,
})
verifyRpc(suite, 'tcp, JSON-RPC that cannot cancel', { address: tcp, wire: jsonRpc(), metadata: false })
verifyRpc(suite, 'ws, JSON-RPC', { address: ws, wire: jsonRpc({ cancelMethod }), metadata: false })

verifyRpc(suite, 'tcp, binary, MessagePack', { address: tcp, wire: binary({ body: msgpackBody }) })
verifyRpc(suite, 'ws, binary, MessagePack', { address: ws, wire: binary({ body: msgpackBody }) })

const values = {
  make: (n: number, text: string): Value.$Properties => ({ n, text }),
  numberOf: ({ n }: Value.$Properties) => n ?? 0,
  textOf: ({ text }: Value.$Properties) => text ?? '',
}
const loaded = protobufServiceFrom(root, 'conformance', { oneWay: ['note'] })
const both = { input: Value, output: Value }
const written = protobufService('conformance', {
  echo: both,
  later: both,
  fail: both,
  wait: both,
  callBack: both,
  note: { input: Value },
  count: { ...both, stream: 'output' },
  sum: { ...both, stream: 'input' },
  double: { ...both, stream: 'both' },
})
/** What the suite calls though nobody serves it. */
const unserved = [
  protobufService('late', { echo: both }),
  protobufService(
    'conformance',
    Object.fromEntries(['__proto__', 'constructor', 'toString', 'unknown'].map((name) => [name, both])),
  ),
]
verifyRpc(suite, 'tcp, binary, Protobuf of a .proto', {
  address: tcp,
  wire: binary({ body: protobufBody(loaded, ...unserved) }),
  values,
})
verifyRpc(suite, 'ws, binary, Protobuf of a static module', {
  address: ws,
  wire: binary({ body: protobufBody(written, ...unserved) }),
  values,
})
