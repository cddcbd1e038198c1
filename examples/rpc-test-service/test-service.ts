import { fileURLToPath } from 'node:url'
import { loadProto, type ProtobufMethod, protobufServiceFrom } from 'hawser/codecs/protobuf'
import { type Handlers, method, oneWay, RpcError, service } from 'hawser/rpc'

interface TestRequest {
  readonly a: string
  readonly b: string
  readonly c: string
}
interface AddRequest {
  readonly a: number
  readonly b: number
}

/** getty's TestService: the contract of both sides where JSON is spoken. */
export const TestService = service('getty.TestService', {
  test: method<TestRequest, { result: string }>(),
  add: method<AddRequest, { sum: number }>({ idempotent: true }),
  err: method<{ a: number }, { sum: number }>(),
  event: oneWay<{ a: string }>(),
})

const file = fileURLToPath(new URL('test-service.proto', import.meta.url))

/** The same, out of its `.proto`. */
export const TestProto = protobufServiceFrom<{
  test: ProtobufMethod<'unary', TestRequest, { result: string }>
  add: ProtobufMethod<'unary', AddRequest, { sum: number }>
  err: ProtobufMethod<'unary', { a: number }, { sum: number }>
  event: ProtobufMethod<'one-way', { a: string }, void>
}>(await loadProto(file), 'getty.TestService', { oneWay: ['event'] })

/** What serves both. */
export const handlers: Handlers<typeof TestService> = {
  test: ({ a, b, c }) => ({ result: `${a}, ${b}, ${c}` }),
  add: ({ a, b }) => ({ sum: a + b }),
  err: ({ a }) => {
    throw new RpcError('failed_precondition', 'this is an error test', { data: { a } })
  },
  event: ({ a }) => console.log(`event: ${a}`),
}
