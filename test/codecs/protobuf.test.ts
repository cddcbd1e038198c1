import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { expectTypeOf } from 'expect-type'
import fc from 'fast-check'
import { chat } from '../../.gen/chat.js'
import { loadProto, protobuf, protobufUnion, protoType } from '../../codecs/protobuf.ts'
import { type Codec, inPlace, type MessageIn, type MessageOut } from '../../src/core/codec.ts'
import { isHawserError } from '../../src/core/errors.ts'
import { FrameWriter, SLAB_BYTES } from '../../src/core/frame-writer.ts'
import { equal, throws } from '../../src/testing/conformance/check.ts'
import { hex, verifyCodec } from '../../src/testing/index.ts'
import { suite } from '../support/suite.ts'

interface Say {
  text?: string
  room?: number
  picture?: Uint8Array
}

const root = await loadProto(fileURLToPath(new URL('../proto/chat.proto', import.meta.url)))
const SayType = root.lookupType('chat.Say')

function encode<Out>(codec: Codec<unknown, Out>, message: Out): Uint8Array {
  const out = new FrameWriter()
  out.begin(Infinity, false)
  codec.encode(message, out)
  return Buffer.concat([...(out.parts ?? []), out.slab.subarray(out.from, out.to)])
}

/** As protobufjs decodes it: lists and maps are always there. */
const say = (fields: object): object => ({ marks: [], votes: {}, ...fields })

verifyCodec<object, object>(suite, 'protobuf of a type read at run time', {
  codec: protobuf<object>(SayType),
  samples: [
    { message: say({}), wire: new Uint8Array(0) },
    { message: say({ text: 'hello', room: 7 }), wire: hex`0a 05 68656c6c6f 10 07` },
    { message: say({ picture: hex`00 ff`, marks: [1, 300] }), wire: hex`22 02 00ff 2a 03 01 ac02` },
    {
      message: say({ answers: say({ answers: say({ text: 'deep' }) }), mood: 1 }),
      wire: hex`3a 08 3a 06 0a 04 64656570 40 01`,
    },
    { message: say({ votes: { ann: 1 } }), wire: hex`32 07 0a 03 616e6e 10 01` },
  ],
})
verifyCodec<object, object>(suite, 'protobuf of a static module', {
  codec: protobuf(chat.Say),
  samples: [{ message: say({ text: 'hello', picture: hex`01 02` }), wire: hex`0a 05 68656c6c6f 22 02 0102` }],
})
verifyCodec<object, { type: 'say' | 'join'; message: never }>(suite, 'protobufUnion', {
  codec: protobufUnion({ say: { id: 1, type: chat.Say }, join: { id: 300, type: chat.Join } }),
  samples: [
    { message: { type: 'say', message: say({ text: 'hi' }) as never }, wire: hex`01 0a 02 6869` },
    { message: { type: 'join', message: { name: 'ann' } as never }, wire: hex`ac02 0a 03 616e6e` },
  ],
})

test('protoType names a type of a .proto, and says which it does not find', (t) => {
  const codec = protobuf(protoType<Say>(root, 'chat.Say'))
  expectTypeOf(codec).toEqualTypeOf<Codec<Say>>()
  t.is(codec.decode(encode(codec, { text: 'hi' }), false).text, 'hi')
  throws(() => protoType(root, 'chat.Sing'), 'ERR_BAD_OPTION')
})

test('a frame read where it lies is what it is alone, whatever lies behind it', (t) => {
  const codec = protobuf<object>(SayType)
  const where = inPlace(codec)
  const alone = protobuf<object>(SayType)
  const result = (decode: () => object | undefined): unknown => {
    try {
      return JSON.stringify(decode())
    } catch (error) {
      return isHawserError(error) ? error.code : error
    }
  }
  const whole = encode(alone, { text: 'hello', room: 300, picture: hex`00 ff`, marks: [1, 300] })
  const cut = fc.nat(whole.length).map((length) => whole.subarray(0, length))
  const bytes = fc.uint8Array({ maxLength: 12 })
  fc.assert(
    fc.property(fc.oneof(bytes, cut), bytes, bytes, (frame, before, behind) => {
      const memory = Uint8Array.from([...before, ...frame, ...behind])
      const [from, to] = [before.length, before.length + frame.length]
      const read = result(() => where?.decodeInPlace(memory.buffer, memory, from, to))
      t.is(
        read,
        result(() => alone.decode(frame, false)),
      )
    }),
    { numRuns: 2000 },
  )
})

