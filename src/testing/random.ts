/** The same seed gives the same numbers: xoshiro128**, its state filled by splitmix32 (prng.di.unimi.it). */
export class Random {
  #s0: number
  #s1: number
  #s2: number
  #s3: number

  constructor(seed: number) {
    const mixed = Math.trunc(seed) ^ Math.trunc(seed / 0x1_0000_0000)
    this.#s0 = spread(mixed + 0x9e3779b9)
    this.#s1 = spread(mixed + 2 * 0x9e3779b9)
    this.#s2 = spread(mixed + 3 * 0x9e3779b9)
    this.#s3 = spread(mixed + 4 * 0x9e3779b9)
  }

  /** 32 bits. */
  word(): number {
    const s1 = this.#s1
    const third = this.#s2 ^ this.#s0
    const fourth = this.#s3 ^ s1
    this.#s1 = s1 ^ third
    this.#s0 ^= fourth
    this.#s2 = third ^ (s1 << 9)
    this.#s3 = rotate(fourth, 11)
    return Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0
  }

  /** 0 ≤ x < 1, with 53 bits. */
  next(): number {
    return ((this.word() >>> 5) * 0x400_0000 + (this.word() >>> 6)) / 0x20_0000_0000_0000
  }

  /** A whole number, 0 ≤ x < `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let at = 0; at < count; at++) bytes[at] = this.word() >>> 24
    return bytes
  }

  /** Cuts `bytes` into chunks of 1 to `maxBytes` bytes, each in memory of its own, as a socket gives them. */
  cut(bytes: Uint8Array, maxBytes: number): Uint8Array[] {
    const chunks: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + 1 + this.below(maxBytes))
      chunks.push(bytes.slice(at, end))
      at = end
    }
    return chunks
  }
}

/** The last steps of splitmix32. */
function spread(mixed: number): number {
  let word = mixed | 0
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
  return word ^ (word >>> 16)
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}
