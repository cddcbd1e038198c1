import type { Frame } from './frame.ts'
import type { ServedMethod } from './served-method.ts'

/** What the peer's number of a method means. */
export interface ReceivedMethod {
  readonly name: string
  /** Who serves it, as of `version`; undefined: nobody. */
  served: ServedMethod | undefined
  version: number
}

/** The numbers that the peer gave to methods, by which most calls come. */
export class ReceivedNumbers {
  readonly #methods: (ReceivedMethod | undefined)[] = []

  /** What a call is for; undefined where its number was never given, or given to another method: against the rules. */
  find({ number, name }: Frame): ReceivedMethod | undefined {
    const known = this.#methods[number]
    if (name === '') return known
    if (known !== undefined) return known.name === name ? known : undefined
    const method: ReceivedMethod = { name, served: undefined, version: -1 }
    while (this.#methods.length < number) this.#methods.push(undefined) // the wire has checked how high it may be
    this.#methods[number] = method
    return method
  }
}
