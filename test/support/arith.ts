import { fileURLToPath } from 'node:url'
import { demo } from '../../.gen/arith.js'
import { loadProto, type ProtobufMethod, protobufService, protobufServiceFrom } from '../../codecs/protobuf.ts'

interface Pair {
  a?: number
  b?: number
}
interface Value {
  value?: number
}

export const arithRoot = await loadProto(fileURLToPath(new URL('../proto/arith.proto', import.meta.url)))

/** The service of arith.proto, from the .proto as it is read at run time. */
export const LoadedArith = protobufServiceFrom<{
  add: ProtobufMethod<'unary', Pair, Value>
  count: ProtobufMethod<'server-stream', Value, Value>
  sum: ProtobufMethod<'client-stream', Value, Value>
  running: ProtobufMethod<'bidi-stream', Value, Value>
  note: ProtobufMethod<'one-way', Value, void>
}>(arithRoot, 'demo.Arith', { oneWay: ['note'] })

/** The same, from a static module. */
export const StaticArith = protobufService('demo.Arith', {
  add: { input: demo.Pair, output: demo.Number, idempotent: true },
  count: { input: demo.Number, output: demo.Number, stream: 'output' },
  sum: { input: demo.Number, output: demo.Number, stream: 'input' },
  running: { input: demo.Number, output: demo.Number, stream: 'both' },
  note: { input: demo.Number },
})
