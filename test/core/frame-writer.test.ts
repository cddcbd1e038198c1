import test from 'ava'
import fc from 'fast-check'
import { FrameReader } from '../../src/core/frame-reader.ts'
import { FrameWriter, REFER_BYTES, SLAB_BYTES } from '../../src/core/frame-writer.ts'
import { throws } from '../../src/testing/conformance/check.ts'
import { hex } from '../../src/testing/index.ts'
import { change, CHANGES, ORDER, pattern, U32, WRITES } from '../support/write-steps.ts'

function bytesOf(out: FrameWriter): Buffer {
  return Buffer.concat([...(out.parts ?? []), out.slab.subarray(out.from, out.to)])
}

test('any sequence of writes and changes makes the bytes that plain arrays make, and no frame changes later', (t) => {
  const frames = fc.array(
    fc.record({
      steps: fc.array(fc.oneof({ weight: 3, arbitrary: WRITES }, { weight: 1, arbitrary: CHANGES }), { maxLength: 25 }),
      abandoned: fc.boolean(),
    }),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(frames, fc.nat(SLAB_BYTES), (wanted, filled) => {
      const out = new FrameWriter()
      out.begin(Infinity, false)
      out.reserve(filled)
      out.commit()
      const kept: { readonly parts: readonly Uint8Array[]; readonly bytes: Buffer }[] = []
      for (const { steps, abandoned } of wanted) {
        const model: number[] = []
        out.begin(Infinity, false)
        for (const step of steps) {
          if ('run' in step) {
            step.run(out)
            step.model(model)
          } else {
            change(out, model, step)
          }
          t.is(out.position, model.length)
        }
        t.true(Buffer.from(model).equals(bytesOf(out)))
        if (abandoned) {
          out.abandon()
        } else {
          kept.push({ parts: [...(out.parts ?? []), out.slab.subarray(out.from, out.to)], bytes: bytesOf(out) })
          out.commit()
        }
      }
      for (const { parts, bytes } of kept) t.true(bytes.equals(Buffer.concat(parts)))
    }),
    { numRuns: 300 },
  )
})

test('frames stand behind each other in one slab, which is not rewritten while anybody may have a view of it', (t) => {
  const out = new FrameWriter()
  const slab = out.slab
  const views: Uint8Array[] = []
  for (let at = 0; at < 3000; at++) {
    out.begin(Infinity, false)
    out.u32(at)
    out.reserve(60)
    views.push(out.slab.subarray(out.from, out.to))
    out.commit()
  }
  t.is(views[0]?.buffer, slab.buffer)
  t.is(views[1]?.byteOffset, (views[0]?.byteOffset ?? 0) + 64)
  views.forEach((view, at) => t.is(new FrameReader(view).u32(), at))
  t.is(new Set(views.map((view) => view.buffer)).size, Math.ceil((3000 * 64) / SLAB_BYTES))
})

test('a slab is written anew once all of it was released, and no earlier', (t) => {
  const out = new FrameWriter()
  const { slab } = out
  const write = (bytes: number): void => {
    out.begin(Infinity, false)
    out.reserve(bytes)
    out.commit()
  }
  write(100)
  write(50)
  out.release(slab, 100)
  t.is(out.from, 150, 'a frame is left')
  write(10)
  out.release(slab, 50)
  out.begin(Infinity, false)
  out.release(slab, 10)
  t.is(out.from, 160, 'one is being written')
  out.abandon()
  write(5)
  out.release(slab, 5)
  t.is(out.from, 0)
  t.is(out.slab, slab)

  for (let i = 0; i <= SLAB_BYTES / 1024; i++) write(1023) // and the last of them in the next slab
  const next = out.slab
  t.not(next, slab)
  const { from } = out
  out.release(slab, SLAB_BYTES)
  t.is(out.from, from, 'of the slab before')
  out.release(next, from)
  t.is(out.from, 0)
})

test('a small end of a slab is given up where more is expected, a large one is not, nor is one in use', (t) => {
  const out = new FrameWriter()
  const slab = out.slab
  write(SLAB_BYTES - 16 * 1024)
  out.expect(SLAB_BYTES)
  t.is(out.slab, slab)
  write(1024)
  out.expect(15 * 1024)
  t.is(out.slab, slab)
  out.begin(Infinity, false)
  out.expect(15 * 1024 + 1)
  t.is(out.slab, slab)
  out.abandon()
  out.expect(15 * 1024 + 1)
  t.not(out.slab, slab)
  t.is(out.from, 0)

  function write(bytes: number): void {
    out.begin(Infinity, false)
    out.reserve(bytes)
    out.commit()
  }
})

test('an abandoned frame leaves nothing behind, a large one gives the slab back', (t) => {
  const out = new FrameWriter()
  const { slab, from } = out
  for (const length of [10, 40_000, 200_000]) {
    out.begin(Infinity, false)
    for (let left = length; left > 0; left -= 1000) out.bytes(pattern(Math.min(left, 1000)))
    out.abandon()
    t.is(out.slab, slab)
    t.is(out.from, from)
    t.is(out.position, 0)
    t.is(out.parts, undefined)
  }
})

test('payloads go by reference from 32 KiB on, or when asked', (t) => {
  const out = new FrameWriter()
  const large = pattern(REFER_BYTES)
  const small = pattern(10)
  out.begin(Infinity, false)
  out.bytes(pattern(REFER_BYTES - 1))
  t.is(out.parts, undefined)
  out.bytes(large)
  out.refer(small)
  t.true(out.parts?.includes(large))
  t.true(out.parts?.includes(small))
})

