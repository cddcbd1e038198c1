import type { Codec, HawserError, WriteBuffer } from 'hawser'
import { protocolError } from './protocol-error.ts'
import { type Reply, RespError, Status } from './reply.ts'

/** The words of a command, its name first; views of its frame. Empty for an empty line. */
export type Command = readonly Uint8Array[]

const CR = 0x0d
const STAR = 0x2a
const DOLLAR = 0x24
const COLON = 0x3a
const MINUS = 0x2d
const ZERO = 0x30
const SPACE = 0x20
const QUOTE = 0x22
const APOSTROPHE = 0x27
const BACKSLASH = 0x5c
const LINE_END = 0x0d0a
/** `$-1\r\n` */
const NO_VALUE = Uint8Array.of(DOLLAR, MINUS, ZERO + 1, CR, 0x0a)
/** What a backslash makes of a letter between double quotes. */
const ESCAPES = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['a', '\x07'],
])

const encoder = new TextEncoder()

/** Commands in, replies out. Where a command and its arguments end was checked by the framing. */
export const respCodec: Codec<Command, Reply> = {
  decode: (frame) => (frame[0] === STAR ? bulkStrings(frame) : words(frame)),
  encode,
}

function bulkStrings(frame: Uint8Array): Command {
  if (frame[1] === MINUS) return []
  let at = 1
  let count = 0
  for (; frame[at] !== CR; at++) count = count * 10 + (frame[at] as number) - ZERO
  const command: Uint8Array[] = []
  while (command.length < count) {
    at += 3 // \r\n$
    let length = 0
    for (; frame[at] !== CR; at++) length = length * 10 + (frame[at] as number) - ZERO
    const from = at + 2
    at = from + length
    command.push(frame.subarray(from, at))
  }
  return command
}

/** Words between blanks, as a person types them: "..." with escapes, '...' without. */
function words(line: Uint8Array): Command {
  const command: Uint8Array[] = []
  for (let at = 0; at < line.length; ) {
    const byte = line[at] as number
    if (byte <= SPACE) {
      at++
    } else if (byte === QUOTE || byte === APOSTROPHE) {
      const { word, end } = quoted(line, at)
      command.push(word)
      at = end
    } else {
      const from = at
      while ((line[at] as number) > SPACE) at++
      command.push(line.subarray(from, at))
    }
  }
  return command
}

/** The word whose quote stands at `from`; `end` is behind its other quote. */
function quoted(line: Uint8Array, from: number): { readonly word: Uint8Array; readonly end: number } {
  const quote = line[from]
  const word: number[] = []
  for (let at = from + 1; at < line.length; at++) {
    const byte = line[at] as number
    const next = line[at + 1] ?? 0
    if (byte === quote) {
      if (next > SPACE) throw unbalancedQuotes()
      return { word: Uint8Array.from(word), end: at + 1 }
    }
    if (byte !== BACKSLASH || (quote === APOSTROPHE && next !== APOSTROPHE)) {
      word.push(byte)
      continue
    }
    const hex =
      quote === QUOTE ? /^x([\da-f]{2})/i.exec(String.fromCharCode(...line.subarray(at + 1, at + 4)))?.[1] : undefined
    const letter = String.fromCharCode(next)
    word.push(hex === undefined ? (ESCAPES.get(letter) ?? letter).charCodeAt(0) : Number.parseInt(hex, 16))
    at += hex === undefined ? 1 : 3
  }
  throw unbalancedQuotes()
}

function unbalancedQuotes(): HawserError {
  return protocolError('ERR_BAD_MESSAGE', 'unbalanced quotes in request')
}

function encode(reply: Reply, out: WriteBuffer): void {
  if (reply instanceof Uint8Array) {
    header(out, DOLLAR, reply.length)
    out.bytes(reply)
    out.u16(LINE_END)
  } else if (typeof reply === 'number') {
    header(out, COLON, reply)
  } else if (reply === null) {
    out.bytes(NO_VALUE)
  } else if (reply instanceof Status) {
    out.bytes(reply.wire)
  } else if (reply instanceof RespError) {
    out.utf8(reply.wire)
  } else if (typeof reply === 'string') {
    encode(encoder.encode(reply), out)
  } else {
    header(out, STAR, reply.length)
    for (const element of reply) encode(element, out)
  }
}

/** Type, number, line end; the digits are written without making a string of them. */
function header(out: WriteBuffer, type: number, value: number): void {
  out.u8(type)
  if (value < 0) out.u8(MINUS)
  const size = Math.abs(value)
  let scale = 1
  while (scale * 10 <= size) scale *= 10
  for (; scale >= 1; scale /= 10) out.u8(ZERO + (Math.floor(size / scale) % 10))
  out.u16(LINE_END)
}
