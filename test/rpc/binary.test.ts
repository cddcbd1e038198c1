import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import test from 'ava'
import { inPlace } from '../../src/core/codec.ts'
import { FrameWriter } from '../../src/core/frame-writer.ts'
import { isHawserError } from '../../src/core/errors.ts'
import { binary } from '../../src/rpc/binary.ts'
import { clientStream, method, oneWay, serverStream, service } from '../../src/rpc/contract.ts'
import { Frame, FrameType } from '../../src/rpc/frame.ts'
import { FIRST_CREDIT_BYTES, ITEM_COST_BYTES } from '../../src/rpc/item-cost.ts'
import { MAX_NUMBERED_METHODS } from '../../src/rpc/limits.ts'
import { rawBody } from '../../src/rpc/raw-body.ts'
import { RPC_STATUSES } from '../../src/rpc/rpc-status.ts'
import { livePeerOf, rpc } from '../../src/rpc/rpc.ts'
import { RpcError } from '../../src/rpc/rpc-error.ts'
import { wireOf } from '../../src/rpc/wire.ts'
import { embed } from '../../src/testing/embed.ts'
import { hex } from '../../src/testing/hex.ts'

const S = service('s', {
  add: method<number[], number>(),
  fail: method<void, void>(),
  note: oneWay<string>(),
  count: serverStream<number, number>(),
  sum: clientStream<number, number>(),
})

const handlers = {
  add: ([a, b]: number[]) => (a as number) + (b as number),
  fail() {
    throw new RpcError('not_found', 'gone', { data: { id: 1 } })
  },
  note: () => undefined,
  async *count(n: number) {
    for (let i = 0; i < n; i++) yield i
  },
  async sum(numbers: AsyncIterable<number>) {
    let sum = 0
    for await (const n of numbers) sum += n
    return sum
  },
}

const served = () => embed(rpc({ onPeer: (peer) => peer.serve(S, handlers) }))

function encode(frame: Frame, wire = binary()): Uint8Array {
  const out = new FrameWriter()
  out.begin(Infinity, false)
  wireOf(wire).codec.encode(frame, out)
  return out.piece
}

/** As the wire has them, without the lengths. */
async function framesOf(embedded: Awaited<ReturnType<typeof served>>): Promise<string[]> {
  await embedded.env.settle()
  return embedded.takeFrames().map((frame) => Array.from(frame, (byte) => byte.toString(16).padStart(2, '0')).join(' '))
}

test('a call by name, then by number, and answers in any order', async (t) => {
  await using caller = await embed(rpc())
  const calls = livePeerOf(caller.session).client(S)
  const first = calls.add([1, 2])
  t.deepEqual(await framesOf(caller), ['60 01 01 05 73 2e 61 64 64 b0 ea 01 5b 31 2c 32 5d'])
  const second = calls.add([3, 4], { timeoutMs: 0 })
  const third = calls.add([3, 4], { timeoutMs: 0, metadata: { a: 'bc' } })
  t.deepEqual(await framesOf(caller), ['00 02 01 5b 33 2c 34 5d', '80 03 01 01 01 61 02 62 63 5b 33 2c 34 5d'])
  await caller.feed(hex`00 00 00 03  05 02 37  00 00 00 03  05 01 33  00 00 00 03  05 03 37`)
  t.deepEqual(await Promise.all([first, second, third]), [3, 7, 7])
})

