import test from 'ava'
import fc from 'fast-check'
import {
  contentLength,
  delimiter,
  fixedLength,
  lengthPrefixed,
  line,
  netstring,
  sized,
  unframed,
  varintPrefixed,
} from '../../../codecs/framing/index.ts'
import { ChunkBuffer } from '../../../src/core/chunk-buffer.ts'
import { isHawserError, type ErrorCode } from '../../../src/core/errors.ts'
import { FrameWriter } from '../../../src/core/frame-writer.ts'
import type { FramingFactory } from '../../../src/core/framing.ts'
import { throws } from '../../../src/testing/conformance/check.ts'
import { hex, verifyFraming } from '../../../src/testing/index.ts'
import { copiedBytes } from '../../support/copied-bytes.ts'
import { suite } from '../../support/suite.ts'

const MIB = 1024 * 1024
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
/** The option that a throw of ERR_BAD_OPTION names. */
const named = (run: () => unknown): string => (throws(run, 'ERR_BAD_OPTION') as Error & { option: string }).option
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** Frames of a stream that comes in these chunks. */
function read(factory: FramingFactory, chunks: readonly Uint8Array[], limitBytes = MIB): Uint8Array[] {
  const framing = factory()
  const buffer = new ChunkBuffer(limitBytes)
  const frames: Uint8Array[] = []
  for (const chunk of chunks) {
    buffer.append(chunk)
    while (buffer.ready) {
      const frame = framing.next(buffer)
      if (frame === undefined) break
      frames.push(frame)
    }
    buffer.settle(false)
  }
  return frames
}

function write(factory: FramingFactory, body: Uint8Array): Uint8Array {
  const framing = factory()
  const out = new FrameWriter()
  out.begin(Infinity, false)
  const mark = framing.begin(out)
  out.bytes(body)
  framing.end(out, mark)
  return Buffer.concat([...(out.parts ?? []), out.slab.subarray(out.from, out.to)])
}

/** How many bytes of `wire` a framing takes, one by one, before it refuses with `code`. */
function refusedAfter(factory: FramingFactory, wire: Uint8Array, code: ErrorCode, limitBytes = MIB): number {
  const framing = factory()
  const buffer = new ChunkBuffer(limitBytes)
  for (const [at, byte] of wire.entries()) {
    buffer.append(Uint8Array.of(byte))
    try {
      while (buffer.ready && framing.next(buffer) !== undefined);
    } catch (error) {
      if (isHawserError(error, code)) return at + 1
      throw error
    }
  }
  throw new Error(`${wire.length} bytes were taken and nothing refused`)
}

const frames = [utf8('hello'), utf8('a'), new Uint8Array(0), utf8('{"n":1}'), new Uint8Array(300).fill(0x78)]
const body300 = '78'.repeat(300)

