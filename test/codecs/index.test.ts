import test from 'ava'
import { expectTypeOf } from 'expect-type'
import fc from 'fast-check'
import { z } from 'zod'
import { json, raw, text, type, type StandardSchema } from '../../codecs/index.ts'
import { inPlace, mapCodec, type Codec, type MessageIn, type MessageOut } from '../../src/core/codec.ts'
import { isHawserError, type SessionError } from '../../src/core/errors.ts'
import { FrameWriter } from '../../src/core/frame-writer.ts'
import type { Session } from '../../src/core/session.ts'
import { throws } from '../../src/testing/conformance/check.ts'
import { type CodecSample, embed, hex, verifyCodec } from '../../src/testing/index.ts'
import { suite } from '../support/suite.ts'

const utf8 = (string: string): Uint8Array => new TextEncoder().encode(string)

function encode<Out>(codec: Codec<unknown, Out>, message: Out): Uint8Array {
  const out = new FrameWriter()
  out.begin(Infinity, codec.format === 'text')
  codec.encode(message, out)
  return Buffer.concat([...(out.parts ?? []), out.slab.subarray(out.from, out.to)])
}

const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
const keyed = (count: number): string => `{${Array.from({ length: count }, (_, at) => `"${at}":0`).join()}}`
const decode = <In>(codec: Codec<In, never>, string: string): In => codec.decode(utf8(string), true)

verifyCodec(suite, 'raw', {
  codec: raw(),
  samples: [
    { message: hex`00 ff 10`, wire: hex`00 ff 10` },
    { message: new Uint8Array(0), wire: new Uint8Array(0) },
    { message: new Uint8Array(40_000).fill(7), wire: new Uint8Array(40_000).fill(7) },
  ],
})
verifyCodec(suite, 'text', {
  codec: text(),
  samples: [
    { message: 'hello', wire: utf8('hello') },
    { message: '', wire: new Uint8Array(0) },
    { message: 'grüße 漢字 🚀', wire: hex`6772c3bcc39f6520 e6bca2e5ad97 20 f09f9a80` },
    { message: '\uFEFFwith a byte order mark', wire: utf8('\uFEFFwith a byte order mark') },
    { message: '\uFFFD', wire: hex`efbfbd` },
  ],
})
verifyCodec(suite, 'json', {
  codec: json(),
  samples: [
    { message: { n: 1, list: [true, null, 'x'] }, wire: utf8('{"n":1,"list":[true,null,"x"]}') },
    { message: 'grüße', wire: utf8('"grüße"') },
    { message: '\uD83D', wire: utf8(String.raw`"\ud83d"`) },
    { message: 0, wire: utf8('0') },
    { message: null, wire: utf8('null') },
    {
      message: { constructor: { prototype: 1 }, toString: 2 },
      wire: utf8('{"constructor":{"prototype":1},"toString":2}'),
    },
    { message: { text: '__proto__' }, wire: utf8('{"text":"__proto__"}') },
  ],
})
verifyCodec(suite, 'mapCodec', {
  codec: mapCodec(text(), { in: (message) => Number(message), out: (message: number) => String(message) }),
  samples: [{ message: 12, wire: utf8('12') }],
})
verifyCodec(suite, 'mapCodec with another type each way', {
  codec: mapCodec(text(), { in: (message) => ({ asked: message }), out: (message: { told: string }) => message.told }),
  samples: [
    { received: { asked: 'who' }, wire: utf8('who') },
    { sent: { told: 'me' }, wire: utf8('me') },
  ],
})

