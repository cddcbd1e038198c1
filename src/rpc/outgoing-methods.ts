import type { MethodTarget } from './calls.ts'
import { MAX_NUMBERED_METHODS } from './limits.ts'
import type { MethodNumber, OutgoingMethod } from './outgoing-method.ts'
import { FORWARDED } from './served-methods.ts'
import type { Wire } from './wire.ts'

/** The methods that were called through one session. */
export class OutgoingMethods {
  readonly #wire: Wire
  /** Weak: an application may make any number of service objects. */
  readonly #byTarget = new WeakMap<MethodTarget, OutgoingMethod>()
  readonly #numbers = new Map<string, MethodNumber>()

  constructor(wire: Wire) {
    this.#wire = wire
  }

  of(target: MethodTarget): OutgoingMethod {
    let method = this.#byTarget.get(target)
    if (method === undefined) {
      const name = this.#wire.nameOf(target.service, target.method)
      method = { name, definition: target.definition, number: this.#numberOf(name), undecoded: false }
      this.#byTarget.set(target, method)
    }
    return method
  }

  /** Without a contract: a gateway's. */
  named(name: string): OutgoingMethod {
    return { name, definition: FORWARDED, number: this.#numberOf(name), undecoded: true }
  }

  #numberOf(name: string): MethodNumber {
    let number = this.#numbers.get(name)
    if (number !== undefined) return number
    const next = this.#numbers.size
    if (next >= MAX_NUMBERED_METHODS) return { number: -1, known: false }
    number = { number: next, known: false }
    this.#numbers.set(name, number)
    return number
  }
}