test('static modules and types read at run time write the same bytes', (t) => {
  const sayings = fc.record(
    {
      text: fc.string(),
      room: fc.integer(),
      picture: fc.uint8Array(),
      marks: fc.array(fc.nat()),
      votes: fc.dictionary(fc.string(), fc.integer(), { noNullPrototype: true }),
      mood: fc.constantFrom(0, 1),
    },
    { requiredKeys: [] },
  )
  const byModule = protobuf<object>(chat.Say)
  const byType = protobuf<object>(SayType)
  fc.assert(
    fc.property(sayings, (message) => {
      const frame = encode(byModule, message)
      t.deepEqual([...encode(byType, message)], [...frame])
      t.deepEqual([...encode(byModule, byType.decode(frame, false))], [...frame])
    }),
  )
})

test('a codec takes plain objects and gives messages, with the types of the module', (t) => {
  const codec = protobuf(chat.Say)
  expectTypeOf<MessageIn<typeof codec>>().toExtend<chat.Say>()
  expectTypeOf<chat.ISay>().toExtend<MessageOut<typeof codec>>()
  t.is(codec.decode(encode(codec, { text: 'typed' }), false).text, 'typed')
  const own = protobuf<Say>(SayType as never)
  expectTypeOf<MessageOut<typeof own>>().toEqualTypeOf<Say>()
  t.is(own.decode(encode(own, { text: 'own' }), false).text, 'own')
})

test('int64 arrives as a Long and is sent from a Long, a number or a decimal text', (t) => {
  const codec = protobuf(chat.Say)
  const large = codec.decode(hex`18 ffffffffffffffff7f`, false)
  t.is(String(large.at), '9223372036854775807')
  t.deepEqual([...encode(codec, { at: large.at })], [...hex`18 ffffffffffffffff7f`])
  t.deepEqual([...encode(codec, { at: 2 ** 53 - 1 })], [...hex`18 ffffffffffffff0f`])
  t.is(typeof codec.decode(hex`18 01`, false).at, 'object')
})

test('bytes fields are copies, as plain Uint8Array, and unknown fields are dropped', (t) => {
  const frame = Buffer.from([0x22, 2, 1, 2, 0xfa, 1, 1, 9])
  const message = protobuf(chat.Say).decode(frame, false)
  frame.fill(0xee)
  t.is(Object.getPrototypeOf(message.picture), Uint8Array.prototype)
  equal(message.picture, hex`01 02`, 'the picture')
  t.deepEqual([...encode(protobuf<object>(chat.Say), message)], [...hex`22 02 0102`])
})

test('A-08: what is no message of the type is refused, however deep or long it claims to be', (t) => {
  const codec = protobuf(chat.Say)
  const bad = {
    'a length of 2^32 - 1': hex`0a ffffffff0f 61`,
    'a varint without end': hex`10 ffffffffffffffffffffff`,
    'a field cut short': hex`0a 05 68`,
    'text that is not UTF-8': hex`0a 02 c328`,
    'field number 0': hex`00 00`,
    'a group that does not end': hex`7b`,
    'wire type 7': hex`0f 00`,
  }
  for (const [name, frame] of Object.entries(bad)) {
    t.notThrows(() => throws(() => codec.decode(frame, false), 'ERR_BAD_MESSAGE'), name)
  }
  let nested: Uint8Array = hex`0a 00`
  for (let level = 0; level < 100_000 && nested.length < 60_000; level++) {
    const header = new FrameWriter()
    header.begin(Infinity, false)
    header.u8(0x3a)
    header.varint(nested.length)
    nested = Buffer.concat([header.slab.subarray(0, header.to), nested])
  }
  throws(() => codec.decode(nested, false), 'ERR_BAD_MESSAGE')
  throws(() => codec.decode(new Uint8Array(100_000).fill(0x7b), false), 'ERR_BAD_MESSAGE') // groups in groups
})

test('A-09: a map with the key __proto__ sets no prototype', (t) => {
  const message = protobuf(chat.Say).decode(hex`32 0d 0a 09 5f5f70726f746f5f5f 10 01`, false)
  t.is(Object.getPrototypeOf(message.votes), Object.prototype)
  t.is(({} as { votes?: unknown }).votes, undefined)
})

