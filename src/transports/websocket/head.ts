import { allocate, preview } from '../../core/bytes.ts'
import { badFrame, type HawserError, refused } from '../../core/errors.ts'
import type { UpgradeRequest } from '../../core/web-socket.ts'

/** Of a request or response up to its empty line. */
const MAX_HEAD_BYTES = 16 * 1024
const MAX_HEADERS = 64
const FIRST_BYTES = 1024
const TOO_LARGE = 431
const VERSION_NOT_SUPPORTED = 505

const TAB = 0x09
const LF = 0x0a
const CR = 0x0d
const DELETE = 0x7f

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const TARGET = /^[!-~]+$/
/** Where there are two of these, somebody behind us might choose the other one. */
const SINGLE = new Set(['host', 'origin', 'content-length', 'sec-websocket-key', 'sec-websocket-version'])
const SINGLE_ANSWERS = new Set(['sec-websocket-accept', 'sec-websocket-protocol'])

/** Lower-case names. */
export type Headers = UpgradeRequest['headers']

/** The head of an HTTP response. */
export interface ResponseHead {
  readonly status: number
  readonly headers: Headers
}

/** Gathers the head of an HTTP message, however it is cut, and no more than 16 KiB of it. */
export class HeadReader {
  #bytes = allocate(FIRST_BYTES)
  #length = 0

  /**
   * Gives where in `chunk` the body begins once the head is whole, else -1.
   * @throws ERR_BAD_FRAME at the first byte that no head can hold; ERR_REFUSED with status 431 where it is too large
   */
  push(chunk: Uint8Array): number {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (isControl(byte)) throw badFrame(`this is not HTTP: ${preview(chunk)}`)
      if (this.#length === MAX_HEAD_BYTES) throw refused('the head is too large', { status: TOO_LARGE })
      if (this.#length === this.#bytes.length) this.#grow()
      this.#bytes[this.#length++] = byte
      if (byte === LF && this.#endsHead()) return at + 1
    }
    return -1
  }

  /** Of a whole head. @throws ERR_BAD_FRAME, or ERR_REFUSED with a status */
  request(): UpgradeRequest {
    const lines = this.#lines()
    const [method = '', url = '', version = '', ...more] = (lines.shift() ?? '').split(' ')
    if (!TOKEN.test(method) || !TARGET.test(url) || more.length > 0) throw malformed('request line')
    requireHttp(version)
    return { method, url, headers: parseHeaders(lines, SINGLE) }
  }

  /** Of a whole head. @throws ERR_BAD_FRAME, or ERR_REFUSED where it is too large */
  response(): ResponseHead {
    const lines = this.#lines()
    const first = lines.shift() ?? ''
    requireHttp(first.slice(0, 8))
    const status = first.slice(8, 12)
    if (!/^ [1-9]\d\d$/.test(status) || (first.length > 12 && first[12] !== ' ')) throw malformed('status line')
    return { status: Number(status), headers: parseHeaders(lines, SINGLE_ANSWERS) }
  }

  #grow(): void {
    const larger = allocate(this.#bytes.length * 2)
    larger.set(this.#bytes)
    this.#bytes = larger
  }

  /** After a line feed: whether the line before it is empty. */
  #endsHead(): boolean {
    const bytes = this.#bytes
    const at = this.#length
    if (bytes[at - 2] !== CR) throw malformed('line: it ends without a carriage return')
    return bytes[at - 4] === CR && bytes[at - 3] === LF
  }

  #lines(): string[] {
    let text = ''
    for (let at = 0; at < this.#length - 4; at++) text += String.fromCharCode(this.#bytes[at] as number) // ISO 8859-1
    return text.split('\r\n')
  }
}

/** The elements of a header that is a list. */
export function listOf(value: string | readonly string[] | undefined): string[] {
  if (value === undefined) return []
  const text = typeof value === 'string' ? value : value.join(',')
  return text.split(',').map(trim)
}

/** Whether a header that is a list has this element, in whatever case. */
export function listsElement(value: string | readonly string[] | undefined, element: string): boolean {
  return listOf(value).some((one) => one.toLowerCase() === element)
}

/** RFC 9110 section 5.6.2. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

function requireHttp(version: string): void {
  if (version === 'HTTP/1.1') return
  if (!/^HTTP\/\d\.\d$/.test(version)) throw malformed('HTTP version')
  throw refused('this needs HTTP/1.1', { status: VERSION_NOT_SUPPORTED })
}

function parseHeaders(lines: readonly string[], single: ReadonlySet<string>): Headers {
  if (lines.length > MAX_HEADERS) throw refused('there are too many headers', { status: TOO_LARGE })
  const headers = Object.create(null) as Record<string, string | string[] | undefined>
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
    if (!TOKEN.test(name) || line.includes('\r')) throw malformed('header') // a folded one, too
    const value = trim(line.slice(colon + 1))
    const before = headers[name]
    if (before === undefined) headers[name] = name === 'set-cookie' ? [value] : value
    else if (single.has(name)) throw malformed(`header: two of ${name}`)
    else if (typeof before === 'string') headers[name] = before + (name === 'cookie' ? '; ' : ', ') + value
    else before.push(value)
  }
  return headers
}

/** Without the blanks and tabs around it. By hand: a regular expression would go back and forth over a long run of them. */
function trim(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === TAB
}

function isControl(byte: number): boolean {
  return (byte < 0x20 && byte !== CR && byte !== LF && byte !== TAB) || byte === DELETE
}

function malformed(what: string): HawserError<'ERR_BAD_FRAME'> {
  return badFrame(`malformed HTTP ${what}`)
}
