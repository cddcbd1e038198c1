import { describe } from '../../src/core/errors.ts'
import { type VirtualEnv, virtualEnv } from '../../src/testing/virtual-env.ts'
import { Random } from '../../src/testing/random.ts'
import { Trace } from './trace.ts'

/** A time in which something of a host, or of the whole network, kept bytes from getting through. */
interface Trouble {
  readonly host: string | undefined
  readonly from: number
  to: number
}

/** A promise that the code under test gave, and whose it is. */
interface Pending {
  readonly what: string
  readonly host: string
  isDead: () => boolean
}

const MAX_VIOLATIONS = 20

/** What all actors of one run share: the virtual world, the record, and what was found wrong. */
export class World {
  readonly env: VirtualEnv
  readonly random: Random
  readonly trace: Trace
  readonly violations: string[] = []
  readonly #startedAt: number
  readonly #troubles: Trouble[] = []
  readonly #pending = new Set<Pending>()
  /** Inside of a call that an actor makes: no hook may begin. */
  #calls = 0

  constructor(seed: number, keepLines: boolean) {
    this.env = virtualEnv({ seed })
    this.random = new Random(seed ^ 0xac7)
    this.trace = new Trace(keepLines)
    this.#startedAt = this.env.now()
  }

  /** Virtual time since the beginning. */
  get at(): number {
    return this.env.now() - this.#startedAt
  }

  get inCall(): boolean {
    return this.#calls > 0
  }

  note(what: string): void {
    this.trace.add(this.at, what)
  }

  violate(what: string): void {
    this.note(`VIOLATED ${what}`)
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push(`${this.at.toFixed(1)} ms: ${what}`)
  }

  expect(holds: boolean, what: string): void {
    if (!holds) this.violate(what)
  }

  /** A call of the application, which must not call back. */
  call<T>(run: () => T): T {
    this.#calls++
    try {
      return run()
    } finally {
      this.#calls--
    }
  }

  /** It must have settled when the run is over, unless its process is dead by then. */
  track<T>(what: string, host: string, isDead: () => boolean, promise: Promise<T>): Promise<T> {
    const pending: Pending = { what, host, isDead }
    this.#pending.add(pending)
    const settled = () => void this.#pending.delete(pending)
    promise.then(settled, settled)
    return promise
  }

  /** Promises of living processes that never settled. */
  get unsettled(): readonly string[] {
    return [...this.#pending].filter(({ isDead }) => !isDead()).map(({ what, host }) => `${what} on ${host}`)
  }

  /** From now on, until what it gives is called. @param host whose; undefined: everybody's */
  trouble(host: string | undefined): () => void {
    const trouble: Trouble = { host, from: this.at, to: Infinity }
    this.#troubles.push(trouble)
    return () => {
      trouble.to = this.at
    }
  }

  /** Whether nothing was wrong in that time but with the host itself. */
  wasCalm(from: number, to: number, except: string): boolean {
    return this.#troubles.every((trouble) => trouble.host === except || trouble.to < from || trouble.from > to)
  }

  /** Whether this very host had nothing in that time. */
  wasAwake(host: string, from: number, to: number): boolean {
    return this.#troubles.every((trouble) => trouble.host !== host || trouble.to < from || trouble.from > to)
  }

  async advance(ms: number): Promise<void> {
    try {
      await this.env.advance(ms)
    } catch (error) {
      this.violate(`a callback threw: ${describe(error)}`)
    }
  }
}