test('docs/rpc-wire.md shows what is really sent', async (t) => {
  const page = readFileSync('docs/rpc-wire.md', 'utf8').replaceAll(/\s+/g, ' ')
  const Arith = service('arith', { add: method<number[], number>() })
  const caller = await embed(rpc())
  const handler = await embed(
    rpc({ onPeer: (peer) => peer.serve(Arith, { add: ([a, b]) => (a as number) + (b as number) }) }),
  )
  const arith = livePeerOf(caller.session).client(Arith)
  const sums: Promise<number>[] = []
  await framesOf(handler)
  for (const numbers of [
    [1, 2],
    [3, 4],
  ]) {
    sums.push(arith.add(numbers))
    await caller.env.settle()
    const call = caller.takeBytes()
    await handler.feed(call)
    const answer = handler.takeBytes()
    await caller.feed(answer)
    for (const sent of [call, answer]) {
      const shown = Array.from(sent, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
      t.true(page.includes(shown.replace(/^(.. .. .. ..) /, '$1 ')), shown)
    }
  }
  t.deepEqual(await Promise.all(sums), [3, 7])
})

test('once the method is known, the header of a small call has at most 12 bytes, its length included', async (t) => {
  await using caller = await embed(rpc({ wire: binary({ body: rawBody }), maxCalls: 4096 }))
  const calls = livePeerOf(caller.session).client(S) as unknown as Record<
    'add',
    (input: Uint8Array) => Promise<Uint8Array>
  >
  for (let i = 0; i < 3000; i++) calls.add(new Uint8Array()).catch(() => undefined)
  await caller.env.settle()
  const sent = caller.takeFrames()
  t.is(sent[0]?.length, 12)
  for (const frame of sent.slice(1)) t.true(frame.length + 4 <= 12)
})

test('what a caller sends around a stream', async (t) => {
  await using caller = await embed(rpc())
  const calls = livePeerOf(caller.session).client(S)
  const items = calls.count(2, { timeoutMs: 5 })[Symbol.asyncIterator]()
  const first = items.next()
  t.deepEqual(await framesOf(caller), ['62 01 01 07 73 2e 63 6f 75 6e 74 05 32'])
  await caller.feed(framed(Buffer.concat([hex`0b 01`, halfWindow(0)])))
  t.is((await first).value, 0)
  t.deepEqual(await framesOf(caller), ['0d 01 80 80 06'])
  await items.return?.()
  t.deepEqual(await framesOf(caller), ['07 01'])
  const sum = calls.sum([1, 22])
  t.deepEqual(await framesOf(caller), ['23 02 02 05 73 2e 73 75 6d', '08 02 31', '08 02 32 32', '09 02'])
  await caller.feed(hex`00 00 00 04  05 02 32 33`)
  t.is(await sum, 23)
  calls.note('hi')
  t.deepEqual(await framesOf(caller), ['21 00 03 06 73 2e 6e 6f 74 65 22 68 69 22'])
})

/** An item that takes half of the first credit: JSON may end with spaces. */
function halfWindow(value: number): Uint8Array {
  return Buffer.from(String(value).padEnd(FIRST_CREDIT_BYTES / 2 - ITEM_COST_BYTES))
}

/** A frame behind its length. */
function framed(...frames: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(frames.flatMap((frame) => [0, 0, frame.length >> 8, frame.length & 0xff, ...frame]))
}

test('what a handler sends', async (t) => {
  await using handler = await served()
  t.deepEqual(await framesOf(handler), ['0e 73'])
  await handler.feed(framed(hex`20 05 01 05 73 2e 61 64 64  5b 31 2c 32 5d`, hex`00 06 01 5b 31 2c 33 5d`))
  t.deepEqual(await framesOf(handler), ['05 05 33', '05 06 34'])
  await handler.feed(framed(hex`20 07 02 06 73 2e 66 61 69 6c`))
  t.deepEqual(await framesOf(handler), ['46 07 05 04 67 6f 6e 65 7b 22 69 64 22 3a 31 7d'])
  await handler.feed(framed(hex`20 08 03 01 78`))
  t.deepEqual(await framesOf(handler), ['26 08 0c 0f 6e 6f 62 6f 64 79 20 73 65 72 76 65 73 20 78'])
  await handler.feed(framed(hex`22 09 04 07 73 2e 63 6f 75 6e 74 32`))
  t.deepEqual(await framesOf(handler), ['0b 09 30', '0b 09 31', '0c 09'])
  await handler.feed(framed(hex`23 0a 05 05 73 2e 73 75 6d`, Buffer.concat([hex`08 0a`, halfWindow(1)])))
  t.deepEqual(await framesOf(handler), ['0a 0a 80 80 06'])
  await handler.feed(framed(hex`08 0a 32`, hex`09 0a`))
  t.deepEqual(await framesOf(handler), ['05 0a 33'])
  await handler.feed(framed(hex`10`))
  t.deepEqual(await framesOf(handler), ['11'])
})

test('F-07: a malformed frame closes its session with a code', async (t) => {
  const malformed: Record<string, Uint8Array> = {
    'of no bytes': hex``,
    'of an unknown type': hex`12 01`,
    'of the highest type': hex`1f 01`,
    'with a flag that its type has not': hex`28 01`,
    'without an id': hex`05`,
    'with half a varint': hex`05 80`,
    'with a varint above 2^53 - 1': hex`05 ff ff ff ff ff ff ff ff 7f`,
    'with a number that was never given': hex`00 01 05 31`,
    'with neither name nor number': hex`00 01 00 31`,
    'with too high a number': hex`20 01 81 20 01 78`,
    'with an empty name': hex`20 01 01 00`,
    'with a name that is too long': Uint8Array.of(0x20, 1, 1, 0x81, 2, ...new Uint8Array(257).fill(0x78)),
    'with a name that is not UTF-8': hex`20 01 01 01 ff`,
    'with a name that is cut short': hex`20 01 01 05 78`,
    'with too many metadata': Uint8Array.of(0x85, 1, 65),
    'with metadata that are too long': Uint8Array.of(0x85, 1, 1, 0xff, 0x7f, ...new Uint8Array(0x3fff), 0),
    'with an unknown deadline': hex`40 01 01 80`,
    'with an error whose text is too long': Uint8Array.of(0x06, 1, 1, 0x81, 0x20, ...new Uint8Array(4097)),
    'with an error that goes on': hex`06 01 01 00 00`,
    'with error data that are not JSON': hex`46 01 01 00 7b`,
    'with a cancel that goes on': hex`07 01 00`,
    'with a stream to read that brings a body': hex`23 01 01 05 73 2e 73 75 6d 31`,
    'with a go-away that goes on': hex`10 00`,
    'with a service without a name': hex`0e`,
    'with credit for nothing': hex`0a 01`,
  }
  for (const [what, frame] of Object.entries(malformed)) {
    const handler = await served()
    await handler.feed(framed(frame))
    await handler.advance(5_000)
    t.like(handler.cause, { by: 'error', error: { code: 'ERR_BAD_MESSAGE' } }, what)
  }
})

test('frames against the rules close the session, too', async (t) => {
  const SUM = hex`23 01 01 05 73 2e 73 75 6d`
  const rules: Record<string, readonly Uint8Array[]> = {
    'a number given twice': [hex`20 01 01 01 78`, hex`20 02 01 01 79`],
    'a call in progress, once more': [SUM, SUM],
    'items without credit': [
      SUM,
      ...Array.from({ length: 9 }, () => Uint8Array.of(8, 1, ...new Uint8Array(8192).fill(0x20))),
    ],
    'items of a call that has none': [hex`22 01 01 07 73 2e 63 6f 75 6e 74 39 39 39 39 39`, hex`08 01 31`],
    'too many services': Array.from({ length: 1025 }, (_, i) => Uint8Array.of(14, i >> 8, i & 0x7f, i & 0x80 ? 1 : 2)),
  }
  for (const [what, sent] of Object.entries(rules)) {
    const unread = { ...handlers, sum: () => new Promise<number>(() => undefined) }
    const handler = await embed(rpc({ onPeer: (peer) => peer.serve(S, unread) }))
    for (const frame of sent) await handler.feed(framed(frame))
    await handler.advance(5_000)
    t.like(handler.cause, { by: 'error', error: { code: 'ERR_BAD_MESSAGE' } }, what)
  }
})

test('an argument that cannot be decoded is invalid_argument, and the session goes on', async (t) => {
  await using handler = await served()
  await framesOf(handler)
  for (const argument of [hex`7b`, hex`ff`, hex`7b 22 5f 5f 70 72 6f 74 6f 5f 5f 22 3a 31 7d`]) {
    await handler.feed(framed(Uint8Array.of(0x20, 1, 1, 5, 0x73, 0x2e, 0x61, 0x64, 0x64, ...argument)))
    const [answer] = await framesOf(handler)
    t.true(answer?.startsWith('26 01 03'), answer)
  }
  t.is(handler.cause, undefined)
})

test('F-01: answers that nobody waits for are counted, and settle nothing', async (t) => {
  await using caller = await embed(rpc())
  const call = livePeerOf(caller.session).client(S).add([1, 2])
  await caller.feed(framed(hex`05 02 37`, hex`05 41 37`, hex`06 09 01 00`, hex`0c 00`, hex`0b 05 31`))
  t.is(livePeerOf(caller.session).stats.lateAnswers, 4)
  await caller.feed(framed(hex`05 01 33`, hex`05 01 34`))
  t.is(await call, 3)
  t.is(livePeerOf(caller.session).stats.lateAnswers, 5)
})

test('a stream as the answer to a plain call fails that call', async (t) => {
  await using caller = await embed(rpc())
  const call = livePeerOf(caller.session).client(S).add([1, 2])
  await caller.feed(framed(hex`0c 01`))
  t.is(((await t.throwsAsync(call)) as unknown as RpcError).status, 'internal')
})

test('an answer that cannot be decoded, or against its schema, fails that call', async (t) => {
  await using caller = await embed(rpc())
  const call = livePeerOf(caller.session).client(S).add([1, 2])
  await caller.feed(framed(hex`05 01 7b`))
  t.is(((await t.throwsAsync(call)) as unknown as RpcError).status, 'internal')
})

const text = fc.string({ maxLength: 40, unit: 'grapheme' })
const metadata = fc.option(
  fc.dictionary(text, text, { maxKeys: 8 }).map((record) => new Map(Object.entries(record))),
  { nil: undefined },
)
const id = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const bytes = fc.uint8Array({ maxLength: 50 })
const frames: fc.Arbitrary<Frame> = fc
  .record({
    type: fc.integer({ min: 0, max: FrameType.GO_AWAY_SEEN }) as fc.Arbitrary<FrameType>,
    id,
    name: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
    number: fc.integer({ min: -1, max: MAX_NUMBERED_METHODS - 1 }),
    named: fc.boolean(),
    amount: fc.nat(),
    metadata,
    body: bytes,
    status: fc.constantFrom(...RPC_STATUSES),
    data: fc.option(fc.jsonValue({ maxDepth: 3 }), { nil: undefined }),
    notRun: fc.boolean(),
  })
  .map(({ type, status, data, notRun, ...rest }) => {
    const isCall = type < FrameType.RESULT
    const isNotice = type >= FrameType.REGISTER
    const hasName = isCall || type === FrameType.REGISTER || type === FrameType.UNREGISTER
    const hasBody =
      type < FrameType.CLIENT_STREAM ||
      type === FrameType.RESULT ||
      type === FrameType.INPUT ||
      type === FrameType.OUTPUT
    const hasMetadata = isCall || type === FrameType.RESULT || type === FrameType.ERROR || type === FrameType.OUTPUT_END
    const hasAmount = isCall || type === FrameType.INPUT_CREDIT || type === FrameType.OUTPUT_CREDIT
    const errorBody = { status, message: rest.name, data, notRun, jsonRpcCode: undefined }
    const body = type === FrameType.ERROR ? errorBody : hasBody ? rest.body : undefined
    const frame = new Frame(type, isNotice ? 0 : rest.id, hasName ? rest.name : '', body)
    if (isCall) frame.number = rest.number
    if (isCall) frame.named = rest.named || rest.number < 0
    if (hasAmount) frame.amount = rest.amount
    if (hasMetadata) frame.metadata = rest.metadata
    return frame
  })

test('every frame comes out as it went in', (t) => {
  const wire = wireOf(binary({ body: rawBody }))
  fc.assert(
    fc.property(frames, (frame) => {
      fc.pre(!JSON.stringify(frame.body ?? '').includes('__proto__'))
      const decoded = wire.codec.decode(encode(frame, binary({ body: rawBody })), false)
      const { type, number } = frame
      t.is(decoded.type, type)
      t.is(decoded.id, frame.id)
      t.is(decoded.number, number)
      t.is(decoded.name, frame.named ? frame.name : '')
      t.is(decoded.amount, frame.amount)
      t.deepEqual(decoded.metadata, frame.metadata)
      if (type === FrameType.ERROR) t.deepEqual(JSON.stringify(decoded.body), JSON.stringify(frame.body))
      else
        t.deepEqual(
          Array.from((decoded.body as Uint8Array | undefined) ?? []),
          Array.from((frame.body as Uint8Array | undefined) ?? []),
        )
    }),
    { numRuns: 500 },
  )
})

/** What a frame says, or that it says nothing. */
function said(decode: () => Frame): unknown {
  try {
    return Object.entries(decode()).map(([key, value]: [string, unknown]) => [
      key,
      value instanceof Uint8Array ? [...value] : value,
    ])
  } catch (error) {
    return (error as Error).message
  }
}

const damaged: fc.Arbitrary<Uint8Array> = fc.tuple(frames, fc.nat(), fc.nat(255)).map(([frame, at, byte]) => {
  const sent = encode(frame, binary({ body: rawBody })).slice()
  sent[at % sent.length] = byte
  return sent
})

test('a frame says the same where it lies among others, and nothing is left of the one before', (t) => {
  const { codec } = wireOf(binary({ body: rawBody }))
  const lying = inPlace(codec)
  if (lying === undefined) throw new Error('there is no way to read in place')
  const inputs = fc.array(fc.tuple(damaged, fc.nat(20), fc.nat(20)), { minLength: 2, maxLength: 4 })
  fc.assert(
    fc.property(inputs, (list) => {
      for (const [frame, before, behind] of list) {
        const memory = new Uint8Array(before + frame.length + behind + 3).fill(0xff)
        const lent = memory.subarray(3)
        lent.set(frame, before)
        t.deepEqual(
          said(() => lying.decodeInPlace(memory.buffer, lent, before, before + frame.length)),
          said(() => codec.decode(frame, false)),
        )
      }
    }),
    { numRuns: 1_000 },
  )
})

test('whatever bytes come, they are a frame or ERR_BAD_MESSAGE', (t) => {
  const { codec } = wireOf(binary())
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), damaged), (input) => {
      try {
        t.true(codec.decode(input, false) instanceof Frame)
      } catch (error) {
        t.true(isHawserError(error, 'ERR_BAD_MESSAGE'), String(error))
      }
    }),
    { numRuns: 5_000 },
  )
})