test('json reads a message where it lies as it does alone, whatever lies around it', (t) => {
  const codec = json({ maxDepth: 3, maxKeys: 40 })
  const result = (read: () => unknown): unknown => {
    try {
      return read()
    } catch (error) {
      return isHawserError(error) ? `${error.code}: ${error.message}` : error
    }
  }
  const values = fc.json({ maxDepth: 4 }).map(utf8)
  const proto = fc.constantFrom('{"__proto__":1}', String.raw`{"\u005f_proto__":1}`, keyed(41)).map(utf8)
  const around = fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.constantFrom('"', '[[[[', '__proto__', String.raw`\u005f`).map(utf8),
  )
  const frames = fc.oneof(values, proto, fc.uint8Array({ maxLength: 8 }))
  fc.assert(
    fc.property(frames, around, around, fc.boolean(), (frame, before, behind, isBuffer) => {
      const bytes = Uint8Array.from([...before, ...frame, ...behind])
      const memory = isBuffer ? Buffer.from(bytes.buffer) : bytes
      const [from, to] = [before.length, before.length + frame.length]
      t.deepEqual(
        result(() => inPlace(codec)?.decodeInPlace(memory.buffer, memory, from, to)),
        result(() => codec.decode(frame, true)),
      )
    }),
    { numRuns: 2000 },
  )
})

test('what json refuses where it lies is shown as what a peer began with', async (t) => {
  const errors: SessionError[] = []
  const listener = { onError: (_session: Session<unknown>, error: SessionError) => void errors.push(error) }
  const { connection, env } = await embed({ codec: json(), listener })
  connection.feed(hex`00000003 474554 00000002 7b7d`)
  await env.settle()
  t.regex(errors[0]?.message ?? '', /it began with 47 45 54 "GET"/)
})

test('verifyCodec looks at both directions of a codec that has another type each way', (t) => {
  const codec = mapCodec(text(), {
    in: (message) => ({ asked: message }),
    out: (message: { told: string }) => message.told,
  })
  const failuresOf = (samples: readonly CodecSample<{ asked: string }, { told: string }>[]): string[] => {
    const failures: string[] = []
    const run = (title: string, body: () => unknown): void => {
      try {
        body()
      } catch {
        failures.push(title)
      }
    }
    verifyCodec(run, 'codec', { codec, samples })
    return failures
  }
  t.is(failuresOf([{ received: { asked: 'when' }, wire: utf8('who') }]).length, 3) // read, in the middle, values kept
  t.is(failuresOf([{ sent: { told: 'you' }, wire: utf8('me') }]).length, 2) // written, behind what is there
  t.is(failuresOf([{ sent: { told: 'me' }, wire: utf8('me') }]).length, 0)
})

test('codecs say what WebSocket sends them as and whether their messages point into frames', (t) => {
  t.deepEqual([raw().format, raw().keeps], ['binary', 'views'])
  t.deepEqual([text().format, text().keeps], ['text', 'values'])
  t.deepEqual([json().format, json().keeps], ['text', 'values'])
})

test('A-07: what JSON cannot be is refused, and nothing else', (t) => {
  const refused = [
    '',
    ' ',
    '\uFEFF{}',
    'NaN',
    'undefined',
    '{',
    '{}{}',
    "{'a':1}",
    '[1,]',
    '01',
    '"\n"',
    '"\\x"',
    '1e',
    '-',
  ]
  for (const string of refused) throws(() => decode(json(), string), 'ERR_BAD_MESSAGE')
  throws(() => json().decode(hex`22 ff 22`, true), 'ERR_BAD_MESSAGE')
  throws(() => json().decode(hex`22 c0 80 22`, true), 'ERR_BAD_MESSAGE')
  throws(() => json().decode(hex`22 ed a0 80 22`, true), 'ERR_BAD_MESSAGE')
  t.is(decode(json(), '1e400'), Infinity)
  t.is(decode(json(), '12345678901234567890'), 12_345_678_901_234_567_000)
  t.deepEqual(decode(json(), '{"a":1,"a":2}'), { a: 2 })
  t.is(decode(json(), String.raw`"\ud800"`), '\uD800')
})

