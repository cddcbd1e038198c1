import test from 'ava'
import fc from 'fast-check'
import { ChunkBuffer } from '../../src/core/chunk-buffer.ts'
import { throws } from '../../src/testing/conformance/check.ts'
import { copiedBytes } from '../support/copied-bytes.ts'

const MIB = 1024 * 1024

/** A chunk whose bytes tell where in the stream they stand. */
function chunkAt(position: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => ((position + at) * 31 + ((position + at) >> 8)) & 0xff)
}

type Operation =
  | { readonly kind: 'append' | 'has' | 'take' | 'frame' | 'skip' | 'view' | 'read' | 'find'; readonly size: number }
  | { readonly kind: 'more' }
  | { readonly kind: 'settle'; readonly borrowed: boolean }

const SIZE = fc.oneof(
  { weight: 6, arbitrary: fc.nat(40) },
  { weight: 2, arbitrary: fc.nat(3000) },
  { weight: 1, arbitrary: fc.integer({ min: 16_000, max: 70_000 }) },
)
const OPERATION: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), size: SIZE }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom('has' as const, 'take' as const, 'frame' as const), size: SIZE }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('skip' as const, 'view' as const), size: SIZE }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('read' as const, 'find' as const), size: SIZE }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'more' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const), borrowed: fc.boolean() }) },
)

test('any order of calls reads the plain concatenation, and no view changes later', (t) => {
  fc.assert(
    fc.property(fc.array(OPERATION, { maxLength: 60 }), (operations) => {
      const buffer = new ChunkBuffer(Infinity)
      let waiting: Buffer = Buffer.alloc(0)
      let sent = 0
      let lastChunk: Uint8Array | undefined
      const views: { readonly view: Uint8Array; readonly bytes: Buffer }[] = []
      const keep = (view: Uint8Array, expected: Buffer): void => {
        t.true(expected.equals(view))
        if (lastChunk === undefined || view.buffer !== lastChunk.buffer) views.push({ view, bytes: Buffer.from(view) })
      }
      const consume = (count: number): void => {
        waiting = waiting.subarray(count)
      }
      for (const operation of operations) {
        if (operation.kind === 'append') {
          lastChunk = chunkAt(sent, operation.size)
          sent += operation.size
          waiting = Buffer.concat([waiting, lastChunk])
          buffer.append(lastChunk)
        } else if (operation.kind === 'has') {
          t.is(buffer.has(operation.size), waiting.length >= operation.size)
          if (waiting.length >= operation.size) t.true(buffer.length >= operation.size)
        } else if (operation.kind === 'frame') {
          const from = operation.size >> 2
          const frame = buffer.frame(from, operation.size, from)
          t.is(frame !== undefined, waiting.length >= operation.size)
          if (frame === undefined) {
            t.false(buffer.ready)
          } else {
            t.true(buffer.ready)
            keep(frame, waiting.subarray(from, operation.size))
            consume(operation.size)
          }
        } else if (operation.kind === 'more') {
          const before = buffer.length
          t.is(buffer.more(), before < waiting.length)
          t.is(buffer.length > before, before < waiting.length)
        } else if (operation.kind === 'settle') {
          buffer.settle(operation.borrowed)
          if (operation.borrowed) lastChunk?.fill(0xee)
          lastChunk = undefined
        } else {
          const count = Math.min(operation.size, buffer.length)
          if (operation.kind === 'take') {
            keep(buffer.take(count), waiting.subarray(0, count))
            consume(count)
          } else if (operation.kind === 'skip') {
            buffer.skip(count)
            consume(count)
          } else if (operation.kind === 'view') {
            keep(buffer.view(count >> 1, count), waiting.subarray(count >> 1, count))
          } else if (operation.kind === 'read' && count > 0) {
            t.is(buffer.u8(count - 1), waiting.readUInt8(count - 1))
            if (count > 1) t.is(buffer.u16(count - 2), waiting.readUInt16BE(count - 2))
            if (count > 1) t.is(buffer.u16(count - 2, 'le'), waiting.readUInt16LE(count - 2))
            if (count > 3) t.is(buffer.u32(count - 4), waiting.readUInt32BE(count - 4))
            if (count > 3) t.is(buffer.u32(count - 4, 'le'), waiting.readUInt32LE(count - 4))
          } else if (operation.kind === 'find') {
            const atHand = waiting.subarray(0, buffer.length)
            const pattern = atHand.subarray(count >> 1, (count >> 1) + 3)
            t.is(buffer.indexOf(7, count >> 2), atHand.indexOf(7, count >> 2))
            if (pattern.length > 0) t.is(buffer.indexOf(pattern, count >> 2), atHand.indexOf(pattern, count >> 2))
          }
        }
        t.is(buffer.totalBytes, waiting.length)
        t.true(buffer.length > 0 || waiting.length === 0)
      }
      if (buffer.has(waiting.length)) t.true(waiting.equals(buffer.take(waiting.length)))
      else t.fail('what arrived is gone')
      for (const { view, bytes } of views) t.true(bytes.equals(view))
    }),
    { numRuns: 400 },
  )
})

