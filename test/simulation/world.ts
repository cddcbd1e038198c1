import { describe } from '../../src/core/errors.ts'
import { type VirtualEnv, virtualEnv } from '../../src/testing/virtual-env.ts'
import { Random } from '../../src/testing/random.ts'
import { Trace } from './trace.ts'

/** A time in which something of a host, or of the whole network, kept bytes from getting through. */
interface Trouble {
  readonly host: string | undefined
  /** The host itself was not there; else bytes did not get to it. */
  readonly isSleep: boolean
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
  trouble(host: string | undefined, isSleep: boolean): () => void {
    const trouble: Trouble = { host, isSleep, from: this.at, to: Infinity }
    this.#troubles.push(trouble)
    return () => {
      trouble.to = this.at
    }
  }

  /** Whether nothing but its own sleep kept `host` from hearing `peer` since then. `peer` undefined: it may be anybody. */
  couldHear(host: string, peer: string | undefined, since: number): boolean {
    return this.#troubles.every((trouble) => {
      if (trouble.to < since) return true
      if (trouble.host === host) return trouble.isSleep
      return trouble.host !== undefined && peer !== undefined && trouble.host !== peer
    })
  }

  /** Whether this very host did not sleep since then. */
  wasAwake(host: string, since: number): boolean {
    return this.#troubles.every((trouble) => trouble.host !== host || !trouble.isSleep || trouble.to < since)
  }

  async advance(ms: number): Promise<void> {
    try {
      await this.env.advance(ms)
    } catch (error) {
      this.violate(`a callback threw: ${describe(error)}`)
    }
  }
}
