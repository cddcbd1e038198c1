/** Longer inputs are told of by their beginning. */
const ROOM_BYTES = 256 * 1024
const COUNT = 0
const SEED = 1
const LENGTH = 2
const HEADER_BYTES = 16

/** The input that is being tried, in memory that another thread sees: it can tell which one hangs. */
export class WatchedInput {
  readonly memory: SharedArrayBuffer
  readonly #header: Int32Array
  readonly #bytes: Uint8Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(HEADER_BYTES + ROOM_BYTES)) {
    this.memory = memory
    this.#header = new Int32Array(memory, 0, 3)
    this.#bytes = new Uint8Array(memory, HEADER_BYTES)
  }

  /** How many there were: while it stays the same, one input is being tried. */
  get count(): number {
    return Atomics.load(this.#header, COUNT)
  }

  get seed(): number {
    return Atomics.load(this.#header, SEED) >>> 0
  }

  get input(): Uint8Array {
    return Uint8Array.from(this.#bytes.subarray(0, Atomics.load(this.#header, LENGTH)))
  }

  /** Before it is tried. */
  set(seed: number, input: Uint8Array): void {
    const shown = input.subarray(0, ROOM_BYTES)
    this.#bytes.set(shown)
    Atomics.store(this.#header, LENGTH, shown.length)
    Atomics.store(this.#header, SEED, seed)
    Atomics.add(this.#header, COUNT, 1)
  }
}