test('A-14: a frame that outgrows its limit is refused before memory is taken for it', (t) => {
  const out = new FrameWriter()
  const tooLarge: ((out: FrameWriter) => unknown)[] = [
    () => out.bytes(new Uint8Array(200_000)),
    () => out.refer(new Uint8Array(200_000)),
    () => out.utf8('x'.repeat(200_000)),
    () => out.utf8('漢'.repeat(60_000)),
    () => out.reserve(200_000),
    () => {
      for (;;) out.u8(1)
    },
  ]
  for (const write of tooLarge) {
    out.begin(100_000, false)
    throws(() => write(out), 'ERR_MESSAGE_TOO_LARGE')
    out.abandon()
  }
  out.begin(100_000, false)
  t.is(out.utf8('x'.repeat(100_000)), 100_000)
  out.abandon()
})

test('numbers out of range and positions outside of the frame throw', (t) => {
  const out = new FrameWriter()
  out.begin(Infinity, true)
  t.true(out.text)
  t.throws(() => out.begin(Infinity, false), { instanceOf: TypeError })
  const wrong: (() => void)[] = [
    ...[-1, 256, 1.5, Number.NaN].map((value) => () => out.u8(value)),
    ...[-1, 65_536, 0.5].map((value) => () => out.u16(value)),
    ...[-1, 2 ** 32, 0.5].map((value) => () => out.u32(value)),
    ...[2 ** 31, -(2 ** 31) - 1, 0.5].map((value) => () => out.i32(value)),
    ...[-129, 128, 0.5, Number.NaN].map((value) => () => out.i8(value)),
    ...[-32_769, 32_768, 0.5].map((value) => () => out.i16(value)),
    ...[-(2 ** 53), 2 ** 53, 0.5, Number.NaN].map((value) => () => out.i64(value)),
    ...[-1, 2 ** 53, 0.5, Number.NaN].flatMap((value) => [() => out.u64(value), () => out.varint(value)]),
    () => out.setU8(0, 1),
    () => out.setU32(-1, 1),
    () => out.remove(0, 1),
  ]
  for (const write of wrong) t.throws(write, { instanceOf: RangeError })
  t.is(out.position, 0)
})

test('what was written is read back; a frame that ends too early is ERR_BAD_MESSAGE', (t) => {
  const values = fc.record({
    a: fc.nat(255),
    b: fc.nat(65_535),
    c: U32,
    d: fc.integer(),
    e: fc.maxSafeNat(),
    f: fc.double(),
    g: fc.maxSafeNat(),
    h: fc.integer({ min: -128, max: 127 }),
    i: fc.integer({ min: -32_768, max: 32_767 }),
    j: fc.maxSafeInteger(),
    k: fc.float(),
    text: fc.string({ unit: 'grapheme' }),
    order: ORDER,
  })
  fc.assert(
    fc.property(values, ({ a, b, c, d, e, f, g, h, i, j, k, text, order }) => {
      const out = new FrameWriter()
      out.begin(Infinity, false)
      out.u8(a)
      out.u16(b, order)
      out.u32(c, order)
      out.i32(d, order)
      out.u64(e, order)
      out.f64(f, order)
      out.varint(g)
      out.i8(h)
      out.i16(i, order)
      out.i64(j, order)
      out.f32(k, order)
      out.varint(new TextEncoder().encode(text).length)
      out.utf8(text)
      out.bytes(hex`01 02`)
      const frame = bytesOf(out)
      const readAll = (bytes: Uint8Array): unknown[] => {
        const reader = new FrameReader(bytes)
        const numbers = [
          reader.u8(),
          reader.u16(order),
          reader.u32(order),
          reader.i32(order),
          reader.u64(order),
          reader.f64(order),
          reader.varint(),
          reader.i8(),
          reader.i16(order),
          reader.i64(order),
          reader.f32(order),
        ]
        const string = reader.utf8(reader.varint())
        const rest = [...reader.bytes(1), ...reader.rest(), reader.remaining]
        return [...numbers, string, ...rest]
      }
      t.deepEqual(readAll(frame), [a, b, c, d, e, f, g, h, i, j, k, text, 1, 2, 0])
      for (let length = 0; length < frame.length - 1; length++) {
        throws(() => readAll(frame.subarray(0, length)), 'ERR_BAD_MESSAGE')
      }
    }),
    { numRuns: 50 },
  )
})

test('FrameReader refuses what is beyond 2^53 - 1, endless varints, texts that are not UTF-8 and negative lengths', (t) => {
  const refused = (frame: Uint8Array, read: (reader: FrameReader) => unknown): void => {
    t.notThrows(() => throws(() => read(new FrameReader(frame)), 'ERR_BAD_MESSAGE'))
  }
  refused(hex`0020000000000000`, (reader) => reader.u64())
  refused(hex`ffffffffffffffff`, (reader) => reader.u64('le'))
  refused(hex`0020000000000000`, (reader) => reader.i64())
  refused(hex`ffe0000000000000`, (reader) => reader.i64()) // -(2^53)
  t.is(new FrameReader(hex`ffe0000000000001`).i64(), Number.MIN_SAFE_INTEGER)
  refused(hex`80808080808080808001`, (reader) => reader.varint())
  refused(hex`ffffffffffffff7f`, (reader) => reader.varint())
  refused(hex`ff`, (reader) => reader.utf8(1))
  refused(hex`01 02`, (reader) => reader.bytes(-1))
  refused(hex`01 02`, (reader) => reader.bytes(Number.NaN))
  t.is(new FrameReader(hex`001fffffffffffff`).u64(), Number.MAX_SAFE_INTEGER)
})
