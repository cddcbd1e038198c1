/**
 * The cases of the Autobahn catalogue, made anew from RFC 6455 and RFC 7692. Their numbers are the catalogue's, so that
 * what it says about each can be looked up; where it sends more than makes a difference, less is sent.
 */

export const CONTINUATION = 0
export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

/** One frame as it goes on the wire. Whether it is masked follows from who sends it. */
export interface Frame {
  readonly opcode: number
  readonly payload: Buffer
  /** @defaultValue true */
  readonly fin?: boolean
  /** RSV1 is 4, RSV2 is 2, RSV3 is 1. @defaultValue 0 */
  readonly rsv?: number
  /** Against the rule: a client's without a mask, a server's with one. */
  readonly maskedWrongly?: boolean
  /** Of the length, where it is longer than it has to be: 2 or 8. */
  readonly lengthBytes?: number
}

/** One thing after the other. The event loop turns between them, so that the subject sees what came before. */
export type Step =
  | Frame
  /** Frames, cut into pieces of so many bytes. */
  | { readonly pieceBytes: number; readonly frames: readonly Frame[] }
  /** One frame whose payload comes in parts, the last of them when the subject has given up. */
  | { readonly opcode: number; readonly parts: readonly Buffer[] }
  /** Goes on when so many replies have come. */
  | { readonly untilReplies: number }
  /** Goes on when the subject has given up. */
  | { readonly untilFailed: true }

/** What the subject, which echoes messages, has to answer. */
export interface Reply {
  readonly opcode: typeof TEXT | typeof BINARY | typeof PONG
  readonly payload: Buffer
}

/** The code in the subject's close frame; 0 where it may be empty. */
export type ClosesWith = number | readonly number[]

export interface Case {
  readonly id: string
  /** What is sent. */
  readonly title: string
  readonly sends: readonly Step[]
  readonly replies: readonly Reply[]
  readonly closes: ClosesWith
  /** What is sent breaks a rule, and the subject says which. */
  readonly breaksRule: boolean
  /** Pongs may be missing: the subject gave up among them. */
  readonly sparesPongs?: boolean
}

const NORMAL = 1000
export const PROTOCOL_ERROR = 1002
export const BAD_DATA = 1007
export const TOO_LARGE = 1009

export function bytes(value: string | readonly number[] | Buffer): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value)
}

export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex')
}

export function frame(opcode: number, payload: string | Buffer = '', extra: Partial<Frame> = {}): Frame {
  return { opcode, payload: bytes(payload), ...extra }
}

export function text(payload: string | Buffer, extra: Partial<Frame> = {}): Frame {
  return frame(TEXT, payload, extra)
}

export function binary(payload: string | Buffer, extra: Partial<Frame> = {}): Frame {
  return frame(BINARY, payload, extra)
}

export function ping(payload: string | Buffer = '', extra: Partial<Frame> = {}): Frame {
  return frame(PING, payload, extra)
}

export function pong(payload: string | Buffer = ''): Frame {
  return frame(PONG, payload)
}

export function more(payload: string | Buffer, fin = true): Frame {
  return frame(CONTINUATION, payload, { fin })
}

export function close(code: number, reason: string | Buffer = ''): Frame {
  const head = Buffer.alloc(2)
  head.writeUInt16BE(code)
  return frame(CLOSE, Buffer.concat([head, bytes(reason)]))
}

/** One message in fragments that end where `cuts` says. */
export function fragments(opcode: number, payload: Buffer, ...cuts: readonly number[]): Frame[] {
  const ends = [...cuts, payload.length]
  return ends.map((end, i) =>
    frame(i === 0 ? opcode : CONTINUATION, payload.subarray(ends[i - 1] ?? 0, end), { fin: i === ends.length - 1 }),
  )
}

/** One message in fragments of `size` bytes. */
export function evenFragments(opcode: number, payload: Buffer, size: number): Frame[] {
  const cuts: number[] = []
  for (let at = size; at < payload.length; at += size) cuts.push(at)
  return fragments(opcode, payload, ...cuts)
}

export function pieces(pieceBytes: number, ...frames: Frame[]): Step {
  return { pieceBytes, frames }
}

/** Each message is echoed, each ping answered; then we close, and the subject does. */
export function goesWell(id: string, title: string, sends: readonly Step[], replies: readonly Frame[] = []): Case {
  return {
    id,
    title,
    sends: [...sends, close(NORMAL)],
    replies: replies.map(replyTo),
    closes: NORMAL,
    breaksRule: false,
  }
}

/** The subject answers what came before the mistake, and gives up. */
export function fails(
  id: string,
  title: string,
  sends: readonly Step[],
  replies: readonly Frame[] = [],
  closes: ClosesWith = PROTOCOL_ERROR,
): Case {
  return { id, title, sends, replies: replies.map(replyTo), closes, breaksRule: true }
}

function replyTo({ opcode, payload }: Frame): Reply {
  if (opcode === PING) return { opcode: PONG, payload }
  if (opcode === TEXT || opcode === BINARY) return { opcode, payload }
  throw new Error(`nothing answers opcode ${opcode}`)
}

/** Bytes that tell their place, none of them above ASCII. */
export function filler(length: number): Buffer {
  const made = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) made[at] = 32 + ((at * 7 + (at >> 8)) % 95)
  return made
}

/** Bytes of every value. */
export function noise(length: number): Buffer {
  const made = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) made[at] = (at * 31 + (at >> 8)) & 0xff
  return made
}