test('F-01, F-07: whatever frames come, a peer answers them or closes with a code, and leaves nothing behind', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(frames, { maxLength: 20 }), async (received) => {
      const handler = await served()
      for (const frame of received) await handler.feed(framed(encode(frame, binary({ body: rawBody })).slice(0, 1000)))
      await handler.advance(10)
      const { cause, session } = handler
      if (cause?.by === 'error') t.is(cause.error.code, 'ERR_BAD_MESSAGE')
      session.destroy()
      await handler.advance(2 ** 31)
      t.is(livePeerOf(session).stats.outgoing, 0)
      t.is(livePeerOf(session).stats.incoming, 0)
      t.is(handler.env.timers, 0)
    }),
    { numRuns: 300 },
  )
})

test('F-06: an error of the peer brings its own fields and nothing else; data that name a prototype end the session', async (t) => {
  await using caller = await embed(rpc())
  const add = (): Promise<unknown> => livePeerOf(caller.session).client(S).add([1, 2])
  const refused = add()
  const data = new TextEncoder().encode('{"stack":"theirs","constructor":1}')
  await caller.feed(framed(Uint8Array.of(0x46, 1, 5, 2, 0x6e, 0x6f, ...data)))
  const error = await t.throwsAsync(refused, { instanceOf: RpcError })
  t.like(error, { status: 'not_found', message: 'no', data: { stack: 'theirs', constructor: 1 } })
  t.not(error.stack, 'theirs')
  t.is(error.constructor, RpcError)
  const lost = add()
  const hostile = new TextEncoder().encode('{"__proto__":{"admin":true}}')
  await caller.feed(framed(Uint8Array.of(0x46, 2, 5, 2, 0x6e, 0x6f, ...hostile)))
  await caller.advance(5_000)
  t.is((await t.throwsAsync(lost, { instanceOf: RpcError })).status, 'unavailable')
  t.is(({} as Record<string, unknown>)['admin'], undefined)
  t.like(caller.cause, { by: 'error', error: { code: 'ERR_BAD_MESSAGE' } })
})

test('a body is refused that is none', (t) => {
  t.throws(() => binary({ body: {} as never }), { code: 'ERR_BAD_OPTION' })
  t.throws(() => encode(new Frame(FrameType.RESULT, 1, 's.add', 'text'), binary({ body: rawBody })), {
    code: 'ERR_ENCODE',
  })
})
