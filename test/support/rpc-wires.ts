import { fileURLToPath } from 'node:url'
import type { Value } from '../../.gen/conformance.js'
import { msgpackBody } from '../../codecs/msgpack.ts'
import { loadProto, protobufBody, type ProtobufService, protobufServiceFrom } from '../../codecs/protobuf.ts'
import { utf8Length, writeUtf8 } from '../../src/core/bytes.ts'
import { readUtf8 } from '../../src/core/utf8.ts'
import { binary, jsonRpc, rawBody } from '../../src/rpc/index.ts'
import type { RpcUnderTest, RpcValues } from '../../src/testing/conformance/rpc.ts'

/** A number in eight bytes, then the text. */
const bytes: RpcValues<Uint8Array> = {
  make(number, text) {
    const value = Buffer.alloc(8 + utf8Length(text))
    value.writeDoubleBE(number)
    writeUtf8(value, text, 8)
    return value
  },
  numberOf: (value) => Buffer.from(value).readDoubleBE(),
  textOf: (value) => readUtf8(value.subarray(8)),
}

/** The messages of conformance.proto. */
export const messages: RpcValues<Value.$Properties> = {
  make: (n, text) => ({ n, text }),
  numberOf: ({ n }) => n ?? 0,
  textOf: ({ text }) => text ?? '',
}

/** The types of conformance.proto. */
export const root = await loadProto(fileURLToPath(new URL('../proto/conformance.proto', import.meta.url)))

/** A Protobuf body for the suite of RPC, and for what it calls though nobody serves it. */
export function suiteBody(service: ProtobufService<unknown>, type: unknown) {
  const both = { input: type, output: type } as never
  const odd = ['__proto__', 'constructor', 'toString', 'unknown'].map((name) => [name, both] as const)
  return protobufBody(service, withMethods('late', [['echo', both]]), withMethods('conformance', odd))
}

function withMethods(name: string, methods: readonly (readonly [string, never])[]): ProtobufService<unknown> {
  return { name, methods: {}, types: new Map(methods) }
}

type Wired<T> = Omit<RpcUnderTest<T>, 'address'>

/** Every wire with every body, to be run over every transport. */
export const rpcWires: Readonly<Record<string, Wired<never>>> = {
  'binary, json': {},
  'binary, raw': { wire: binary({ body: rawBody }), values: bytes } satisfies Wired<Uint8Array> as Wired<never>,
  'binary, MessagePack': { wire: binary({ body: msgpackBody }) },
  'binary, Protobuf': {
    wire: binary({
      body: suiteBody(protobufServiceFrom(root, 'conformance', { oneWay: ['note'] }), root.lookupType('Value')),
    }),
    values: messages,
  } satisfies Wired<Value.$Properties> as Wired<never>,
  // It has neither streams nor metadata; what the suite says of them is that they are refused.
  'JSON-RPC': { wire: jsonRpc({ cancelMethod: '$/cancelRequest' }), metadata: false },
}