verifyFraming(suite, 'lengthPrefixed', {
  framing: lengthPrefixed(),
  wire: hex`00000005 68656c6c6f  00000001 61  00000000  00000007 7b226e223a317d  0000012c ${body300}`,
  frames,
})
verifyFraming(suite, 'lengthPrefixed little-endian', {
  framing: lengthPrefixed({ order: 'le' }),
  wire: hex`05000000 68656c6c6f  01000000 61  00000000`,
  frames: frames.slice(0, 3),
})
verifyFraming(suite, 'lengthPrefixed with 1 byte', {
  framing: lengthPrefixed({ fieldBytes: 1 }),
  wire: hex`05 68656c6c6f  01 61  00`,
  frames: frames.slice(0, 3),
})
verifyFraming(suite, 'lengthPrefixed with 2 bytes', {
  framing: lengthPrefixed({ fieldBytes: 2 }),
  wire: hex`0005 68656c6c6f  0001 61  0000  0007 7b226e223a317d  012c ${body300}`,
  frames,
})
verifyFraming(suite, 'lengthPrefixed with 3 bytes', {
  framing: lengthPrefixed({ fieldBytes: 3 }),
  wire: hex`000005 68656c6c6f  000001 61  000000  000007 7b226e223a317d  00012c ${body300}`,
  frames,
})
verifyFraming(suite, 'lengthPrefixed with 3 bytes, little-endian', {
  framing: lengthPrefixed({ fieldBytes: 3, order: 'le' }),
  wire: hex`050000 68656c6c6f  2c0100 ${body300}`,
  frames: [utf8('hello'), new Uint8Array(300).fill(0x78)],
})
verifyFraming(suite, 'lengthPrefixed with 8 bytes', {
  framing: lengthPrefixed({ fieldBytes: 8 }),
  wire: hex`0000000000000005 68656c6c6f  0000000000000000`,
  frames: [utf8('hello'), new Uint8Array(0)],
})
verifyFraming(suite, 'lengthPrefixed with 8 bytes, little-endian', {
  framing: lengthPrefixed({ fieldBytes: 8, order: 'le' }),
  wire: hex`0500000000000000 68656c6c6f  0000000000000000`,
  frames: [utf8('hello'), new Uint8Array(0)],
})
// Netty's LengthFieldBasedFrameDecoder, "2 bytes length field at offset 1 in the middle of 4 bytes header, strip the
// first header field and the length field, the length field represents the length of the whole message".
verifyFraming(suite, 'lengthPrefixed inside of a header that it counts', {
  framing: lengthPrefixed({ fieldBytes: 2, offset: 1, adjustment: -3, strip: 3 }),
  wire: hex`00 0010 fe 48454c4c4f2c20574f524c44`,
  frames: [hex`fe 48454c4c4f2c20574f524c44`],
})
verifyFraming(suite, 'varintPrefixed', {
  framing: varintPrefixed(),
  wire: hex`05 68656c6c6f  01 61  00  07 7b226e223a317d  ac02 ${body300}`,
  frames,
})
verifyFraming(suite, 'line', {
  framing: line(),
  wire: utf8(`hello\na\n\n{"n":1}\n${'x'.repeat(300)}\n`),
  frames,
})
verifyFraming(suite, "line with '\\r\\n'", {
  framing: line({ ending: '\r\n' }),
  wire: utf8('hello\r\n\r\ntwo\rthree\r\r\n'),
  frames: [utf8('hello'), new Uint8Array(0), utf8('two\rthree\r')],
})
verifyFraming(suite, 'delimiter', {
  framing: delimiter('\0'),
  wire: utf8('hello\0\0two\nlines\0'),
  frames: [utf8('hello'), new Uint8Array(0), utf8('two\nlines')],
})
verifyFraming(suite, 'delimiter of several bytes', {
  framing: delimiter(hex`aa aa bb`),
  wire: hex`01 aa 02 aaaabb  aaaabb  aa bb aaaabb`,
  frames: [hex`01 aa 02`, new Uint8Array(0), hex`aa bb`],
})
verifyFraming(suite, 'fixedLength', {
  framing: fixedLength(3),
  wire: hex`010203 040506`,
  frames: [hex`010203`, hex`040506`],
})
verifyFraming(suite, 'netstring', {
  framing: netstring(),
  wire: utf8(`5:hello,1:a,0:,7:{"n":1},300:${'x'.repeat(300)},`),
  frames,
})
verifyFraming(suite, 'contentLength', {
  framing: contentLength(),
  wire: utf8(
    `Content-Length: 5\r\n\r\nhelloContent-Length: 1\r\n\r\naContent-Length: 0\r\n\r\n` +
      `Content-Length: 7\r\n\r\n{"n":1}Content-Length: 300\r\n\r\n${'x'.repeat(300)}`,
  ),
  frames,
})
verifyFraming(suite, 'sized', {
  framing: sized((buffer) => (buffer.has(2) ? 2 + buffer.u8(1) : undefined)),
  wire: hex`30 03 010203  31 00  32 01 ff`,
  frames: [hex`30 03 010203`, hex`31 00`, hex`32 01 ff`],
})

