/** What happened in a run, in order: a hash of all of it, and the lines themselves where somebody reads them. */
export class Trace {
  readonly lines: string[] | undefined
  events = 0
  #high = 0x811c9dc5
  #low = 0x01000193

  constructor(keepLines: boolean) {
    this.lines = keepLines ? [] : undefined
  }

  /** @param at virtual time since the beginning */
  add(at: number, what: string): void {
    this.events++
    this.#mix(Math.round(at * 1024))
    for (let i = 0; i < what.length; i++) this.#mix(what.charCodeAt(i))
    this.lines?.push(`${at.toFixed(3).padStart(10)}  ${what}`)
  }

  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, '0') + (this.#low >>> 0).toString(16).padStart(8, '0')
  }

  /** FNV-1a, and a second one that is rotated. */
  #mix(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x01000193)
    this.#low = Math.imul((this.#low << 5) ^ (this.#low >>> 27) ^ word, 0x9e3779b1)
  }
}
