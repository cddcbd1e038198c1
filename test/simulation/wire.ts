import { lengthPrefixed } from '../../codecs/framing/length-prefixed.ts'
import { line } from '../../codecs/framing/line.ts'
import { netstring } from '../../codecs/framing/netstring.ts'
import { varintPrefixed } from '../../codecs/framing/varint-prefixed.ts'
import { json } from '../../codecs/json.ts'
import { text } from '../../codecs/text.ts'
import { copy } from '../../src/core/bytes.ts'
import { type Codec, mapCodec } from '../../src/core/codec.ts'
import { badMessage } from '../../src/core/errors.ts'
import type { FramingFactory } from '../../src/core/framing.ts'

/** What all actors say to each other: who says it, the how manieth it is, and a body that follows from the two. */
export interface SimMessage {
  readonly sender: number
  readonly seq: number
  readonly body: Uint8Array | string
}

/** Nobody: the sender of heartbeats, which have no number either. */
export const HEARTBEAT: SimMessage = { sender: 0, seq: 0, body: '' }

export type CodecName = 'views' | 'values' | 'text' | 'json'
export type FramingName = 'default' | 'two-bytes' | 'varint' | 'netstring' | 'line'

export const CODEC_NAMES: readonly CodecName[] = ['views', 'values', 'text', 'json']
/** `line` is for texts only. */
export const FRAMING_NAMES: readonly FramingName[] = ['default', 'two-bytes', 'varint', 'netstring', 'line']

const HEADER_BYTES = 8
const POOL_BYTES = 128 * 1024
const POOL_OFFSETS = 4096
const POOL = Uint8Array.from({ length: POOL_BYTES }, (_, at) => (Math.imul(at + 1, 0x9e3779b1) >>> 13) & 0xff)
const TEXT_POOL = Array.from(POOL, (byte) => String.fromCharCode(0x61 + (byte % 26))).join('')

function offsetOf(sender: number, seq: number): number {
  return (sender * 1031 + seq * 37) % POOL_OFFSETS
}

/** The message that this sender sends as its `seq`-th. */
export function makeMessage(codec: CodecName, sender: number, seq: number, size: number): SimMessage {
  const at = offsetOf(sender, seq)
  const isText = codec === 'text' || codec === 'json'
  return { sender, seq, body: isText ? TEXT_POOL.slice(at, at + size) : POOL.subarray(at, at + size) }
}

/** Whether the body is what its sender made it, now. */
export function isIntact({ sender, seq, body }: SimMessage): boolean {
  if (sender === 0) return body.length === 0
  const at = offsetOf(sender, seq)
  if (typeof body === 'string') return body === TEXT_POOL.slice(at, at + body.length)
  return Buffer.compare(body, POOL.subarray(at, at + body.length)) === 0
}

/** `keeps: 'views'`: a body points into the chunk it came in, so that whoever reuses that memory is found out. */
function binary(keeps: 'views' | 'values'): Codec<SimMessage> {
  return {
    keeps,
    decode(frame) {
      if (frame.length < HEADER_BYTES) throw badMessage('a message has a header')
      const view = new DataView(frame.buffer, frame.byteOffset)
      const body = frame.subarray(HEADER_BYTES)
      return { sender: view.getUint32(0), seq: view.getUint32(4), body: keeps === 'values' ? copy(body) : body }
    },
    encode({ sender, seq, body }, out) {
      out.u32(sender)
      out.u32(seq)
      if (typeof body !== 'string') out.bytes(body)
    },
  }
}

const TEXTS = mapCodec(text(), {
  in(words: string): SimMessage {
    const [sender = '', seq = '', body] = words.split(' ')
    if (!/^\d+$/.test(sender) || !/^\d+$/.test(seq) || body === undefined) throw badMessage('no message of ours')
    return { sender: Number(sender), seq: Number(seq), body }
  },
  out: ({ sender, seq, body }: SimMessage) => `${sender} ${seq} ${body as string}`,
})

interface JsonMessage {
  readonly s: number
  readonly n: number
  readonly b: string
}

const JSONS = mapCodec(json<JsonMessage>(), {
  in({ s, n, b }: JsonMessage): SimMessage {
    if (!Number.isInteger(s) || !Number.isInteger(n) || typeof b !== 'string') throw badMessage('no message of ours')
    return { sender: s, seq: n, body: b }
  },
  out: ({ sender, seq, body }: SimMessage): JsonMessage => ({ s: sender, n: seq, b: body as string }),
})

export const CODECS: Readonly<Record<CodecName, Codec<SimMessage>>> = {
  views: binary('views'),
  values: binary('values'),
  text: TEXTS,
  json: JSONS,
}

export const FRAMINGS: Readonly<Record<FramingName, FramingFactory | undefined>> = {
  default: undefined,
  'two-bytes': lengthPrefixed({ fieldBytes: 2, order: 'le' }),
  varint: varintPrefixed(),
  netstring: netstring(),
  line: line(),
}
