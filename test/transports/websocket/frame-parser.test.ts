import test from 'ava'
import fc from 'fast-check'
import { isHawserError } from '../../../src/core/errors.ts'
import { Random } from '../../../src/testing/random.ts'
import { FrameParser, type FrameParserHost } from '../../../src/transports/websocket/frame-parser.ts'

const MAX_FRAME_BYTES = 200_000
const TEXT = 1
const BINARY = 2
const CONTINUATION = 0
const CLOSE = 8
const PING = 9
const PONG = 10

interface Frame {
  readonly opcode: number
  readonly payload: Uint8Array
  readonly final?: boolean
}

/** As an honest peer writes it. */
function frame({ opcode, payload, final = true }: Frame, mask?: readonly number[]): Uint8Array {
  const { length } = payload
  const bytes: number[] = [(final ? 0x80 : 0) | opcode]
  const masked = mask === undefined ? 0 : 0x80
  if (length < 126) bytes.push(masked | length)
  else if (length < 65_536) bytes.push(masked | 126, length >> 8, length & 0xff)
  else bytes.push(masked | 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff)
  if (mask !== undefined) bytes.push(...mask)
  const whole = new Uint8Array(bytes.length + length)
  whole.set(bytes)
  whole.set(mask === undefined ? payload : payload.map((byte, at) => byte ^ (mask[at & 3] ?? 0)), bytes.length)
  return whole
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a parser says, in words; bytes are copied at once, as they may be looked at later. */
class Heard implements FrameParserHost {
  readonly words: string[] = []

  parserMessage(bytes: Uint8Array, text: boolean): void {
    this.words.push(`${text ? 'text' : 'binary'} ${Buffer.from(bytes).toString('hex')}`)
  }

  parserControl(opcode: number, payload: Uint8Array): void {
    this.words.push(`control ${opcode} ${Buffer.from(payload).toString('hex')}`)
  }
}

interface Parsed {
  readonly words: readonly string[]
  readonly code: string | undefined
  readonly parser: FrameParser
}

function parse(chunks: readonly Uint8Array[], masked: boolean, boundary: 'auto' | 'stream' = 'auto'): Parsed {
  const heard = new Heard()
  const parser = new FrameParser(masked, MAX_FRAME_BYTES, boundary, heard)
  let code: string | undefined
  try {
    for (const chunk of chunks) {
      const own = Uint8Array.from(chunk)
      let at = 0
      while (at < own.length) at = parser.parse(own, at, 7)
    }
  } catch (error) {
    if (!isHawserError(error)) throw error
    code = error.code
  }
  return { words: heard.words, code, parser }
}

/** A chunk of which every byte comes alone. */
const single = (wire: Uint8Array): Uint8Array[] => Array.from(wire, (byte) => Uint8Array.of(byte))

const payload = (most: number) => fc.uint8Array({ maxLength: most })
const text = fc.string({ unit: 'binary', maxLength: 200 }).map(bytesOf)
const control = fc.record({ opcode: fc.constantFrom(PING, PONG), payload: payload(125) })
/** One message in fragments, with control frames between them. */
const message = fc
  .tuple(
    fc.oneof(
      fc.record({ opcode: fc.constant(BINARY), whole: fc.oneof(payload(300), payload(70_000)) }),
      fc.record({ opcode: fc.constant(TEXT), whole: text }),
    ),
    fc.array(fc.nat(300), { maxLength: 4 }),
    fc.array(control, { maxLength: 2 }),
  )
  .map(([{ opcode, whole }, cuts, controls]): Frame[] => {
    const places = [...cuts.map((cut) => Math.min(cut, whole.length)).toSorted((a, b) => a - b), whole.length]
    let from = 0
    return places.flatMap((to, at) => {
      const part = {
        opcode: at === 0 ? opcode : CONTINUATION,
        payload: whole.slice(from, to),
        final: to === whole.length && at === places.length - 1,
      }
      from = to
      const between = controls[at]
      return between === undefined || part.final ? [part] : [part, between]
    })
  })

test('any cutting of the bytes gives the same messages, masked or not', (t) => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.boolean(), fc.nat(), (messages, masked, seed) => {
      const random = new Random(seed)
      const mask = (): number[] => [0, 0, 0, 0].map(() => random.below(256))
      const wire = joined(messages.flat().map((one) => frame(one, masked ? mask() : undefined)))
      const expected: string[] = []
      let gathered: Uint8Array[] = []
      let kind = BINARY
      for (const one of messages.flat()) {
        const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
        if (one.opcode >= CLOSE) {
          expected.push(`control ${one.opcode} ${hex(one.payload)}`)
          continue
        }
        if (one.opcode !== CONTINUATION) kind = one.opcode
        gathered.push(one.payload)
        if (one.final !== true) continue
        expected.push(`${kind === TEXT ? 'text' : 'binary'} ${hex(joined(gathered))}`)
        gathered = []
      }
      const ways = [[wire], [...random.cut(wire, 50)], [...random.cut(wire, 5000)]]
      if (wire.length < 3000) ways.push(single(wire))
      for (const chunks of ways) {
        const { words, code, parser } = parse(chunks, masked)
        t.is(code, undefined)
        t.deepEqual(words, expected)
        t.false(parser.isInside)
      }
    }),
    { numRuns: 60 },
  )
})