test('A-07: a key __proto__ is refused wherever it stands and however it is spelt; as a value it is a text', (t) => {
  const bad = [
    '{"__proto__":{"admin":true}}',
    '[1,{"a":{"__proto__":1}}]',
    String.raw`{"\u005f\u005fproto\u005f\u005f":1}`,
    String.raw`{"__\u0070roto__":1}`,
    String.raw`{"__pr\u006Fto__":1}`,
    String.raw`{"__p\u0072oto__":1}`,
    String.raw`{"__pro\u0074o__":1}`,
    String.raw`{"\u005F_proto__":1}`,
  ]
  for (const string of bad) t.regex(throws(() => decode(json(), string), 'ERR_BAD_MESSAGE').message, /__proto__/)
  t.deepEqual(decode(json(), '{"say":"__proto__","x__proto__":1}'), { say: '__proto__', x__proto__: 1 })
  t.deepEqual(decode(json(), String.raw`{"p":"\u0070\u005f"}`), { p: 'p_' })
  t.is(({} as { admin?: boolean }).admin, undefined)
})

test('A-07: nesting is bounded at 64 levels, received and sent', (t) => {
  t.deepEqual(decode(json(), '['.repeat(64) + ']'.repeat(64)), nested(64))
  throws(() => decode(json(), '['.repeat(65) + ']'.repeat(65)), 'ERR_BAD_MESSAGE')
  throws(() => decode(json(), '['.repeat(100_000)), 'ERR_BAD_MESSAGE')
  throws(() => decode(json(), `{"a":${'{"a":'.repeat(64)}1${'}'.repeat(65)}`), 'ERR_BAD_MESSAGE')
  t.is(encode(json(), nested(64)).length, 128)
  throws(() => encode(json(), nested(65)), 'ERR_ENCODE')
  throws(() => encode(json(), nested(100_000)), 'ERR_ENCODE')
  const brackets = { text: `${'['.repeat(200)}"\\${'{'.repeat(200)}` }
  t.deepEqual(json().decode(encode(json(), brackets), true), brackets)
  t.deepEqual(decode(json({ maxDepth: 100 }), '['.repeat(100) + ']'.repeat(100)), nested(100))
})

test('A-10: a message has at most 10,000 keys, counted before any object is made', (t) => {
  t.is(Object.keys(decode(json<object>(), keyed(10_000))).length, 10_000)
  throws(() => decode(json(), keyed(10_001)), 'ERR_BAD_MESSAGE')
  t.regex(throws(() => decode(json(), keyed(10_001).slice(0, -1)), 'ERR_BAD_MESSAGE').message, /10000 keys/)
  throws(() => encode(json(), JSON.parse(keyed(10_001))), 'ERR_ENCODE')
  t.is(Object.keys(decode(json<object>({ maxKeys: 20_000 }), keyed(10_001))).length, 10_001)
  const colons = { text: ':'.repeat(20_000) }
  t.deepEqual(json().decode(encode(json(), colons), true), colons)
  t.is(decode(json<number[]>({ maxKeys: 0 }), '[1,2]').length, 2)
  throws(() => decode(json({ maxKeys: 0 }), '{"a":1}'), 'ERR_BAD_MESSAGE')
})

test('any JSON value comes back as JSON.parse would give it', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const string = JSON.stringify(value)
      const proto = /"__proto__":/.test(string) // within a text it is quoted: \"__proto__\":
      if (proto) throws(() => decode(json(), string), 'ERR_BAD_MESSAGE')
      else t.deepEqual(json().decode(encode(json(), value), true), JSON.parse(string))
    }),
  )
})