test('a whole frame in a chunk is a view of it, and a split one is copied once', (t) => {
  const buffer = new ChunkBuffer(MIB)
  const chunk = chunkAt(0, 100)
  buffer.append(chunk)
  t.is(buffer.take(60).buffer, chunk.buffer)
  t.is(buffer.take(40).buffer, chunk.buffer)
  const size = 512 * 1024
  const copied = copiedBytes(() => {
    for (let at = 0; at < size; at += 64 * 1024) buffer.append(chunkAt(at, 64 * 1024))
    t.true(buffer.has(size))
  })
  t.is(copied, size)
  t.true(Buffer.from(buffer.take(size)).equals(Buffer.from(chunkAt(0, size))))
})

/** The largest buffer made while `run` runs. */
function largestAllocation(run: () => void): number {
  let largest = 0
  const allocate = Buffer.allocUnsafeSlow.bind(Buffer)
  Buffer.allocUnsafeSlow = (length) => {
    largest = Math.max(largest, length)
    return allocate(length)
  }
  try {
    run()
  } finally {
    Buffer.allocUnsafeSlow = allocate
  }
  return largest
}

test('A-04: a peer that sends one byte at a time pins at most twice what it sent and 4 KiB', (t) => {
  for (const first of [0, 3, 5000]) {
    const buffer = new ChunkBuffer(64 * MIB)
    let sent = 0
    if (first > 0) buffer.append(chunkAt(0, (sent = first)))
    buffer.settle(false)
    const byte = Uint8Array.of(1)
    for (let power = 4; power < 18; power++) {
      const largest = largestAllocation(() => {
        for (; sent < 2 ** power; sent++) {
          buffer.append(byte)
          buffer.need(64 * MIB)
          buffer.settle(false)
        }
      })
      t.true(largest <= 2 * sent + 4096, `${largest} for ${sent}`)
    }
  }
})

test('A-02: an announced length takes no memory, and one above the limit is refused', (t) => {
  const buffer = new ChunkBuffer(1000)
  const largest = largestAllocation(() => {
    buffer.append(chunkAt(0, 4))
    buffer.need(1000)
    buffer.need(1004, 4)
    buffer.settle(false)
  })
  t.is(largest, 0)
  t.false(buffer.ready)
  throws(() => buffer.need(1001), 'ERR_FRAME_TOO_LARGE')
  throws(() => buffer.need(1005, 4), 'ERR_FRAME_TOO_LARGE')
  throws(() => buffer.need(2 ** 53), 'ERR_FRAME_TOO_LARGE')
  t.is(buffer.frame(4, 1004, 4), undefined)
  throws(() => buffer.frame(4, 1005, 4), 'ERR_FRAME_TOO_LARGE')
  buffer.append(chunkAt(4, 1000))
  t.true(buffer.ready)
})

test('a small rest of a large chunk does not pin it', (t) => {
  const buffer = new ChunkBuffer(MIB)
  buffer.append(new Uint8Array(64 * 1024))
  buffer.skip(64 * 1024 - 10)
  buffer.settle(false)
  t.true(buffer.view(0, 10).buffer.byteLength <= 20)
  buffer.append(chunkAt(0, 5))
  t.is(buffer.length, 15)
  buffer.clear()
  t.is(buffer.totalBytes, 0)
  t.false(buffer.has(1))
  t.true(buffer.ready)
})

test('what lies outside of the bytes at hand cannot be read', (t) => {
  const buffer = new ChunkBuffer(MIB)
  buffer.append(Uint8Array.of(1, 2, 3))
  buffer.skip(1)
  for (const read of [
    () => buffer.u8(2),
    () => buffer.u8(-1),
    () => buffer.u16(1),
    () => buffer.u32(0),
    () => buffer.view(0, 3),
    () => buffer.view(-1, 1),
    () => buffer.view(2, 1),
    () => buffer.take(3),
    () => buffer.take(-1),
    () => buffer.skip(3),
    () => buffer.frame(-1, 2),
    () => buffer.frame(2, 1),
    () => buffer.frame(0, -1),
  ]) {
    t.throws(read, { instanceOf: RangeError })
  }
  t.is(buffer.length, 2)
})
