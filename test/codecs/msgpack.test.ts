import { encode as encodeMsgpack, ExtData } from '@msgpack/msgpack'
import test from 'ava'
import fc from 'fast-check'
import { msgpack, msgpackBody } from '../../codecs/msgpack.ts'
import { FrameWriter } from '../../src/core/frame-writer.ts'
import { equal, throws } from '../../src/testing/conformance/check.ts'
import { hex, verifyCodec } from '../../src/testing/index.ts'
import { suite } from '../support/suite.ts'

function encode(message: unknown, codec = msgpack()): Uint8Array {
  const out = new FrameWriter()
  out.begin(Infinity, false)
  codec.encode(message, out)
  return Buffer.concat([...(out.parts ?? []), out.slab.subarray(out.from, out.to)])
}

/** Arrays inside of each other, the last one empty. */
const nest = (levels: number): Uint8Array => new Uint8Array(levels).fill(0x91, 0, levels - 1).fill(0x90, levels - 1)
const keyed = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]))
const decode = (frame: Uint8Array): unknown => msgpack().decode(frame, false)

verifyCodec(suite, 'msgpack', {
  codec: msgpack(),
  samples: [
    { message: { compact: true, schema: 0 }, wire: hex`82 a7 636f6d70616374 c3 a6 736368656d61 00` },
    { message: null, wire: hex`c0` },
    { message: [-1, -33, 200, -200, 70_000, 2 ** 40], wire: hex`96 ff d0df ccc8 d1ff38 ce00011170 cf0000010000000000` },
    { message: 'grüße', wire: hex`a7 6772c3bcc39f65` },
    { message: 1.5, wire: hex`cb 3ff8000000000000` },
    { message: hex`01 02 03`, wire: hex`c4 03 010203` },
    { message: { a: [hex`ff`, {}, []] }, wire: hex`81 a161 93 c401ff 80 90` },
    { message: new Date(1000), wire: hex`d6 ff 00000001` },
  ],
})

test('A-08: what a header announces is refused before memory is taken for it', (t) => {
  const bombs = {
    'array of 2^32 - 1': hex`dd ffffffff`,
    'map of 2^32 - 1': hex`df ffffffff`,
    'array of 32 million': hex`dd 01ffffff c0`,
    'map that ends before its last value': hex`82 01 02 03`,
    'text of 2^32 - 1': hex`db ffffffff 61`,
    'bytes of 2^32 - 1': hex`c6 ffffffff 61`,
    'extension of 2^32 - 1': hex`c9 ffffffff 01`,
  }
  for (const [name, frame] of Object.entries(bombs)) {
    t.true(throws(() => decode(frame), 'ERR_BAD_MESSAGE').message.length > 0, name)
  }
  // 200,000 arrays inside of each other, each of a million elements as far as its header goes
  const nested = Uint8Array.from({ length: 1_000_000 }, (_, at) => [0xdd, 0, 0x0f, 0, 0][at % 5] as number)
  throws(() => decode(nested), 'ERR_BAD_MESSAGE')
})

test('A-08: nesting, unknown types, bytes behind the message and texts that are not UTF-8 are refused', (t) => {
  t.true(Array.isArray(decode(nest(64))))
  t.true(Array.isArray(decode(nest(65).fill(0xc0, 64))))
  throws(() => decode(nest(66)), 'ERR_BAD_MESSAGE')
  throws(() => decode(nest(1_000_000)), 'ERR_BAD_MESSAGE')
  throws(() => decode(hex`c1`), 'ERR_BAD_MESSAGE')
  throws(() => decode(hex`c0 c0`), 'ERR_BAD_MESSAGE')
  throws(() => decode(new Uint8Array(0)), 'ERR_BAD_MESSAGE')
  for (const bad of [hex`a1 ff`, hex`a2 c080`, hex`a3 eda080`, hex`d9 02 c328`, hex`81 a1 ff 01`]) {
    throws(() => decode(bad), 'ERR_BAD_MESSAGE')
  }
  t.deepEqual(decode(hex`c7 02 05 0102`), new ExtData(5, hex`0102`))
  throws(() => encode(JSON.parse(`${'['.repeat(65)}1${']'.repeat(65)}`)), 'ERR_ENCODE')
  t.is(encode(JSON.parse(`${'['.repeat(64)}1${']'.repeat(64)}`)).length, 65)
})

test('A-09: the key __proto__ is refused, and other names of Object are own properties', (t) => {
  throws(() => decode(hex`81 a9 5f5f70726f746f5f5f 80`), 'ERR_BAD_MESSAGE')
  const decoded = decode(encodeMsgpack({ constructor: 1, toString: 2 })) as object
  t.deepEqual(Object.entries(decoded), [
    ['constructor', 1],
    ['toString', 2],
  ])
  throws(() => decode(hex`81 90 01`), 'ERR_BAD_MESSAGE')
})

test('A-10: a message has at most 10,000 keys', (t) => {
  t.is(Object.keys(decode(encodeMsgpack(keyed(10_000))) as object).length, 10_000)
  throws(() => decode(encodeMsgpack(keyed(10_001))), 'ERR_BAD_MESSAGE')
})

test('any value comes back as it was sent, and reads as the package reads it', (t) => {
  const key = fc.string().filter((name) => name !== '__proto__')
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(null, true, false),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array(),
      fc.array(tie('tree'), { maxLength: 20 }),
      fc.dictionary(key, tie('tree'), { noNullPrototype: true }),
    ),
  }))
  const codec = msgpack()
  fc.assert(
    fc.property(tree, (value) => {
      const frame = encode(value, codec)
      t.deepEqual([...frame], [...encodeMsgpack(value, { ignoreUndefined: true })])
      equal(codec.decode(Uint8Array.from(frame), false), value, 'the value') // AVA tells a Buffer from a Uint8Array
    }),
  )
})

test('a large message keeps its bytes when the next one is written, and what cannot be said is refused', (t) => {
  const codec = msgpack()
  const out = new FrameWriter()
  out.begin(Infinity, false)
  codec.encode('x'.repeat(50_000), out)
  const parts = [...(out.parts ?? [])]
  out.commit()
  t.is(parts.length, 1)
  t.is(encode('y'.repeat(50_000), codec).length, 50_003)
  t.is(codec.decode(parts[0] as Uint8Array, false), 'x'.repeat(50_000))
  const circle: unknown[] = []
  circle.push(circle)
  for (const message of [() => 1, 1n, circle, Symbol('x')]) throws(() => encode(message, codec), 'ERR_ENCODE')
  t.deepEqual([...encode({ a: undefined, b: 1 }, codec)], [...hex`81 a162 01`])
})

test('msgpackBody: what msgpack() does, and no bytes for undefined', (t) => {
  const out = new FrameWriter()
  out.begin(Infinity, false)
  msgpackBody.encode(undefined, out, 'm', 'input')
  t.is(out.position, 0)
  msgpackBody.encode({ a: [1] }, out, 'm', 'input')
  t.deepEqual([...out.slab.subarray(out.from, out.to)], [...hex`81 a161 91 01`])
  t.is(msgpackBody.decode(new Uint8Array(0), 'm', 'output'), undefined)
  t.deepEqual(msgpackBody.decode(hex`81 a161 91 01`, 'm', 'output'), { a: [1] })
  throws(() => msgpackBody.decode(hex`c1`, 'm', 'input'), 'ERR_BAD_MESSAGE')
  throws(() => msgpackBody.encode(() => 1, out, 'm', 'output'), 'ERR_ENCODE')
})
