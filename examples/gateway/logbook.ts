import type { Entry } from './page/messages.ts'

const MOST_ENTRIES = 100

/** The last things that happened, for whoever comes later. */
export class Logbook {
  readonly #entries: Entry[] = []

  get entries(): readonly Entry[] {
    return this.#entries
  }

  add(entry: Entry): void {
    this.#entries.push(entry)
    if (this.#entries.length > MOST_ENTRIES) this.#entries.shift()
  }
}
