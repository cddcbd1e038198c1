import type { Codec } from '../../core/codec.ts'
import { isHawserError } from '../../core/errors.ts'
import { FrameWriter } from '../../core/frame-writer.ts'
import { Random } from '../random.ts'
import { equal, equalBytes, ok } from './check.ts'
import type { TestFunction } from './test-function.ts'

/** Around a frame, to see that nobody touches its neighbours. */
const CANARY = 0xa5
const CANARY_BYTES = 16
/** What a framing leaves before a body. */
const HEADER_BYTES = 4
const GARBAGE_RUNS = 300

/**
 * A message and the frame that it is, byte by byte. Where the two directions have types of their own, `received` is one that
 * is only decoded and `sent` one that is only encoded.
 */
export type CodecSample<In, Out> =
  | { readonly message: In & Out; readonly wire: Uint8Array }
  | { readonly received: In; readonly wire: Uint8Array }
  | { readonly sent: Out; readonly wire: Uint8Array }

/**
 * What every codec keeps: it reads and writes the bytes that were agreed on, throws nothing but coded errors whatever
 * comes, and touches its own frame only.
 */
export function verifyCodec<In, Out>(
  test: TestFunction,
  title: string,
  options: {
    readonly codec: Codec<In, Out>
    readonly samples: readonly CodecSample<In, Out>[]
  },
): void {
  const { codec, samples } = options
  const received = samples.flatMap((sample) => {
    if ('sent' in sample) return []
    return [{ message: 'message' in sample ? sample.message : sample.received, wire: sample.wire }]
  })
  const sent = samples.flatMap((sample) => {
    if ('received' in sample) return []
    return [{ message: 'message' in sample ? sample.message : sample.sent, wire: sample.wire }]
  })
  const text = codec.format === 'text'

  test(`${title}: the frames that were agreed on are read`, () => {
    for (const { message, wire } of received) equal(codec.decode(wire.slice(), text), message, 'the message of a frame')
  })

  test(`${title}: messages are written as the frames that were agreed on`, () => {
    for (const { message, wire } of sent) equalBytes(encode(codec, message), wire, 'the frame of a message')
  })

  test(`${title}: a message comes back as it was sent`, () => {
    for (const sample of samples)
      if ('message' in sample) equal(codec.decode(encode(codec, sample.message), text), sample.message, 'the message')
  })

  test(`${title}: encoding writes behind what is there and changes nothing of it`, () => {
    const writer = new FrameWriter()
    const before = writeFrame(writer, (out) => out.bytes(new Uint8Array(CANARY_BYTES).fill(CANARY)))
    for (const { message, wire } of sent) {
      const frame = writeFrame(writer, (out) => {
        out.reserve(HEADER_BYTES)
        codec.encode(message, out)
      })
      equalBytes(frame.subarray(0, HEADER_BYTES), new Uint8Array(HEADER_BYTES), 'the header that the framing fills in')
      equalBytes(frame.subarray(HEADER_BYTES), wire, 'the frame behind its header')
    }
    equalBytes(before, new Uint8Array(CANARY_BYTES).fill(CANARY), 'the frame before')
  })

  test(`${title}: decoding reads its frame only, and leaves it as it was`, () => {
    for (const { message, wire } of received) {
      const chunk = surrounded(wire)
      const frame = chunk.subarray(CANARY_BYTES, CANARY_BYTES + wire.length)
      equal(codec.decode(frame, text), message, 'the message of a frame in the middle of a chunk')
      equalBytes(chunk, surrounded(wire), 'the chunk')
    }
  })

  if (codec.keeps === 'values') {
    test(`${title}: it keeps values, so that a frame may be written over once it was decoded`, () => {
      for (const { message, wire } of received) {
        const frame = wire.slice()
        const decoded = codec.decode(frame, text)
        frame.fill(0xff)
        equal(decoded, message, 'the message, after its frame was written over')
      }
    })
  }

  test(`${title}: whatever comes is a message or a coded error`, () => {
    const generator = new Random(samples.length)
    tryDecode(codec, new Uint8Array(0))
    for (const { wire } of received) {
      for (let length = 0; length < Math.min(wire.length, GARBAGE_RUNS); length++)
        tryDecode(codec, wire.slice(0, length))
      for (let run = 0; run < GARBAGE_RUNS && wire.length > 0; run++) {
        const changed = wire.slice()
        for (let flips = 1 + generator.below(3); flips > 0; flips--) {
          changed[generator.below(changed.length)] = generator.below(256)
        }
        tryDecode(codec, changed)
      }
    }
    for (let run = 0; run < GARBAGE_RUNS; run++) tryDecode(codec, generator.bytes(generator.below(64)))
  })
}

function tryDecode<In>(codec: Codec<In, never>, frame: Uint8Array): void {
  try {
    codec.decode(frame, codec.format === 'text')
  } catch (error) {
    ok(
      isHawserError(error),
      `decode threw ${String(error)} for <${String(frame)}>; throw a HawserError with ERR_BAD_MESSAGE`,
    )
  }
}

function encode<Out>(codec: Codec<unknown, Out>, message: Out): Uint8Array {
  return writeFrame(new FrameWriter(), (out) => codec.encode(message, out))
}

/** The frame that `write` makes, as a view where it is one piece. */
function writeFrame(writer: FrameWriter, write: (out: FrameWriter) => void): Uint8Array {
  writer.begin(Infinity, false)
  write(writer)
  const { parts, slab, from, to } = writer
  writer.commit()
  const last = slab.subarray(from, to)
  if (parts === undefined) return last
  return Uint8Array.from([...parts, last].flatMap((part) => [...part]))
}

function surrounded(wire: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(wire.length + 2 * CANARY_BYTES).fill(CANARY)
  chunk.set(wire, CANARY_BYTES)
  return chunk
}
