import { createRequire } from 'node:module'
import test from 'ava'
import protobufjs from 'protobufjs'
import { msgpackBody } from '../../codecs/msgpack.ts'
import { protobufBody, type ProtobufMethod, protobufServiceFrom } from '../../codecs/protobuf.ts'
import { binary, type Handlers, method, oneWay, type RpcWire, serverStream, service } from '../../src/rpc/index.ts'
import { LoadedArith as Loaded, StaticArith as Static } from '../support/arith.ts'
import { rpcErrorOf, rpcPair } from '../support/rpc-pair.ts'

/** Also notes what it is told. */
const handlers = (notes: unknown[]): Handlers<typeof Loaded> => ({
  add: ({ a = 0, b = 0 }) => ({ value: a + b }),
  async *count({ value = 0 }) {
    for (let at = 1; at <= value; at++) yield { value: at }
  },
  async sum(numbers) {
    let sum = 0
    for await (const { value = 0 } of numbers) sum += value
    return { value: sum }
  },
  async *running(numbers) {
    let sum = 0
    for await (const { value = 0 } of numbers) yield { value: (sum += value) }
  },
  note: ({ value }) => void notes.push(value),
})

const wires: Readonly<Record<string, readonly [RpcWire, RpcWire]>> = {
  'a .proto read at run time': [binary({ body: protobufBody(Loaded) }), binary({ body: protobufBody(Loaded) })],
  'static modules': [binary({ body: protobufBody(Static) }), binary({ body: protobufBody(Static) })],
  'one side each': [binary({ body: protobufBody(Loaded) }), binary({ body: protobufBody(Static) })],
}

for (const [name, [far, near]] of Object.entries(wires)) {
  test(`a Protobuf service of ${name}: each kind of method`, async (t) => {
    const notes: unknown[] = []
    const pair = await rpcPair({ wire: far, onPeer: (peer) => peer.serve(Loaded, handlers(notes)) }, { wire: near })
    const calls = pair.near.client(Loaded)
    t.is((await calls.add({ a: 1, b: 2 })).value, 3)
    const counted: unknown[] = []
    for await (const { value } of calls.count({ value: 2_000 })) counted.push(value)
    t.deepEqual(
      counted,
      Array.from({ length: 2_000 }, (_, at) => at + 1),
    )
    t.is((await calls.sum([{ value: 1 }, {}, { value: 5 }])).value, 6)
    const sums: unknown[] = []
    for await (const { value } of calls.running([{ value: 1 }, { value: 2 }, { value: 3 }])) sums.push(value)
    t.deepEqual(sums, [1, 3, 6])
    calls.note({ value: 7 })
    await calls.add({})
    t.deepEqual(notes, [7])
    await pair.close()
    t.is(pair.env.timers, 0)
  })
}

test('what is against its Protobuf type fails its own call, and no other', async (t) => {
  const wire = binary({ body: protobufBody(Loaded) })
  const asText = service('demo.Arith', { add: method<unknown, unknown>(), note: method<object, object>() })
  const pair = await rpcPair(
    {
      wire,
      onPeer: (peer) =>
        peer.serve(Loaded, { ...handlers([]), add: ({ a = 0 }) => (a === 1 ? ('no' as never) : { value: a }) }),
    },
    { wire },
  )
  const calls = pair.near.client(Loaded)
  t.like(await rpcErrorOf(calls.add({ a: 'one' as never })), { status: 'invalid_argument', sent: 'no' })
  t.like(await rpcErrorOf(calls.add({ a: 1 })), { status: 'internal', sent: 'yes' })
  t.is((await calls.add({ a: 2 })).value, 2)
  // bytes that are no message, from a peer that has another body
  const other = await rpcPair(
    { wire, onPeer: (peer) => peer.serve(Loaded, handlers([])) },
    { wire: binary({ body: msgpackBody }) },
  )
  t.like(await rpcErrorOf(other.near.client(asText).add([1, 2, 3])), { status: 'invalid_argument', sent: 'no' })
  await pair.close()
  await other.close()
})

test('MessagePack: values that JSON has not, and void', async (t) => {
  const Store = service('store', {
    put: method<{ key: string; bytes: Uint8Array; at: Date }, { bytes: Uint8Array; at: Date }>(),
    nothing: method<void, void>(),
    told: oneWay<number[]>(),
    parts: serverStream<number, Uint8Array>(),
  })
  const wire = binary({ body: msgpackBody })
  const told: number[][] = []
  const pair = await rpcPair(
    {
      wire,
      onPeer: (peer) =>
        peer.serve(Store, {
          put: ({ bytes, at }) => ({ bytes, at }),
          nothing: (input) => input,
          told: (numbers) => told.push(numbers),
          *parts(count) {
            for (let at = 0; at < count; at++) yield Uint8Array.of(at)
          },
        }),
    },
    { wire },
  )
  const store = pair.near.client(Store)
  const value = { bytes: Uint8Array.of(0, 255), at: new Date(5) }
  t.deepEqual(await store.put({ key: 'k', ...value }), value)
  t.is(await store.nothing(), undefined)
  store.told([1, 2])
  const parts: number[] = []
  for await (const [part] of store.parts(3)) parts.push(part as number)
  t.deepEqual(parts, [0, 1, 2])
  t.deepEqual(told, [[1, 2]])
  await pair.close()
})

/** As an application has one whose version differs from ours. */
function anotherProtobufjs(): typeof protobufjs {
  const require = createRequire(import.meta.url)
  for (const path of Object.keys(require.cache)) if (path.includes('protobufjs')) delete require.cache[path]
  return require('protobufjs') as typeof protobufjs
}

test('types of another copy of protobufjs are as good as those of our own', async (t) => {
  const other = anotherProtobufjs()
  t.not(other.Reader, protobufjs.Reader)
  const root = other.parse(`syntax = "proto3"; package demo;
    service Keep { rpc Same(Blob) returns (Blob); }
    message Blob { string name = 1; bytes data = 2; }`).root
  const Keep = protobufServiceFrom<{ same: ProtobufMethod<'unary', object, { name: string; data: Uint8Array }> }>(
    root,
    'demo.Keep',
  )
  const body = protobufBody(Keep)
  const wire = binary({ body })
  const pair = await rpcPair({ wire, onPeer: (peer) => peer.serve(Keep, { same: (blob) => blob as never }) }, { wire })
  const calls = pair.near.client(Keep)
  for (const name of ['one', '', 'three']) {
    const blob = await calls.same({ name, data: Uint8Array.of(1, 2, 3) })
    t.is(blob.name, name)
    t.deepEqual([...blob.data], [1, 2, 3])
  }
  const frame = Uint8Array.of(0x12, 1, 7)
  const { data } = body.decode(frame, 'demo.Keep.same', 'input') as { data: Uint8Array }
  frame.fill(0)
  t.deepEqual([...data], [7]) // it points nowhere into its frame
  t.throws(() => body.decode(Uint8Array.of(0x12, 9, 7), 'demo.Keep.same', 'input'), { code: 'ERR_BAD_MESSAGE' })
  await pair.close()
})
