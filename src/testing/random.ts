/** The same seed gives the same numbers: xoshiro128**, its state filled by splitmix32 (prng.di.unimi.it). */
export class Random {
  readonly #state: Uint32Array = new Uint32Array(4)

  constructor(seed: number) {
    let mixed = (Math.trunc(seed) ^ Math.trunc(seed / 0x1_0000_0000)) >>> 0
    for (let i = 0; i < 4; i++) {
      mixed = (mixed + 0x9e3779b9) >>> 0
      let word = mixed
      word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
      word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
      this.#state[i] = word ^ (word >>> 16)
    }
  }

  /** 32 bits. */
  word(): number {
    const [s0, s1, s2, s3] = this.#state as unknown as [number, number, number, number]
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0
    const third = s2 ^ s0
    const fourth = s3 ^ s1
    this.#state[1] = s1 ^ third
    this.#state[0] = s0 ^ fourth
    this.#state[2] = third ^ (s1 << 9)
    this.#state[3] = rotate(fourth, 11)
    return result
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

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}
