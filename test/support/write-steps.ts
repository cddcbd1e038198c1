import fc from 'fast-check'
import type { WriteBuffer } from '../../src/core/write-buffer.ts'

/** Byte orders. */
export const ORDER = fc.constantFrom('be' as const, 'le' as const)
/** What a field of four bytes holds. */
export const U32 = fc.integer({ min: 0, max: 0xffff_ffff })
const LENGTH = fc.oneof(
  { weight: 8, arbitrary: fc.nat(60) },
  { weight: 2, arbitrary: fc.nat(6000) },
  { weight: 1, arbitrary: fc.integer({ min: 30_000, max: 70_000 }) },
)

/** One call of the writer, and the same on a plain array. */
export interface Step {
  readonly name: string
  run(out: WriteBuffer): void
  model(bytes: number[]): void
}

/** All that a codec can write. */
export const WRITES: fc.Arbitrary<Step> = fc.oneof(
  fc.nat(255).map((value) => ({
    name: 'u8',
    run: (out: WriteBuffer) => out.u8(value),
    model: (bytes: number[]) => void bytes.push(value),
  })),
  fc.tuple(fc.nat(0xffff), ORDER).map(([value, order]) => ({
    name: 'u16',
    run: (out: WriteBuffer) => out.u16(value, order),
    model: (bytes: number[]) => void bytes.push(...inOrder([value >>> 8, value & 0xff], order)),
  })),
  fc.tuple(U32, ORDER).map(([value, order]) => ({
    name: 'u32',
    run: (out: WriteBuffer) => out.u32(value, order),
    model: (bytes: number[]) => void bytes.push(...inOrder(u32(value), order)),
  })),
  fc.tuple(fc.integer(), ORDER).map(([value, order]) => ({
    name: 'i32',
    run: (out: WriteBuffer) => out.i32(value, order),
    model: (bytes: number[]) => void bytes.push(...inOrder(u32(value >>> 0), order)),
  })),
  fc.tuple(fc.maxSafeNat(), ORDER).map(([value, order]) => ({
    name: 'u64',
    run: (out: WriteBuffer) => out.u64(value, order),
    model: (bytes: number[]) =>
      void bytes.push(...inOrder([...u32(Math.floor(value / 2 ** 32)), ...u32(value % 2 ** 32)], order)),
  })),
  fc.tuple(fc.double(), ORDER).map(([value, order]) => ({
    name: 'f64',
    run: (out: WriteBuffer) => out.f64(value, order),
    model(bytes: number[]): void {
      const view = new DataView(new ArrayBuffer(8))
      view.setFloat64(0, value)
      bytes.push(...inOrder([...new Uint8Array(view.buffer)], order))
    },
  })),
  fc.integer({ min: -128, max: 127 }).map((value) => ({
    name: 'i8',
    run: (out: WriteBuffer) => out.i8(value),
    model: (bytes: number[]) => void bytes.push(value & 0xff),
  })),
  fc.tuple(fc.integer({ min: -32_768, max: 32_767 }), ORDER).map(([value, order]) => ({
    name: 'i16',
    run: (out: WriteBuffer) => out.i16(value, order),
    model: (bytes: number[]) => void bytes.push(...inOrder([(value >>> 8) & 0xff, value & 0xff], order)),
  })),
  fc.tuple(fc.maxSafeInteger(), ORDER).map(([value, order]) => ({
    name: 'i64',
    run: (out: WriteBuffer) => out.i64(value, order),
    model(bytes: number[]): void {
      const view = new DataView(new ArrayBuffer(8))
      view.setBigInt64(0, BigInt(value))
      bytes.push(...inOrder([...new Uint8Array(view.buffer)], order))
    },
  })),
  fc.tuple(fc.float(), ORDER).map(([value, order]) => ({
    name: 'f32',
    run: (out: WriteBuffer) => out.f32(value, order),
    model(bytes: number[]): void {
      const view = new DataView(new ArrayBuffer(4))
      view.setFloat32(0, value)
      bytes.push(...inOrder([...new Uint8Array(view.buffer)], order))
    },
  })),
  fc.maxSafeNat().map((value) => ({
    name: 'varint',
    run: (out: WriteBuffer) => out.varint(value),
    model(bytes: number[]): void {
      let left = BigInt(value)
      for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128)
      bytes.push(Number(left))
    },
  })),
  fc.tuple(LENGTH, fc.boolean()).map(([length, refer]) => ({
    name: refer ? 'refer' : 'bytes',
    run: (out: WriteBuffer) => (refer ? out.refer(pattern(length)) : out.bytes(pattern(length))),
    model: (bytes: number[]) => pattern(length).forEach((byte) => bytes.push(byte)),
  })),
  fc.tuple(fc.string({ unit: 'binary' }), fc.constantFrom(1, 1, 1, 40, 3000)).map(([text, times]) => ({
    name: 'utf8',
    run: (out: WriteBuffer) => void out.utf8(text.repeat(times)),
    model: (bytes: number[]) => new TextEncoder().encode(text.repeat(times)).forEach((byte) => bytes.push(byte)),
  })),
  LENGTH.map((length) => ({
    name: 'reserve',
    run: (out: WriteBuffer) => void out.reserve(length),
    model: (bytes: number[]) => pattern(length).forEach(() => bytes.push(0)),
  })),
)
/** A change of what is there, at a share of its length. */
export interface Change {
  readonly name: string
  readonly share: number
  readonly value: number
  readonly order: 'be' | 'le'
}

/** All that a framing can do to what was written. */
export const CHANGES: fc.Arbitrary<Change> = fc.record({
  name: fc.constantFrom('setU8', 'setU16', 'setU32', 'remove', 'indexOf'),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  value: U32,
  order: ORDER,
})

function inOrder(bytes: number[], order: 'be' | 'le'): number[] {
  return order === 'be' ? bytes : bytes.toReversed()
}
function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}
/** Bytes that tell where they stand. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7) & 0xff)
}

/** Makes one change on both; the writer may refuse to change what is not in one piece. */
export function change(out: WriteBuffer, model: number[], { name, share, value, order }: Change): void {
  const at = Math.floor(share * model.length)
  try {
    if (name === 'setU8') {
      out.setU8(at, value & 0xff)
      model[at] = value & 0xff
    } else if (name === 'setU16') {
      out.setU16(at, value & 0xffff, order)
      model.splice(at, 2, ...inOrder(u32(value & 0xffff).slice(2), order))
    } else if (name === 'setU32') {
      out.setU32(at, value, order)
      model.splice(at, 4, ...inOrder(u32(value), order))
    } else if (name === 'remove') {
      out.remove(at, value % 20)
      model.splice(at, value % 20)
    } else {
      const wanted = Uint8Array.from(model.slice(at, at + 1 + (value % 5)))
      const whole = Buffer.from(model)
      const from = Math.floor(at / 2)
      if (out.indexOf(value & 0xff, from) !== whole.indexOf(value & 0xff, from)) throw new Error('indexOf of a byte')
      if (wanted.length > 0 && out.indexOf(wanted, from) !== whole.indexOf(wanted, from)) throw new Error('indexOf')
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
}
