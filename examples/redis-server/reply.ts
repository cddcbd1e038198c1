/**
 * What a command answers:
 *
 *     Status          +OK          a number        :12
 *     RespError       -ERR ...     Uint8Array      a bulk string
 *     null            no value     string          a bulk string, as UTF-8
 *     an array        an array of these
 */
export type Reply = Status | RespError | number | Uint8Array | string | null | readonly Reply[]

/** A word of praise: `+OK`. Encoded once. */
export class Status {
  readonly wire: Uint8Array

  constructor(text: string) {
    this.wire = new TextEncoder().encode(`+${text}\r\n`)
  }
}

/** A refusal, led by a word in capitals: `WRONGTYPE Operation against ...`. It is an answer, and may be thrown. */
export class RespError extends Error {
  /** What would end the line that it is sent in becomes a space. */
  get wire(): string {
    return `-${this.message.replace(/[\r\n]/g, ' ')}\r\n`
  }
}

export const OK: Status = new Status('OK')
export const PONG: Status = new Status('PONG')
