import type { Connection } from '../core/connection.ts'
import type { Logger } from '../core/logger.ts'
import type { WireRecord } from './wire-record.ts'

const LINE_BYTES = 16
/** Of one chunk; a log is no place for files. */
const MOST_BYTES = 4 * 1024

/**
 * Bytes as people read them:
 *
 *     > tcp://127.0.0.1:7000 19 B
 *     0000  48 65 6c 6c 6f 2c 20 48  61 77 73 65 72 21 0d 0a  |Hello, Hawser!..|
 *     0010  00 01 02                                          |...|
 */
export class HexDump implements WireRecord {
  readonly #logger: Logger
  readonly #connection: Connection

  constructor(logger: Logger, connection: Connection) {
    this.#logger = logger
    this.#connection = connection
  }

  opened(): void {
    this.#say('+', 'open')
  }

  sent(bytes: Uint8Array): void {
    this.#say('>', dump(bytes))
  }

  received(bytes: Uint8Array): void {
    this.#say('<', dump(bytes))
  }

  ended(): void {
    this.#say('>', 'end')
  }

  endReceived(): void {
    this.#say('<', 'end')
  }

  closed(error: Error | undefined): void {
    this.#say('-', error === undefined ? 'closed' : `closed: ${error.message}`)
  }

  #say(direction: string, what: string): void {
    this.#logger.debug(`${direction} ${this.#connection.remoteAddress} ${what}`)
  }
}

function dump(bytes: Uint8Array): string {
  const lines = [`${bytes.length} B`]
  for (let at = 0; at < Math.min(bytes.length, MOST_BYTES); at += LINE_BYTES) {
    lines.push(`${at.toString(16).padStart(4, '0')}  ${line(bytes.subarray(at, at + LINE_BYTES))}`)
  }
  if (bytes.length > MOST_BYTES) lines.push(`… and ${bytes.length - MOST_BYTES} B more`)
  return lines.join('\n')
}

function line(bytes: Uint8Array): string {
  const hex = Array.from({ length: LINE_BYTES }, (_, at) => bytes[at]?.toString(16).padStart(2, '0') ?? '  ')
  const text = Array.from(bytes, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
  return `${hex.slice(0, LINE_BYTES / 2).join(' ')}  ${hex.slice(LINE_BYTES / 2).join(' ')}  |${text}|`
}
