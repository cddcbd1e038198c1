import test from 'ava'
import { expectTypeOf } from 'expect-type'
import { demo } from '../../.gen/arith.js'
import { protobufBody, protobufService, protobufServiceFrom } from '../../codecs/protobuf.ts'
import { FrameWriter } from '../../src/core/frame-writer.ts'
import type { RpcBody, RpcPart } from '../../src/core/rpc-body.ts'
import type { Calls, Handlers } from '../../src/rpc/index.ts'
import { throws } from '../../src/testing/conformance/check.ts'
import { hex } from '../../src/testing/index.ts'
import { arithRoot as root, LoadedArith as Loaded, StaticArith as Static } from '../support/arith.ts'

function encode(body: RpcBody, value: unknown, method: string, part: RpcPart): Uint8Array {
  const out = new FrameWriter()
  out.begin(Infinity, false)
  body.encode(value, out, method, part)
  return Buffer.concat([...(out.parts ?? []), out.slab.subarray(out.from, out.to)])
}

test('static modules and a .proto read at run time make the same contract', (t) => {
  t.is(Static.name, 'demo.Arith')
  t.is(Loaded.name, 'demo.Arith')
  t.deepEqual(Static.methods, Loaded.methods)
  t.deepEqual(
    Object.entries(Loaded.methods).map(([name, { kind, idempotent }]) => [name, kind, idempotent]),
    [
      ['add', 'unary', true],
      ['count', 'server-stream', false],
      ['sum', 'client-stream', false],
      ['running', 'bidi-stream', false],
      ['note', 'one-way', false],
    ],
  )
})

for (const [name, service] of [
  ['static modules', Static],
  ['a .proto read at run time', Loaded],
] as const) {
  test(`bodies by the types of ${name}`, (t) => {
    const body = protobufBody(service)
    t.deepEqual([...encode(body, { a: 1, b: 300 }, 'demo.Arith.add', 'input')], [...hex`08 01 10 ac02`])
    t.deepEqual([...encode(body, { value: 5 }, 'demo.Arith.add', 'output')], [...hex`08 05`])
    t.deepEqual({ ...(body.decode(hex`08 01 10 ac02`, 'demo.Arith.add', 'input') as object) }, { a: 1, b: 300 })
    t.deepEqual({ ...(body.decode(hex`08 05`, 'demo.Arith.running', 'output') as object) }, { value: 5 })
  })

  test(`what is not of the types of ${name} is refused on both sides`, (t) => {
    const body = protobufBody(service)
    for (const wrong of [{ a: 'one' }, 5, undefined, null]) {
      t.true(
        throws(() => encode(body, wrong, 'demo.Arith.add', 'input'), 'ERR_ENCODE').message.length > 0,
        JSON.stringify(wrong),
      )
    }
    throws(() => body.decode(hex`08`, 'demo.Arith.add', 'input'), 'ERR_BAD_MESSAGE')
    throws(() => body.decode(hex`08 01`, 'demo.Arith.unknown', 'input'), 'ERR_BAD_MESSAGE')
    throws(() => body.decode(hex``, 'demo.Arith.note', 'output'), 'ERR_BAD_MESSAGE')
    throws(() => encode(body, {}, 'toString', 'input'), 'ERR_ENCODE')
  })
}

test('the types of a static module are those of calls and handlers', (t) => {
  type Call = Calls<typeof Static>
  type Serve = Handlers<typeof Static>
  expectTypeOf<Parameters<Call['add']>[0]>().toEqualTypeOf<demo.Pair.$Properties>()
  expectTypeOf<Awaited<ReturnType<Call['add']>>>().toExtend<demo.Number>()
  expectTypeOf<ReturnType<Call['count']>>().toExtend<AsyncIterable<demo.Number>>()
  expectTypeOf<Parameters<Call['running']>[0]>().toExtend<
    Iterable<demo.Number.$Properties> | AsyncIterable<demo.Number.$Properties>
  >()
  expectTypeOf<Parameters<Serve['add']>[0]>().toExtend<demo.Pair>()
  expectTypeOf<ReturnType<Serve['add']>>().toEqualTypeOf<demo.Number.$Properties | Promise<demo.Number.$Properties>>()
  expectTypeOf<ReturnType<Call['note']>>().toEqualTypeOf<void>()
  expectTypeOf<Awaited<ReturnType<Calls<typeof Loaded>['sum']>>>().toEqualTypeOf<{ value?: number }>()
  t.pass()
})

test('wrong contracts', (t) => {
  throws(() => protobufServiceFrom(root, 'demo.Nothing'), 'ERR_BAD_OPTION')
  throws(() => protobufServiceFrom(root, 'demo.Pair'), 'ERR_BAD_OPTION')
  throws(() => protobufServiceFrom(root, 'demo.Arith', { oneWay: ['Note'] }), 'ERR_BAD_OPTION')
  throws(() => protobufServiceFrom(root, 'demo.Arith', { oneWay: ['count'] }), 'ERR_BAD_OPTION')
  throws(() => protobufService('a', { b: { input: {} as never } }), 'ERR_BAD_OPTION')
  throws(() => protobufService('a', { b: { input: demo.Pair, output: 'demo.Pair' as never } }), 'ERR_BAD_OPTION')
  throws(() => protobufService(5 as never, {}), 'ERR_BAD_OPTION')
  throws(() => protobufBody(Static, Loaded), 'ERR_BAD_OPTION')
  t.notThrows(() => protobufBody())
})