test('A-02: a length above the limit is refused as soon as it is known, whatever its sign or size', (t) => {
  const after = (options: Parameters<typeof lengthPrefixed>[0], wire: Uint8Array, code: ErrorCode): number =>
    refusedAfter(lengthPrefixed(options), wire, code)
  t.is(after({}, hex`00100001 ff`, 'ERR_FRAME_TOO_LARGE'), 4)
  t.is(after({}, hex`80000000 ff`, 'ERR_FRAME_TOO_LARGE'), 4)
  t.is(after({}, hex`ffffffff ff`, 'ERR_FRAME_TOO_LARGE'), 4)
  t.is(after({ order: 'le' }, hex`01001000 ff`, 'ERR_FRAME_TOO_LARGE'), 4)
  t.is(after({ fieldBytes: 3 }, hex`ffffff ff`, 'ERR_FRAME_TOO_LARGE'), 3)
  t.is(after({ fieldBytes: 8 }, hex`0000000100000000 ff`, 'ERR_FRAME_TOO_LARGE'), 8)
  t.is(after({ fieldBytes: 8 }, hex`001fffffffffffff ff`, 'ERR_FRAME_TOO_LARGE'), 8)
  t.is(after({ fieldBytes: 8 }, hex`0020000000000000 ff`, 'ERR_BAD_FRAME'), 8)
  t.is(after({ fieldBytes: 8 }, hex`8000000000000000 ff`, 'ERR_BAD_FRAME'), 8)
  t.is(after({ fieldBytes: 8 }, hex`ffffffffffffffff ff`, 'ERR_BAD_FRAME'), 8)
  t.is(after({ fieldBytes: 8, order: 'le' }, hex`ffffffffffffffff ff`, 'ERR_BAD_FRAME'), 8)
  t.is(after({ fieldBytes: 2, adjustment: -2 }, hex`0001 ff`, 'ERR_BAD_FRAME'), 2)
  t.is(after({ fieldBytes: 1, strip: 3 }, hex`01 ff`, 'ERR_BAD_FRAME'), 1)

  t.is(refusedAfter(varintPrefixed(), hex`818040 ff`, 'ERR_FRAME_TOO_LARGE'), 3)
  t.is(refusedAfter(varintPrefixed(), hex`ffffffff7f ff`, 'ERR_FRAME_TOO_LARGE'), 5)
  t.is(refusedAfter(varintPrefixed(), hex`ffffffffff01`, 'ERR_BAD_FRAME'), 5)
  t.is(refusedAfter(varintPrefixed(), hex`ffffffffffffffffff01`, 'ERR_BAD_FRAME'), 5)
  t.is(refusedAfter(varintPrefixed(), hex`8000 ff`, 'ERR_BAD_FRAME'), 2)
  t.is(refusedAfter(varintPrefixed(), hex`858000 ff`, 'ERR_BAD_FRAME'), 3)

  t.is(refusedAfter(netstring(), utf8('1048577:x'), 'ERR_FRAME_TOO_LARGE'), 8)
  t.is(refusedAfter(netstring(), utf8('9999999999:x'), 'ERR_FRAME_TOO_LARGE'), 11)
  t.is(refusedAfter(netstring(), utf8('18446744073709551616:x'), 'ERR_BAD_FRAME'), 11)
  for (const [wire, bytes] of Object.entries({
    '05:': 2,
    '00:': 2,
    '-1:': 1,
    ':': 1,
    ' 1:': 1,
    '1x': 2,
    '1:ab': 4,
    GET: 1,
  })) {
    t.is(refusedAfter(netstring(), utf8(wire), 'ERR_BAD_FRAME'), bytes, wire)
  }
  t.is(
    refusedAfter(
      sized(() => 0),
      hex`00`,
      'ERR_BAD_FRAME',
    ),
    1,
  )
  t.is(
    refusedAfter(
      sized(() => -1),
      hex`00`,
      'ERR_BAD_FRAME',
    ),
    1,
  )
  t.is(
    refusedAfter(
      sized(() => Number.NaN),
      hex`00`,
      'ERR_BAD_FRAME',
    ),
    1,
  )
  t.is(
    refusedAfter(
      sized(() => 2 ** 40),
      hex`00`,
      'ERR_FRAME_TOO_LARGE',
    ),
    1,
  )
})

