import type { Env } from './env.ts'
import { FrameWriter } from './frame-writer.ts'
import { TimerQueue } from './timer-queue.ts'

const LOG_INTERVAL_MS = 1_000

/** Something with bytes that wait for the end of the turn. */
export interface Flushable {
  flush(): void
}

/**
 * What all sessions of an Env share: the slab that frames are written to, the list of those with something to flush,
 * the deadlines, the ids.
 */
export class Runtime {
  readonly env: Env
  readonly writer: FrameWriter = new FrameWriter()
  readonly timers: TimerQueue
  #dirty: Flushable[] = []
  #spare: Flushable[] = []
  #inPass = false
  #scheduled = false
  #idPrefix: string | undefined
  #lastId = 0
  readonly #loggedAt = new Map<string, number>()
  readonly #flushLater = (): void => {
    this.#scheduled = false
    this.#flush()
  }

  constructor(env: Env) {
    this.env = env
    this.timers = new TimerQueue(env)
  }

  /** `flushable` is flushed once: when the read pass ends, or else at the end of this turn. */
  markDirty(flushable: Flushable): void {
    this.#dirty.push(flushable)
    if (this.#inPass || this.#scheduled) return
    this.#scheduled = true
    this.env.defer(this.#flushLater)
  }

  /** A chunk came in: whatever is sent until `endPass` leaves then, with one flush a session. */
  beginPass(): void {
    this.#inPass = true
  }

  endPass(): void {
    this.#inPass = false
    if (this.#dirty.length > 0) this.#flush()
  }

  /** Unique among processes: a random prefix and a counter. */
  nextId(): string {
    this.#idPrefix ??= Array.from(this.env.randomBytes(6), (byte) => byte.toString(16).padStart(2, '0')).join('')
    return `${this.#idPrefix}-${++this.#lastId}`
  }

  /** Whether a line about `topic` may be logged: one a second, or an attacker fills the disk. */
  mayLog(topic: string): boolean {
    const now = this.env.now()
    const last = this.#loggedAt.get(topic)
    if (last !== undefined && now - last < LOG_INTERVAL_MS) return false
    this.#loggedAt.set(topic, now) // topics are codes and hooks of ours: few
    return true
  }

  #flush(): void {
    const dirty = this.#dirty
    this.#dirty = this.#spare
    for (const flushable of dirty) flushable.flush()
    dirty.length = 0
    this.#spare = dirty
  }
}

const runtimes = /* @__PURE__ */ new WeakMap<Env, Runtime>()

export function runtimeOf(env: Env): Runtime {
  let runtime = runtimes.get(env)
  if (runtime === undefined) {
    runtime = new Runtime(env)
    runtimes.set(env, runtime)
  }
  return runtime
}
