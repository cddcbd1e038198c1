import { allocate } from '../../core/bytes.ts'
import type { Env } from '../../core/env.ts'
import { WordBytes } from './frame.ts'

/** As large as the core's: frames of all connections of an Env are appended to it. */
export const SLAB_BYTES: number = 64 * 1024
const KEYS_BYTES = 8 * 1024

/**
 * What the WebSockets of an Env share: the slab that frames are written to, append-only and never rewound, since a
 * receiver in the same process may keep views of it, and the random masks.
 */
export class FrameMemory {
  readonly #env: Env
  #keys: Uint8Array | undefined
  #keyAt = 0
  #words: WordBytes | undefined
  slab: WordBytes = new WordBytes(allocate(SLAB_BYTES))
  /** Where the next frame goes. */
  at = 0

  constructor(env: Env) {
    this.#env = env
  }

  /** `bytes` by words: of one slab it is asked many times in a row. */
  wordsOf(bytes: Uint8Array): WordBytes {
    if (this.#words?.bytes !== bytes) this.#words = new WordBytes(bytes)
    return this.#words
  }

  /** Room for so many bytes behind each other, at most SLAB_BYTES. */
  reserve(count: number): void {
    if (SLAB_BYTES - this.at >= count) return
    this.slab = new WordBytes(allocate(SLAB_BYTES))
    this.at = 0
  }

  /** A mask that nobody can foresee (RFC 6455 section 10.3); asked of the system by the thousand. */
  nextKey(): number {
    if (this.#keys === undefined || this.#keyAt === KEYS_BYTES) {
      this.#keys = this.#env.randomBytes(KEYS_BYTES)
      this.#keyAt = 0
    }
    const keys = this.#keys
    const at = this.#keyAt
    this.#keyAt += 4
    const low = (keys[at] as number) | ((keys[at + 1] as number) << 8)
    return low | ((keys[at + 2] as number) << 16) | ((keys[at + 3] as number) << 24)
  }
}

const memories = /* @__PURE__ */ new WeakMap<Env, FrameMemory>()

/** The one FrameMemory of an Env, made when first asked for. */
export function frameMemoryOf(env: Env): FrameMemory {
  let memory = memories.get(env)
  if (memory === undefined) {
    memory = new FrameMemory(env)
    memories.set(env, memory)
  }
  return memory
}