test('A-02: a Content-Length that is missing, given twice or no plain number is refused', (t) => {
  const refused = (headers: string, code: ErrorCode = 'ERR_BAD_FRAME'): void => {
    const wire = utf8(`${headers}\r\n\r\n`)
    t.is(refusedAfter(contentLength(), wire, code), wire.length, headers)
  }
  refused('Content-Length: 1048577', 'ERR_FRAME_TOO_LARGE')
  refused('Content-Length: 9999999999', 'ERR_FRAME_TOO_LARGE')
  for (const value of ['', ' ', '-1', '+1', '0x10', '1 1', '1,1', '1.0', '1e3', '18446744073709551616', 'five']) {
    refused(`Content-Length: ${value}`)
  }
  refused('Content-Length: 5\r\nContent-Length: 5')
  refused('Content-Length: 5\r\ncontent-length: 6')
  refused('Content-Type: text/plain')
  refused('Content-Length : 5')
  refused(' Content-Length: 5')
  refused('Content-Length: 5\r\n folded')
  refused('Content-Length 5')
  refused(': 5')
  refused('Content-Length: 5\nX: 1')
  refused('Content-Length: 5\0')
  refused('GET / HTTP/1.1')
})

test('contentLength: names are compared without case and other headers are ignored', (t) => {
  const wire = utf8('Content-Type: application/json; charset=utf-8\r\nCONTENT-length:\t 5 \r\nX-Empty:\r\n\r\nhello')
  t.deepEqual(read(contentLength(), [wire]).map(latin1), ['hello'])
})

test('contentLength: headers without an end are refused above 4 KiB and do not count against maxFrameBytes', (t) => {
  t.true(refusedAfter(contentLength(), utf8('X: '.repeat(5000)), 'ERR_BAD_FRAME') <= 4096 + 5)
  const padded = utf8(`X: ${'y'.repeat(3000)}\r\nContent-Length: 5\r\n\r\nhello`)
  t.deepEqual(read(contentLength(), [padded], 5).map(latin1), ['hello'])
  throws(() => read(contentLength(), [utf8(`X: ${'y'.repeat(5000)}\r\nContent-Length: 0\r\n\r\n`)]), 'ERR_BAD_FRAME')
})

test("line: '\\n' takes lines of both endings, '\\r\\n' leaves a bare line feed in its line", (t) => {
  const wire = utf8('one\r\ntwo\n\r\n\rthree\r\n\n')
  t.deepEqual(read(line(), [wire]).map(latin1), ['one', 'two', '', '\rthree', ''])
  t.deepEqual(read(line({ ending: '\r\n' }), [wire]).map(latin1), ['one', 'two\n', '\rthree'])
})

test('A-06: bytes without a delimiter are refused at the limit', (t) => {
  t.is(refusedAfter(line(), new Uint8Array(200), 'ERR_FRAME_TOO_LARGE', 100), 102)
  t.is(refusedAfter(delimiter('\0'), new Uint8Array(200).fill(1), 'ERR_FRAME_TOO_LARGE', 100), 101)
  t.is(refusedAfter(delimiter('--'), new Uint8Array(200), 'ERR_FRAME_TOO_LARGE', 100), 102)
  throws(() => read(line(), [utf8(`${'x'.repeat(101)}\n`)], 100), 'ERR_FRAME_TOO_LARGE')
  throws(() => read(line(), [utf8(`${'x'.repeat(101)}\r\n`)], 100), 'ERR_FRAME_TOO_LARGE')
  t.is(read(line(), [utf8(`${'x'.repeat(100)}\r\n`)], 100).length, 1)
})

