import { ChunkBuffer } from '../../core/chunk-buffer.ts'
import { FrameWriter } from '../../core/frame-writer.ts'
import type { Framing, FramingFactory } from '../../core/framing.ts'
import { Random } from '../random.ts'
import { equal, equalBytes, ok, throws } from './check.ts'
import type { TestFunction } from './test-function.ts'

/**
 * What every framing keeps: however a stream is cut, the same frames come out, and frames going out are the same stream.
 * @param options `wire` is the stream that this framing makes of `frames`, the bodies as a codec sees them; take some
 *   of different lengths, and one of no bytes where there is such a thing
 */
export function verifyFraming(
  test: TestFunction,
  title: string,
  options: { readonly framing: FramingFactory; readonly wire: Uint8Array; readonly frames: readonly Uint8Array[] },
): void {
  const { framing, wire, frames } = options
  const largestBytes = Math.max(...frames.map((frame) => frame.length))

  test(`${title}: a stream that comes whole gives its frames`, () => {
    equalFrames(read(framing, [wire]), frames, 'frames of the whole stream')
  })

  test(`${title}: a stream that comes byte by byte gives the same frames`, () => {
    equalFrames(read(framing, inBytes(wire)), frames, 'frames of single bytes')
  })

  test(`${title}: a frame cut short is kept until the rest arrives`, () => {
    for (let cut = 0; cut <= wire.length; cut++) {
      const chunks = [wire.slice(0, cut), wire.slice(cut)]
      equalFrames(read(framing, chunks), frames, `frames of a stream cut at ${cut}`)
    }
  })

  test(`${title}: any cutting gives the same frames, many of them in a chunk or one in many`, () => {
    const generator = new Random(wire.length)
    const times = Math.max(2, Math.ceil(2000 / Math.max(1, wire.length)))
    const long = repeat(wire, times)
    const expected = Array.from({ length: times }, () => frames).flat()
    equalFrames(read(framing, [long]), expected, 'frames of many in one chunk')
    for (const maxBytes of [2, 5, 17, 100, 1000, long.length]) {
      const chunks = generator.cut(long, maxBytes)
      equalFrames(read(framing, chunks), expected, `frames of chunks of up to ${maxBytes} bytes`)
    }
  })

  test(`${title}: a stream that ends inside of a frame gives the frames before it and asks for more`, () => {
    for (let cut = 0; cut < wire.length; cut++) {
      const found = read(framing, [wire.slice(0, cut)])
      ok(found.length < frames.length || frames.length === 0, `the last frame needs all of its bytes, not ${cut}`)
      equalFrames(found, frames.slice(0, found.length), `frames of the first ${cut} bytes`)
    }
  })

  test(`${title}: a frame of exactly maxFrameBytes passes, and one byte less refuses it before it is all there`, () => {
    equalFrames(read(framing, inBytes(wire), largestBytes), frames, 'frames within the limit')
    if (largestBytes === 0) return
    throws(() => read(framing, [wire], largestBytes - 1), 'ERR_FRAME_TOO_LARGE')
    throws(() => read(framing, inBytes(wire), largestBytes - 1), 'ERR_FRAME_TOO_LARGE')
  })

  test(`${title}: frames going out are the stream, whether they are copied or referred to`, () => {
    equalBytes(write(framing(), frames, 'copied'), wire, 'the stream of copied frames')
    equalBytes(write(framing(), frames, 'referred'), wire, 'the stream of frames by reference')
  })
}

/** Frames of the chunks, with the loop of a session. */
function read(factory: FramingFactory, chunks: readonly Uint8Array[], limitBytes = Infinity): Uint8Array[] {
  const framing = factory()
  const buffer = new ChunkBuffer(limitBytes)
  const frames: Uint8Array[] = []
  const asGiven: Uint8Array[] = []
  for (const chunk of chunks) {
    buffer.append(chunk)
    while (buffer.ready) {
      const frame = framing.next(buffer)
      if (frame === undefined) break
      frames.push(frame)
      asGiven.push(frame.slice())
    }
    buffer.settle(false)
  }
  equalFrames(frames, asGiven, 'frames looked at later')
  return frames
}

function write(framing: Framing, frames: readonly Uint8Array[], how: 'copied' | 'referred'): Uint8Array {
  const writer = new FrameWriter()
  const written: Uint8Array[] = []
  for (const frame of frames) {
    writer.begin(Infinity, false)
    const mark = framing.begin(writer)
    if (how === 'copied') writer.bytes(frame)
    else writer.refer(frame)
    framing.end(writer, mark)
    written.push(...(writer.parts ?? []), writer.slab.subarray(writer.from, writer.to))
    writer.commit()
  }
  return concat(written)
}

function equalFrames(actual: readonly Uint8Array[], expected: readonly Uint8Array[], what: string): void {
  for (let at = 0; at < Math.min(actual.length, expected.length); at++) {
    equalBytes(actual[at] as Uint8Array, expected[at] as Uint8Array, `${what}, number ${at}`)
  }
  equal(actual.length, expected.length, `number of ${what}`)
}

function inBytes(wire: Uint8Array): Uint8Array[] {
  return Array.from(wire, (byte) => Uint8Array.of(byte))
}

function repeat(bytes: Uint8Array, times: number): Uint8Array {
  return concat(Array.from({ length: times }, () => bytes))
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
