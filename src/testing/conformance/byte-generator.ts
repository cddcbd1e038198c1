/** Bytes and numbers that look like chance and are the same on each run. */
export class ByteGenerator {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    // mulberry32
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * below)
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
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