test('one peer cannot forge the messages of another: what contains its delimiter is not sent', (t) => {
  const refused = (framing: FramingFactory, body: string): void => {
    throws(() => write(framing, utf8(body)), 'ERR_ENCODE')
  }
  refused(line(), 'hello\nadmin: bye')
  refused(line(), '\n')
  refused(line(), 'lost\r')
  refused(line({ ending: '\r\n' }), 'hello\r\nadmin: bye')
  refused(line({ ending: '\r\n' }), 'a peer that ends lines at a bare one\nwould see two')
  refused(line(), `${'x'.repeat(40_000)}\n${'x'.repeat(40_000)}`)
  refused(delimiter('END'), 'the END is near')
  refused(delimiter('aa'), 'xa')
  refused(delimiter('abab'), 'xab')
  refused(delimiter('END'), `${'x'.repeat(40_000)}EN`.concat('D'))
  t.is(latin1(write(line(), utf8('fine\rhere'))), 'fine\rhere\n')
  t.is(latin1(write(delimiter('END'), utf8('EN D'))), 'EN DEND')
})

test('A-14: messages that a header cannot announce are not sent', (t) => {
  throws(() => write(fixedLength(4), utf8('five!')), 'ERR_ENCODE')
  throws(() => write(fixedLength(4), utf8('3')), 'ERR_ENCODE')
  throws(() => write(lengthPrefixed({ fieldBytes: 1 }), new Uint8Array(256)), 'ERR_MESSAGE_TOO_LARGE')
  throws(() => write(lengthPrefixed({ fieldBytes: 2 }), new Uint8Array(65_536)), 'ERR_MESSAGE_TOO_LARGE')
  const error = throws(() => write(lengthPrefixed({ fieldBytes: 2, strip: 0 }), utf8('x')), 'ERR_ENCODE')
  t.is(error.message, 'a message of 1 B is shorter than its header')
})

test('lengthPrefixed: what is not stripped the codec writes itself, and its length is filled in', (t) => {
  const framing = lengthPrefixed({ fieldBytes: 2, offset: 1, strip: 0 })
  const wire = write(framing, hex`7f 0000 010203`)
  t.deepEqual([...wire], [...hex`7f 0003 010203`])
  t.deepEqual([...(read(framing, [wire])[0] ?? [])], [...wire])
})

test('unframed: each chunk is a frame as it came, whatever the limit', (t) => {
  const chunks = [utf8('one'), utf8('two'), new Uint8Array(0), new Uint8Array(70_000)]
  t.deepEqual(
    read(unframed(), chunks, 10).map((frame) => frame.length),
    [3, 3, 70_000],
  )
  t.is(latin1(write(unframed(), utf8('as it is'))), 'as it is')
})

test('a wrong option is named when the framing is chosen', (t) => {
  t.is(
    named(() => lengthPrefixed({ fieldBytes: 5 as 4 })),
    'fieldBytes',
  )
  t.is(
    named(() => lengthPrefixed({ offset: -1 })),
    'offset',
  )
  t.is(
    named(() => lengthPrefixed({ adjustment: 0.5 })),
    'adjustment',
  )
  t.is(
    named(() => lengthPrefixed({ strip: -1 })),
    'strip',
  )
  t.is(
    named(() => line({ ending: '\r' as '\n' })),
    'ending',
  )
  t.is(
    named(() => delimiter('')),
    'delimiter',
  )
  t.is(
    named(() => fixedLength(0)),
    'frameBytes',
  )
})

const BODIES = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 })
const CUTS = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 50 })

