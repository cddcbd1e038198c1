import type { Random } from '../../src/testing/random.ts'

const MAX_BYTES = 2 * 1024
/** Now and then an input is long: for what only depth or repetition breaks. */
const LONG_BYTES = 128 * 1024
const LONG_SHARE = 0.002
const EDGES = [0, 1, 0x0a, 0x0d, 0x20, 0x30, 0x39, 0x7e, 0x7f, 0x80, 0x81, 0xc0, 0xfe, 0xff]
const NUMBERS = [0, 1, 125, 126, 127, 128, 255, 256, 32_767, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]

/** A new input, made of old ones by a few changes. */
export function mutate(random: Random, pool: readonly Uint8Array[], tokens: readonly Uint8Array[]): Uint8Array {
  let input = Uint8Array.from(pick(random, pool) ?? [])
  for (let changes = 1 + random.below(4); changes > 0; changes--) input = change(random, input, pool, tokens)
  if (random.next() < LONG_SHARE) return repeated(random, input, tokens)
  return input.subarray(0, MAX_BYTES)
}

function change(
  random: Random,
  input: Uint8Array<ArrayBuffer>,
  pool: readonly Uint8Array[],
  tokens: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const at = random.below(input.length + 1)
  const end = Math.min(input.length, at + 1 + random.below(random.below(4) === 0 ? input.length + 1 : 4))
  switch (random.below(9)) {
    case 0:
      if (at < input.length) input[at] = (input[at] as number) ^ (1 << random.below(8))
      return input
    case 1:
      if (at < input.length) input[at] = EDGES[random.below(EDGES.length)] as number
      return input
    case 2:
      return spliced(input, at, end, new Uint8Array())
    case 3:
      return spliced(input, at, at, input.subarray(at, end))
    case 4:
      return spliced(input, at, at, random.bytes(1 + random.below(8)))
    case 5:
      return spliced(
        input,
        at,
        random.below(2) === 0 ? at : end,
        pick(random, tokens) ?? Uint8Array.of(random.below(256)),
      )
    case 6:
      return overwritten(random, input, at)
    case 7:
      return spliced(input, at, input.length, tail(random, pick(random, pool) ?? input))
    default:
      return input.slice(0, at)
  }
}

/** A number at the edge of something, in 2, 4 or 8 bytes of either order. */
function overwritten(random: Random, input: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  const width = 2 << random.below(3)
  const value = NUMBERS[random.below(NUMBERS.length)] as number
  const number = new Uint8Array(8)
  new DataView(number.buffer).setBigUint64(0, BigInt(value) << (random.below(4) === 0 ? 32n : 0n))
  const bytes = number.subarray(8 - width)
  return spliced(input, at, Math.min(input.length, at + width), random.below(2) === 0 ? bytes : bytes.toReversed())
}

function repeated(random: Random, input: Uint8Array, tokens: readonly Uint8Array[]): Uint8Array {
  const part = random.below(2) === 0 ? pick(random, tokens) : undefined
  const unit = part ?? input.subarray(0, 1 + random.below(64))
  if (unit.length === 0) return input
  const count = Math.min(20_000, Math.floor(LONG_BYTES / unit.length))
  const long = new Uint8Array(count * unit.length + input.length)
  for (let at = 0; at < count; at++) long.set(unit, at * unit.length)
  long.set(input, count * unit.length)
  return long
}

function spliced(input: Uint8Array, from: number, to: number, middle: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(from + middle.length + input.length - to)
  whole.set(input.subarray(0, from))
  whole.set(middle, from)
  whole.set(input.subarray(to), from + middle.length)
  return whole
}

function tail(random: Random, bytes: Uint8Array): Uint8Array {
  return bytes.subarray(random.below(bytes.length + 1))
}

function pick<T>(random: Random, list: readonly T[]): T | undefined {
  return list[random.below(list.length)]
}
