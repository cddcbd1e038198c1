import type { TestFunction } from './test-function.ts'
import { UNRELIABLE } from './unreliable.ts'

/** A sentence of a suite that does not apply to links that are not reliable. */
export interface LeftOut {
  readonly sentence: string
  readonly reason: string
}

/** The sentences of a suite: a test for each that applies, and a list of the others. */
export class Sentences {
  readonly leftOut: LeftOut[] = []
  readonly #test: TestFunction
  readonly #name: string
  readonly #reliable: boolean

  constructor(test: TestFunction, name: string, reliable: boolean) {
    this.#test = test
    this.#name = name
    this.#reliable = reliable
  }

  add(sentence: string, run: () => Promise<void>): void {
    const reason = this.#reliable ? undefined : UNRELIABLE[sentence]
    if (reason === undefined) this.#test(`${this.#name}: ${sentence}`, run)
    else this.leftOut.push({ sentence, reason })
  }
}