test('A-01: any frames cut in any way come back as they were sent', (t) => {
  const factories: Record<string, FramingFactory> = {
    lengthPrefixed: lengthPrefixed(),
    lengthPrefixed2: lengthPrefixed({ fieldBytes: 2, order: 'le', offset: 3, adjustment: -5 }),
    varintPrefixed: varintPrefixed(),
    netstring: netstring(),
    contentLength: contentLength(),
    delimiter: delimiter(hex`01 02 01`),
    delimiter1: delimiter(hex`00`),
    line: line(),
    crlf: line({ ending: '\r\n' }),
  }
  for (const [name, factory] of Object.entries(factories)) {
    fc.assert(
      fc.property(BODIES, CUTS, (bodies, cuts) => {
        const sent: Uint8Array[] = []
        const wires: Uint8Array[] = []
        for (const body of bodies) {
          try {
            wires.push(write(factory, body))
            sent.push(body)
          } catch (error) {
            if (!isHawserError(error, 'ERR_ENCODE')) throw error // it contains the delimiter
          }
        }
        const wire = Buffer.concat(wires)
        const chunks: Uint8Array[] = []
        for (let at = 0, i = 0; at < wire.length; i++) {
          const end = at + (cuts[i % cuts.length] as number)
          chunks.push(Uint8Array.from(wire.subarray(at, end)))
          at = end
        }
        t.deepEqual(read(factory, chunks).map(latin1), sent.map(latin1), name)
      }),
      { numRuns: 60 },
    )
  }
})

test('A-04: framings that search look at each byte once, however it comes', (t) => {
  const factories = { line: line(), delimiter: delimiter('--END--'), contentLength: contentLength() }
  for (const [name, factory] of Object.entries(factories)) {
    const framing = factory()
    const buffer = new ChunkBuffer(MIB)
    let searched = 0
    const indexOf = buffer.indexOf.bind(buffer)
    buffer.indexOf = (bytes, from: number) => {
      searched += buffer.length - from
      return indexOf(bytes, from)
    }
    const byte = Uint8Array.of(0x78)
    const count = 4000
    for (let i = 0; i < count; i++) {
      buffer.append(byte)
      while (buffer.ready && framing.next(buffer) !== undefined);
      buffer.settle(false)
    }
    t.true(searched < count * 10, `${name} looked at ${searched} bytes of ${count}`)
  }
})

test('A-04: a million one-byte chunks copy each byte a few times', (t) => {
  const cases: { name: string; factory: FramingFactory; wire: Uint8Array }[] = [
    { name: 'lengthPrefixed', factory: lengthPrefixed(), wire: hex`000f4240` },
    { name: 'line', factory: line(), wire: new Uint8Array(0) },
    { name: 'netstring', factory: netstring(), wire: utf8('1000000:') },
  ]
  for (const { name, factory, wire } of cases) {
    const copied = copiedBytes(() => {
      const framing = factory()
      const buffer = new ChunkBuffer(MIB)
      buffer.append(wire)
      const byte = Uint8Array.of(0x78)
      for (let i = 0; i < 999_999; i++) {
        buffer.append(byte)
        if (buffer.ready && framing.next(buffer) !== undefined) t.fail(`${name} gave a frame too early`)
        buffer.settle(false)
      }
    })
    t.true(copied < 5_000_000, `${name} copied ${copied} bytes`)
  }
})

test('a line that comes in large chunks is copied a few times, not once for each chunk', (t) => {
  const chunkBytes = 64 * 1024
  const count = 256
  const copied = copiedBytes(() => {
    const framing = line()()
    const buffer = new ChunkBuffer(64 * MIB)
    for (let i = 0; i < count; i++) {
      buffer.append(new Uint8Array(chunkBytes))
      t.is(framing.next(buffer), undefined)
      buffer.settle(false)
    }
  })
  t.true(copied < chunkBytes * count * 4, `${copied} bytes were copied`)
})
