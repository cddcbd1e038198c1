import { constants, deflateRawSync } from 'node:zlib'
import {
  BINARY,
  type Case,
  evenFragments,
  filler,
  type Frame,
  goesWell,
  noise,
  pieces,
  type Step,
  TEXT,
} from './case.ts'

const KIB = 1024

/** Size of the messages, and of their fragments where they have some. */
const SHAPES: readonly (readonly [messageBytes: number, fragmentBytes?: number])[] = [
  [16],
  [64],
  [256],
  [KIB],
  [4 * KIB],
  [8 * KIB],
  [16 * KIB],
  [32 * KIB],
  [64 * KIB],
  [128 * KIB],
  [8 * KIB, 256],
  [16 * KIB, 256],
  [32 * KIB, 256],
  [64 * KIB, 256],
  [128 * KIB, 256],
  [128 * KIB, KIB],
  [128 * KIB, 4 * KIB],
  [128 * KIB, 32 * KIB],
]

/** A case carries about so much, in two messages at least and twenty at most. */
const CASE_BYTES = 64 * KIB

/** What is agreed about compression, and how the driver makes use of it. */
interface Setting {
  /** Parameters that the driver offers as a client. */
  readonly offer?: string
  /** Those it answers with as a server. @defaultValue as offered */
  readonly accepted?: string
  /** It compresses against what it sent before. */
  readonly takesOver?: boolean
  readonly windowBits?: number
}

/** A case whose messages go compressed both ways. */
export interface CompressedCase extends Case {
  readonly offer: string
  readonly accepted: string
  /** What is sent where each message has to be compressed by itself. */
  readonly sendsApart: readonly Step[]
}

function shaped(group: string, what: string, opcode: typeof TEXT | typeof BINARY, make: Maker, setting: Setting = {}) {
  const { offer = '', accepted = offer, takesOver = false, windowBits = 15 } = setting
  return SHAPES.map(([messageBytes, fragmentBytes], i): CompressedCase => {
    const count = Math.min(20, Math.max(2, Math.floor(CASE_BYTES / messageBytes)))
    const messages = Array.from({ length: count }, (_, number) => make(messageBytes, number))
    const sends = (kept: boolean): Step[] => {
      let before = Buffer.alloc(0)
      return messages.map((message) => {
        const compressed = deflated(message, windowBits, kept ? before : undefined)
        before = Buffer.concat([before, message]).subarray(-(2 ** windowBits))
        const [first, ...rest] = evenFragments(opcode, compressed, fragmentBytes ?? Infinity)
        return pieces(1e6, { ...(first as Frame), rsv: 4 }, ...rest)
      })
    }
    const cut = fragmentBytes === undefined ? '' : ` in fragments of ${fragmentBytes}`
    const replies = messages.map((payload) => ({ opcode, payload }))
    const title = `${count} messages of ${messageBytes} bytes${cut}, ${what}`
    const apart = goesWell(`${group}.${i + 1}`, title, sends(false), replies)
    const aCase = takesOver ? goesWell(apart.id, title, sends(true), replies) : apart
    return { ...aCase, offer, accepted, sendsApart: apart.sends }
  })
}

/** RFC 7692 section 7.2.1. */
function deflated(message: Buffer, windowBits: number, dictionary?: Buffer): Buffer {
  const options = { windowBits, finishFlush: constants.Z_SYNC_FLUSH }
  const whole = deflateRawSync(message, dictionary?.length ? { ...options, dictionary } : options)
  return whole.subarray(0, -4)
}

type Maker = (length: number, number: number) => Buffer

/** What compresses well, as JSON does. */
function json(length: number, number: number): Buffer {
  let made = ''
  for (let row = 0; made.length < length; row++) made += `{"id":${row},"case":${number},"name":"row ${row % 7}"},`
  return Buffer.from(made.slice(0, length))
}

/** The same byte again and again. */
function monotone(length: number, number: number): Buffer {
  return Buffer.alloc(length, 97 + (number % 26))
}

const randomly: Maker = (length, number) => {
  const made = Buffer.allocUnsafe(length)
  let state = number * 2_654_435_761 + 1
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    made[at] = state >>> 24
  }
  return made
}

/** Groups 12 and 13: what is compressed, and how it was agreed. */
export const compression: readonly CompressedCase[] = [
  ...shaped('12.1', 'JSON', TEXT, json),
  ...shaped('12.2', 'prose', TEXT, filler),
  ...shaped('12.3', 'one letter', TEXT, monotone),
  ...shaped('12.4', 'binary', BINARY, noise),
  ...shaped('12.5', 'what does not compress', BINARY, randomly),
  ...shaped('13.1', 'no parameters, context kept', TEXT, json, { takesOver: true }),
  ...shaped('13.2', 'no context takeover', TEXT, json, {
    offer: 'client_no_context_takeover; server_no_context_takeover',
  }),
  ...shaped('13.3', 'a window of 512 bytes', TEXT, json, {
    offer: 'server_max_window_bits=9; client_max_window_bits',
    accepted: 'server_max_window_bits=9; client_max_window_bits=9',
    windowBits: 9,
  }),
  ...shaped('13.4', 'a window of 32 KiB', TEXT, json, {
    offer: 'server_max_window_bits=15; client_max_window_bits',
    accepted: 'server_max_window_bits=15; client_max_window_bits=15',
    takesOver: true,
  }),
  ...shaped('13.5', 'a window of 512 bytes, no context takeover', TEXT, json, {
    offer: 'server_max_window_bits=9; client_max_window_bits; server_no_context_takeover; client_no_context_takeover',
    accepted:
      'server_max_window_bits=9; client_max_window_bits=9; server_no_context_takeover; client_no_context_takeover',
    windowBits: 9,
  }),
  ...shaped('13.6', 'a window of 32 KiB, no context takeover', TEXT, json, {
    offer: 'server_max_window_bits=15; client_max_window_bits; server_no_context_takeover; client_no_context_takeover',
    accepted:
      'server_max_window_bits=15; client_max_window_bits=15; server_no_context_takeover; client_no_context_takeover',
  }),
  ...shaped('13.7', 'several offers', TEXT, json, {
    offer:
      'server_no_context_takeover; client_max_window_bits, permessage-deflate; client_max_window_bits, permessage-deflate',
    accepted: 'server_no_context_takeover',
  }),
]
