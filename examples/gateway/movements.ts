import type { Entry } from './page/messages.ts'

/** So many are told by name; of a crowd, how many it was. */
const MOST_NAMED = 3

/** Who came and who went since the last look: one line for a crowd, which would fill the log otherwise. */
export class Movements {
  #came: string[] = []
  #went: { readonly id: string; readonly why: string }[] = []

  came(id: string): void {
    this.#came.push(id)
  }

  went(id: string, why: string): void {
    this.#went.push({ id, why })
  }

  /** What there is to tell. */
  take(): Omit<Entry, 'at'>[] {
    const [came, went] = [this.#came, this.#went]
    this.#came = []
    this.#went = []
    return [
      ...(went.length > MOST_NAMED
        ? [{ kind: 'alarm', text: `${went.length} devices are gone` } as const]
        : went.map(({ id, why }) => ({ kind: 'alarm', text: `${id} is gone: ${why}` }) as const)),
      ...(came.length > MOST_NAMED
        ? [{ kind: 'notice', text: `${came.length} devices are here` } as const]
        : came.map((id) => ({ kind: 'notice', text: `${id} is here` }) as const)),
    ]
  }
}
