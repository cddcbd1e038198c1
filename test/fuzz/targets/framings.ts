import { contentLength } from '../../../codecs/framing/content-length.ts'
import { delimiter } from '../../../codecs/framing/delimiter.ts'
import { fixedLength } from '../../../codecs/framing/fixed-length.ts'
import { lengthPrefixed } from '../../../codecs/framing/length-prefixed.ts'
import { line } from '../../../codecs/framing/line.ts'
import { netstring } from '../../../codecs/framing/netstring.ts'
import { sized } from '../../../codecs/framing/sized.ts'
import { varintPrefixed } from '../../../codecs/framing/varint-prefixed.ts'
import { resp } from '../../../examples/redis-server/resp-framing.ts'
import { ChunkBuffer } from '../../../src/core/chunk-buffer.ts'
import { FrameWriter } from '../../../src/core/frame-writer.ts'
import type { Framing, FramingFactory } from '../../../src/core/framing.ts'
import { hex } from '../../../src/testing/hex.ts'
import type { Random } from '../../../src/testing/random.ts'
import {
  between,
  contentLengths,
  type Expected,
  fixed,
  type FramingReference,
  lengths,
  lines,
  netstrings,
  varints,
} from '../references/framings.ts'
import { ascii, codeOf, type FuzzTarget, hexOf, same } from '../fuzz-target.ts'

const LIMITS = [7, 100, 1024 * 1024]
/** Headers do not count against the limit; of a framing that leaves them in the frame. */
const MOST_HEADER_BYTES = 16
/** Inputs up to so long are also given byte by byte. */
const BYTEWISE_BYTES = 512

/** What a stream became. */
interface Reading {
  readonly frames: readonly Uint8Array[]
  /** The code of the error that ended it, or nothing. */
  readonly end: string
}

function read(factory: FramingFactory, chunks: readonly Uint8Array[], limitBytes: number, headerBytes = 0): Reading {
  const reader = factory()
  const buffer = new ChunkBuffer(limitBytes)
  const frames: Uint8Array[] = []
  let arrivedBytes = 0
  try {
    for (const chunk of chunks) {
      buffer.append(Uint8Array.from(chunk))
      arrivedBytes += chunk.length
      while (buffer.ready) {
        const frame = reader.next(buffer)
        if (frame === undefined) break
        if (frame.length > limitBytes + headerBytes)
          throw new Error(`a frame of ${frame.length} B where ${limitBytes} are allowed`)
        frames.push(frame)
        if (frames.length > arrivedBytes + 1) throw new Error('more frames than bytes')
      }
      buffer.settle(false)
    }
  } catch (error) {
    return { frames, end: codeOf(error) }
  }
  return { frames, end: '' }
}

function write(writing: Framing, frames: readonly Uint8Array[]): Uint8Array {
  const writer = new FrameWriter()
  const written: Uint8Array[] = []
  for (const frame of frames) {
    writer.begin(Infinity, false)
    const mark = writing.begin(writer)
    writer.bytes(frame)
    writing.end(writer, mark)
    written.push(...(writer.parts ?? []), Uint8Array.from(writer.slab.subarray(writer.from, writer.to)))
    writer.commit()
  }
  return Uint8Array.from(Buffer.concat(written))
}

/** A frame may be both too large and bad: which of them is found first depends on the cuts where `end` is not told. */
function shown({ frames, end }: Reading, isEndTold = true): string {
  return `${frames.map(hexOf).join(' ')}!${isEndTold || end === '' ? end : 'ERR'}`
}

/**
 * @param writes 'frames': what it read it can also write, and reads again as it was; 'wire': a frame has its header
 * @param isEndTold the error is the same one however the input is cut
 * @param reference what must come of it, by the definition of the framing
 */
function framing(
  name: string,
  factory: FramingFactory,
  corpus: readonly Uint8Array[],
  tokens: readonly Uint8Array[] = [],
  writes: 'frames' | 'wire' = 'frames',
  isEndTold = true,
  reference?: FramingReference,
): FuzzTarget {
  const headerBytes = writes === 'wire' ? MOST_HEADER_BYTES : 0
  return {
    name: `framing/${name}`,
    corpus,
    tokens,
    check(input: Uint8Array, random: Random): string {
      const limitBytes = LIMITS[random.below(LIMITS.length)] as number
      const whole = read(factory, [input], limitBytes, headerBytes)
      const cut = read(factory, random.cut(input, 1 + random.below(input.length + 1)), limitBytes, headerBytes)
      same(shown(cut, isEndTold), shown(whole, isEndTold), 'cut')
      if (input.length <= BYTEWISE_BYTES) {
        const single = Array.from(input, (byte) => Uint8Array.of(byte))
        same(shown(read(factory, single, limitBytes, headerBytes), isEndTold), shown(whole, isEndTold), 'byte by byte')
      }
      const wire = writes === 'wire' ? Uint8Array.from(Buffer.concat(whole.frames)) : rewritten(factory, whole.frames)
      if (reference !== undefined) compare(whole, reference(Buffer.from(input).toString('latin1'), limitBytes))
      if (wire !== undefined)
        same(shown(read(factory, [wire], Infinity)), shown({ ...whole, end: '' }), 'written again')
      return `${Math.min(whole.frames.length, 8)} ${whole.end}`
    },
  }
}