test('what is against its type is refused to its sender, and the next message is whole', (t) => {
  for (const type of [SayType, chat.Say]) {
    const codec = protobuf<object>(type)
    const error = throws(() => encode(codec, { text: 5 }), 'ERR_ENCODE')
    t.regex(error.message, /text: string expected/)
    throws(() => encode(codec, { answers: { room: 'x' } }), 'ERR_ENCODE')
    throws(() => encode(codec, null as never), 'ERR_ENCODE')
    t.deepEqual([...encode(codec, { text: 'ok' })], [...hex`0a 02 6f6b`])
  }
  const unchecked = protobuf<object>({ encode: SayType.encode.bind(SayType), decode: SayType.decode.bind(SayType) })
  const broken = {
    answers: {
      get room(): number {
        throw new Error('in the middle of a field')
      },
    },
  }
  throws(() => encode(unchecked, broken), 'ERR_ENCODE')
  t.deepEqual([...encode(unchecked, { text: 'ok' })], [...hex`0a 02 6f6b`])
})

for (const letters of [100, 50_000, 100_000]) {
  test(`a message of ${letters} letters keeps its bytes when the next one is written`, (t) => {
    const codec = protobuf(chat.Say)
    const out = new FrameWriter()
    out.begin(Infinity, false)
    codec.encode({ text: 'x'.repeat(letters) }, out)
    const pieces = [...(out.parts ?? []), out.piece]
    out.commit()
    out.begin(Infinity, false)
    codec.encode({ text: 'y'.repeat(letters) }, out)
    t.is(codec.decode(Buffer.concat(pieces), false).text, 'x'.repeat(letters))
  })
}

test('what is at the end of a slab is written as anywhere else', (t) => {
  const codec = protobuf(chat.Say)
  const out = new FrameWriter()
  for (let sent = 0; sent < 3 * SLAB_BYTES; sent += 700) {
    const text = String(sent).repeat(100)
    out.begin(Infinity, false)
    codec.encode({ text }, out)
    t.is(codec.decode(out.piece, false).text, text)
    out.commit()
  }
})

test('a large message pins no more than twice itself, wherever in a slab it was begun', (t) => {
  const codec = protobuf(chat.Say)
  const before = 'x'.repeat(50_000)
  for (const letters of [33_000, 50_000, 70_000, 200_000]) {
    const out = new FrameWriter()
    out.begin(Infinity, false)
    codec.encode({ text: before }, out)
    out.commit()
    out.begin(Infinity, false)
    codec.encode({ text: 'y'.repeat(letters) }, out)
    const [part] = out.parts ?? []
    t.true((part?.length ?? 0) > letters, `${letters}`)
    t.true((part?.buffer.byteLength ?? 0) <= 2 * (part?.length ?? 0), `${part?.buffer.byteLength} for ${letters}`)
  }
})

test('a union refuses ids and names it does not have, and ids given twice', (t) => {
  const codec = protobufUnion({ say: { id: 1, type: chat.Say }, join: { id: 2, type: chat.Join } })
  const decoded = codec.decode(hex`02 0a 03 616e6e`, false)
  if (decoded.type === 'join') t.is(decoded.message.name, 'ann')
  else t.fail()
  throws(() => codec.decode(hex`03`, false), 'ERR_BAD_MESSAGE')
  throws(() => codec.decode(hex`ffffffffffffffffff7f`, false), 'ERR_BAD_MESSAGE')
  throws(() => codec.decode(new Uint8Array(0), false), 'ERR_BAD_MESSAGE')
  throws(() => encode(codec as Codec<object>, { type: 'toString', message: {} }), 'ERR_ENCODE')
  throws(() => protobufUnion({ a: { id: 1, type: chat.Say }, b: { id: 1, type: chat.Join } }), 'ERR_BAD_OPTION')
  throws(() => protobufUnion({ a: { id: -1, type: chat.Say } }), 'ERR_BAD_OPTION')
})

test('loadProto rejects for a file that is missing, broken, or names a type that is not there', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'))
  try {
    await t.throwsAsync(loadProto(join(folder, 'missing.proto')))
    writeFileSync(join(folder, 'broken.proto'), 'syntax = "proto3"; message {')
    await t.throwsAsync(loadProto(join(folder, 'broken.proto')))
    writeFileSync(join(folder, 'unresolved.proto'), 'syntax = "proto3"; message A { Missing b = 1; }')
    await t.throwsAsync(loadProto([join(folder, 'unresolved.proto')]))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
