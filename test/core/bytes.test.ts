import test from 'ava'
import fc from 'fast-check'
import { allocate, copy, indexOfByte, preview, utf8Length, writeUtf8 } from '../../src/core/bytes.ts'
import { readUtf8 } from '../../src/core/utf8.ts'
import { hex } from '../../src/testing/index.ts'

test('texts become the UTF-8 of TextEncoder, and come back from a Buffer and a Uint8Array alike', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const expected = new TextEncoder().encode(text)
      const target = allocate(expected.length + 2)
      t.is(utf8Length(text), expected.length)
      t.is(writeUtf8(target, text, 1), expected.length)
      t.deepEqual([...target.subarray(1, -1)], [...expected])
      const back = new TextDecoder('utf-8', { ignoreBOM: true }).decode(expected)
      t.is(readUtf8(target.subarray(1, -1)), back)
      t.is(readUtf8(expected), back)
    }),
  )
})

test('bytes are read as UTF-8 exactly where the strict decoder reads them', (t) => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const pieces = fc.constantFrom(
    hex`61`,
    hex`c3bc`,
    hex`efbfbd`,
    hex`f09f9a80`,
    hex`eda080`,
    hex`c080`,
    hex`ff`,
    hex`e282`,
    hex`efbbbf`,
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 6 }), (parts) => {
      const bytes = Buffer.concat(parts)
      let expected: string | undefined
      try {
        expected = strict.decode(bytes)
      } catch {
        expected = undefined // not UTF-8
      }
      if (expected === undefined) t.throws(() => readUtf8(bytes), { any: true })
      else t.is(readUtf8(bytes), expected)
    }),
  )
})

test('a byte is found where Buffer finds it, and not behind the end', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ max: 3, maxLength: 300 }), fc.nat(3), fc.nat(300), fc.nat(300), (bytes, byte, a, b) => {
      const from = Math.min(a, b, bytes.length)
      const to = Math.min(Math.max(a, b), bytes.length)
      const found = bytes.subarray(from, to).indexOf(byte)
      t.is(indexOfByte(bytes, byte, from, to), found < 0 ? -1 : from + found)
    }),
  )
})

test('a copy pins nothing else, and a preview is short and readable', (t) => {
  const chunk = new Uint8Array(1000).fill(0x41)
  const kept = copy(chunk.subarray(10, 20))
  t.is(kept.buffer.byteLength, 10)
  t.is(allocate(5).buffer.byteLength, 5)
  t.is(preview(hex`16 03 01 02 00 41 7f`), '16 03 01 02 00 41 7f ".....A."')
  t.is(preview(chunk), `${'41 '.repeat(16).trim()} "${'A'.repeat(16)}"`)
})
