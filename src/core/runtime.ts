import type { Env } from './env.ts'
import { describe } from './errors.ts'
import type { FrameWriter } from './frame-writer.ts'
import { guardedLogger } from './logger.ts'
import { LogLimit } from './log-limit.ts'
import type { TimerQueue } from './timer-queue.ts'

/** Something with bytes that wait for the end of the turn. */
export interface Flushable {
  flush(): void
}

/**
 * What all sessions of an Env share: the slab that frames are written to, the list of those with something to flush,
 * the deadlines, the ids, the limit of what is logged.
 */
export class Runtime {
  readonly env: Env
  /** The slab that frames are written to: made by the first session that needs it. */
  writer: FrameWriter | undefined
  /** Deadlines: made by the first clock that needs it. */
  timers: TimerQueue | undefined
  /** For lines about sessions, by code: an attacker must not fill the disk. */
  readonly logs: LogLimit
  /** Chunks that are being handled. To look at, not to set. */
  passes = 0
  #dirty: Flushable[] = []
  #spare: Flushable[] = []
  #scheduled = false
  #idPrefix: string | undefined
  #lastId = 0
  readonly #flushLater = (): void => {
    this.#scheduled = false
    this.#flush()
  }

  constructor(env: Env) {
    this.env = env
    this.logs = new LogLimit(env)
  }

  /** `flushable` is flushed once: when the read pass ends, or else at the end of this turn. */
  markDirty(flushable: Flushable): void {
    this.#dirty.push(flushable)
    if (this.passes > 0 || this.#scheduled) return
    this.#scheduled = true
    this.env.defer(this.#flushLater)
  }

  /** A chunk of so many bytes came in: whatever is sent until `endPass` leaves then, with one flush a session. Nests: sessions in sessions. */
  beginPass(chunkBytes: number): void {
    if (this.passes++ === 0) this.writer?.expect(chunkBytes)
  }

  endPass(): void {
    this.passes--
    if (this.passes === 0 && this.#dirty.length > 0) this.#flush()
  }

  /** Unique among processes: a random prefix and a counter. */
  nextId(): string {
    this.#idPrefix ??= Array.from(this.env.randomBytes(6), (byte) => byte.toString(16).padStart(2, '0')).join('')
    return `${this.#idPrefix}-${++this.#lastId}`
  }

  /** A connection of somebody's own making threw: what others sent leaves all the same. */
  #log(error: unknown): void {
    this.logs.log('flush', (suppressed) => {
      guardedLogger(this.env.logger).error(`a connection threw: ${describe(error)}`, { error, suppressed })
    })
  }

  #flush(): void {
    const dirty = this.#dirty
    this.#dirty = this.#spare
    for (const flushable of dirty) {
      try {
        flushable.flush()
      } catch (error) {
        this.#log(error)
      }
    }
    while (dirty.length > 0) dirty.pop() // to set its length is a call into the runtime, and most often there is one
    this.#spare = dirty
  }
}

const runtimes = /* @__PURE__ */ new WeakMap<Env, Runtime>()

/** The one Runtime of an Env, made when first asked for. */
export function runtimeOf(env: Env): Runtime {
  let runtime = runtimes.get(env)
  if (runtime === undefined) {
    runtime = new Runtime(env)
    runtimes.set(env, runtime)
  }
  return runtime
}
