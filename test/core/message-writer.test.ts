import test from 'ava'
import fc from 'fast-check'
import { MessageWriter } from '../../src/core/message-writer.ts'
import { throws } from '../../src/testing/conformance/check.ts'
import { change, CHANGES, pattern, WRITES } from '../support/write-steps.ts'

test('any sequence of writes and changes makes the bytes that plain arrays make, and no message changes later', (t) => {
  const messages = fc.array(
    fc.record({
      steps: fc.array(fc.oneof({ weight: 3, arbitrary: WRITES }, { weight: 1, arbitrary: CHANGES }), { maxLength: 25 }),
      abandoned: fc.boolean(),
    }),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(messages, (wanted) => {
      const out = new MessageWriter()
      const kept: { readonly message: Uint8Array; readonly model: readonly number[] }[] = []
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
        if (abandoned) out.abandon()
        else kept.push({ message: out.take(), model })
      }
      for (const { message, model } of kept) t.true(Buffer.from(model).equals(message))
    }),
    { numRuns: 300 },
  )
})

test('each message has memory of its own, twice as much as it needs at most', (t) => {
  const out = new MessageWriter()
  const messages = [1, 40, 100_000].map((length) => {
    out.begin(Infinity, false)
    out.bytes(pattern(length))
    return out.take()
  })
  t.is(new Set(messages.map(({ buffer }) => buffer)).size, 3)
  for (const { buffer, length } of messages) t.true(buffer.byteLength <= Math.max(64, 2 * length))
})

test('A-14: a message that outgrows its limit is refused before memory is taken for it', (t) => {
  const tooLarge: ((out: MessageWriter) => unknown)[] = [
    (out) => out.bytes(new Uint8Array(200_000)),
    (out) => out.refer(new Uint8Array(200_000)),
    (out) => out.utf8('x'.repeat(200_000)),
    (out) => out.utf8('漢'.repeat(60_000)),
    (out) => out.reserve(200_000),
    (out) => {
      for (;;) out.u8(1)
    },
  ]
  for (const write of tooLarge) {
    const out = new MessageWriter()
    out.begin(100_000, false)
    throws(() => write(out), 'ERR_MESSAGE_TOO_LARGE')
    out.abandon()
    out.begin(100_000, false)
    t.is(out.utf8('x'.repeat(100_000)), 100_000)
    t.true(out.take().buffer.byteLength <= 400_000)
  }
})

test('numbers out of range and positions outside of the message throw', (t) => {
  const out = new MessageWriter()
  out.begin(Infinity, true)
  t.true(out.text)
  t.throws(() => out.begin(Infinity, false), { instanceOf: TypeError })
  const wrong: (() => void)[] = [
    ...[-1, 256, 1.5, Number.NaN].flatMap((value) => [() => out.u8(value), () => out.setU8(0, value)]),
    ...[-1, 65_536, 0.5].flatMap((value) => [() => out.u16(value), () => out.setU16(0, value)]),
    ...[-1, 2 ** 32, 0.5].flatMap((value) => [() => out.u32(value), () => out.setU32(0, value)]),
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