test('what cannot be said is refused to its sender', (t) => {
  const circle: unknown[] = []
  circle.push(circle)
  const throwing = {
    toJSON() {
      throw new Error('not me')
    },
  }
  for (const message of [undefined, () => 1, Symbol('x'), 1n, circle, throwing]) {
    throws(() => encode(json(), message), 'ERR_ENCODE')
  }
  t.is(throws(() => encode(json(), undefined), 'ERR_ENCODE').message, 'undefined cannot be said in JSON')
  t.regex(throws(() => encode(json(), 1n), 'ERR_ENCODE').message, /in JSON: .*BigInt/)
  throws(() => encode(text() as Codec<unknown>, 5), 'ERR_ENCODE')
  throws(() => encode(raw() as Codec<unknown>, 'text'), 'ERR_ENCODE')
  t.is(Buffer.from(encode(json(), { a: NaN, b: Infinity, c: undefined })).toString(), '{"a":null,"b":null}')
  t.deepEqual([...encode(text(), 'a\uD800')], [...hex`61 efbfbd`])
})

const Ping = z.object({ n: z.number().default(1), nested: z.object({ list: z.array(z.string()) }).optional() })

test('a schema checks what is received, and the error names the path of the first issue', (t) => {
  const codec = json({ in: Ping, out: type<{ ok: boolean }>() })
  t.deepEqual(decode(codec, '{}'), { n: 1 })
  const error = throws(() => decode(codec, '{"nested":{"list":["a",5]}}'), 'ERR_BAD_MESSAGE')
  t.true(error.message.startsWith('nested.list.1: '))
  t.true(Array.isArray(error.cause))
  t.notRegex(throws(() => decode(codec, '5'), 'ERR_BAD_MESSAGE').message, /^:/)
  t.is(Buffer.from(encode(codec, { ok: true })).toString(), '{"ok":true}')
  expectTypeOf<MessageIn<typeof codec>>().toEqualTypeOf<z.output<typeof Ping>>()
  expectTypeOf<MessageOut<typeof codec>>().toEqualTypeOf<{ ok: boolean }>()
  const same = json({ in: Ping })
  expectTypeOf<MessageOut<typeof same>>().toEqualTypeOf<z.input<typeof Ping>>()
  const unchecked = json<{ a: 1 }, { b: 2 }>()
  expectTypeOf<MessageIn<typeof unchecked>>().toEqualTypeOf<{ a: 1 }>()
  expectTypeOf<MessageOut<typeof unchecked>>().toEqualTypeOf<{ b: 2 }>()
})

test('type() only says a type', (t) => {
  const codec = json({ in: type<{ n: number }>() })
  expectTypeOf<MessageIn<typeof codec>>().toEqualTypeOf<{ n: number }>()
  t.deepEqual<unknown, unknown>(decode(codec, '"anything"'), 'anything')
  t.deepEqual<unknown, unknown>(type<string>()['~standard'].validate(5), { value: 5 })
})

function schema(validate: StandardSchema['~standard']['validate']): StandardSchema {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

test('a schema that is asynchronous, throws or says nothing gives a clear error', async (t) => {
  const asynchronous = json({ in: schema(async () => Promise.reject(new Error('nobody waits'))) })
  t.regex(throws(() => decode(asynchronous, '1'), 'ERR_BAD_OPTION').message, /asynchronous/)
  const throwing = json({
    in: schema(() => {
      throw new Error('broken')
    }),
  })
  t.is((throws(() => decode(throwing, '1'), 'ERR_BAD_MESSAGE').cause as Error).message, 'broken')
  throws(() => decode(json({ in: schema(() => ({ issues: [] })) }), '1'), 'ERR_BAD_MESSAGE')
  const withKeys = schema(() => ({ issues: [{ message: 'wrong', path: [{ key: 'a' }, 0, Symbol('s')] }] }))
  t.is(throws(() => decode(json({ in: withKeys }), '1'), 'ERR_BAD_MESSAGE').message, 'a.0.Symbol(s): wrong')
  throws(() => json({ in: {} as StandardSchema }), 'ERR_BAD_OPTION')
  throws(() => json({ maxDepth: 0 }), 'ERR_BAD_OPTION')
  throws(() => json({ maxKeys: -1 }), 'ERR_BAD_OPTION')
  await new Promise((resolve) => setImmediate(resolve)) // an unhandled rejection would fail the run here
})
