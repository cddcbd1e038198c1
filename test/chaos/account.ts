/** What became of the messages of a client, and what must never have become of one. */
export interface Tally {
  /** Sent, and its echo came. */
  readonly arrived: number
  /** Not taken: `send` said so at once. */
  readonly failed: number
  /** Taken, and the session ended before its echo came: nobody knows. */
  readonly unknown: number
  /** How sessions ended: `local`, `remote`, or the code of the error. */
  readonly causes: Readonly<Record<string, number>>
}

export const NO_TALLY: Tally = { arrived: 0, failed: 0, unknown: 0, causes: {} }

/** Letters in a message, beside its names. */
const MAX_LETTERS = 2_000

/** The message of a number: anyone can tell whether it is the right one. */
export function messageOf(session: string, number: number): string {
  const letter = String.fromCharCode(97 + (number % 26))
  return `${session} ${number} ${letter.repeat((number * 37) % MAX_LETTERS)}`
}

/** Messages of one session as they arrive: all of them from the first on, in order, each once and unchanged. */
export class Sequence {
  #session: string | undefined
  #last = 0

  /** Undefined, or what is wrong with it. */
  next(message: string): string | undefined {
    const [session = '', text = ''] = message.split(' ', 2)
    this.#session ??= session
    const number = Number(text)
    const expected = this.#last + 1
    if (session !== this.#session) return `a message of ${session} in ${this.#session}`
    if (number < expected) return `message ${number} of ${session} again, after ${this.#last}`
    if (number > expected) return `message ${number} of ${session} instead of ${expected}`
    if (message !== messageOf(session, number)) return `message ${number} of ${session} is not what was sent`
    this.#last = number
    return undefined
  }
}

/** Both of them together. */
export function added(one: Tally, other: Tally): Tally {
  const causes: Record<string, number> = { ...one.causes }
  for (const [cause, count] of Object.entries(other.causes)) causes[cause] = (causes[cause] ?? 0) + count
  return {
    arrived: one.arrived + other.arrived,
    failed: one.failed + other.failed,
    unknown: one.unknown + other.unknown,
    causes,
  }
}