function compare(found: Reading, { frames, end }: Expected): void {
  const expected = frames.map((frame) => Buffer.from(frame, 'latin1').toString('hex'))
  same(found.frames.map(hexOf).join(' '), expected.join(' '), 'by its definition')
  if (end !== 'either') same(found.end === '' ? 'fine' : 'bad', end, 'by its definition')
}

/** Undefined where one of the frames cannot be written, which is said by an error. */
function rewritten(factory: FramingFactory, frames: readonly Uint8Array[]): Uint8Array | undefined {
  try {
    return write(factory(), frames)
  } catch (error) {
    codeOf(error)
    return undefined
  }
}

const HEADER = ascii('Content-Length: ')

/** The framings of `hawser/framing`, and that of the Redis example. */
export const framings: readonly FuzzTarget[] = [
  framing(
    'length',
    lengthPrefixed(),
    [hex`00000002 6869 00000000 00000001 61`, hex`ffffffff 00`],
    [],
    'frames',
    true,
    lengths(4),
  ),
  framing('length-u8', lengthPrefixed({ fieldBytes: 1 }), [hex`02 6869 00 01 61`], [], 'frames', true, lengths(1)),
  framing(
    'length-u16-le',
    lengthPrefixed({ fieldBytes: 2, order: 'le' }),
    [hex`0200 6869 0000 0100 61`],
    [],
    'frames',
    true,
    lengths(2, 'le'),
  ),
  framing('length-u24', lengthPrefixed({ fieldBytes: 3 }), [hex`000002 6869 000000`], [], 'frames', true, lengths(3)),
  framing(
    'length-u64',
    lengthPrefixed({ fieldBytes: 8 }),
    [hex`0000000000000002 6869`, hex`0020000000000000 00`, hex`ffffffffffffffff`],
    [],
    'frames',
    true,
    lengths(8),
  ),
  framing(
    'length-behind-magic',
    lengthPrefixed({ offset: 2, fieldBytes: 2, adjustment: -4, strip: 0 }),
    [hex`cafe 0006 6869 cafe 0004`],
    [],
    'wire',
  ),
  framing(
    'varint',
    varintPrefixed(),
    [hex`02 6869 00 8101`, hex`ffffffffffffffffff01`, hex`8000`],
    [],
    'frames',
    true,
    varints,
  ),
  framing(
    'line',
    line(),
    [ascii('hi\nyou\r\n\n'), ascii('\r\n\r')],
    [ascii('\r\n'), ascii('\r')],
    'frames',
    true,
    lines,
  ),
  framing(
    'line-crlf',
    line({ ending: '\r\n' }),
    [ascii('hi\r\nyou\n\r\n')],
    [ascii('\r\n'), ascii('\n')],
    'frames',
    true,
    between('\r\n', 2),
  ),
  framing(
    'delimiter',
    delimiter('--'),
    [ascii('a--bc----'), ascii('-a-')],
    [ascii('-'), ascii('--')],
    'frames',
    true,
    between('--', 2),
  ),
  framing(
    'delimiter-self',
    delimiter(hex`00 00 01`),
    [hex`aa 00 00 01 00 00 00 01`],
    [hex`00 00`, hex`01`],
    'frames',
    true,
    between('\0\0\u0001', 3),
  ),
  framing('fixed', fixedLength(3), [ascii('abcdef')], [], 'frames', true, fixed(3)),
  framing(
    'content-length',
    contentLength(),
    [ascii('Content-Length: 2\r\n\r\nhi'), ascii('content-length:0\r\nContent-Type: a\r\n\r\n')],
    [HEADER, ascii('\r\n'), ascii('\r\n\r\n'), ascii('Content-Length: 9007199254740993\r\n\r\n'), ascii(': ')],
    'frames',
    true,
    contentLengths,
  ),
  framing(
    'netstring',
    netstring(),
    [ascii('2:hi,0:,'), ascii('007:x')],
    [ascii(':'), ascii(','), ascii('99999999999')],
    'frames',
    true,
    netstrings,
  ),
  framing(
    'sized',
    sized((buffer) => (buffer.has(2) ? Math.max(2, buffer.u16(0)) : undefined)),
    [hex`0004 6869 0002`, hex`0000`, hex`ffff`],
    [],
    'wire',
  ),
  framing(
    'resp',
    resp({ maxArguments: 64 }),
    [ascii('*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n'), ascii('PING\r\n'), ascii('*0\r\n*-1\r\n')],
    [ascii('\r\n'), ascii('$'), ascii('*'), ascii('$-1\r\n'), ascii('$9999999999\r\n')],
    'wire',
    false,
  ),
]
