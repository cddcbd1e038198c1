import { Value } from '../../.gen/conformance.js'
import { contentLength, line } from '../../codecs/framing/index.ts'
import { protobufService } from '../../codecs/protobuf.ts'
import { binary, jsonRpc } from '../../src/rpc/index.ts'
import { verifyRpc } from '../../src/testing/conformance/rpc.ts'
import { messages, suiteBody } from '../support/rpc-wires.ts'
import { suite } from '../support/suite.ts'

// What wires can be set to, each over one transport; with their defaults they are in conformance.test.ts.

const address = 'tcp://127.0.0.1:0'
const cancelMethod = '$/cancelRequest'

const jsonRpcs = {
  'JSON-RPC lines': jsonRpc({ framing: line(), cancelMethod }),
  'JSON-RPC behind Content-Length': jsonRpc({ framing: contentLength(), cancelMethod }),
  'JSON-RPC that cannot cancel': jsonRpc(),
}
for (const [name, wire] of Object.entries(jsonRpcs))
  verifyRpc(suite, `tcp, ${name}`, { address, wire, metadata: false })

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
verifyRpc(suite, 'ws, binary, Protobuf of a static module', {
  address: 'ws://127.0.0.1:0',
  wire: binary({ body: suiteBody(written, Value) }),
  values: messages,
})
