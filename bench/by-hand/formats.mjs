// How messages are written into a slab and read from a chunk, by hand. `prepare` gives what `bytes` and `write` work on.
import protobufjs from 'protobufjs'
import { fileURLToPath } from 'node:url'
import { numbersOf, NUMBERS_BYTES } from '../contents.mjs'

const raw = {
  prepare: (message) => message,
  mostBytes: (message) => message.length,
  write(message, slab, at) {
    slab.set(message, at)
    return message.length
  },
  read: (chunk, from, to) => new Uint8Array(chunk.buffer, chunk.byteOffset + from, to - from),
}

const json = {
  prepare: (message) => JSON.stringify(message),
  mostBytes: (text) => text.length * 3,
  write: (text, slab, at) => slab.write(text, at),
  read: (chunk, from, to) => JSON.parse(chunk.toString('utf8', from, to)),
}

/** The type of record.proto, as protobufjs makes it at run time; one writer for all messages. */
function protobuf() {
  const type = protobufjs.loadSync(fileURLToPath(new URL('../record.proto', import.meta.url))).lookupType('Record')
  const writer = protobufjs.Writer.create()
  return {
    prepare(message) {
      writer.pos = 0
      return type.encode(message, writer).finish(true)
    },
    mostBytes: raw.mostBytes,
    write: raw.write,
    read: (chunk, from, to) => type.decode(chunk.subarray(from, to)),
  }
}

const u32 = (bytes, at) => (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]

function setU32(bytes, at, value) {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

const numbers = {
  prepare: (message) => message,
  mostBytes: () => NUMBERS_BYTES,
  write(message, slab, at) {
    setU32(slab, at, message.a)
    setU32(slab, at + 4, message.b)
    setU32(slab, at + 8, message.c)
    setU32(slab, at + 12, message.d)
    setU32(slab, at + 16, message.e)
    setU32(slab, at + 20, message.f)
    setU32(slab, at + 24, message.g)
    setU32(slab, at + 28, message.h)
    setU32(slab, at + 32, message.i)
    setU32(slab, at + 36, message.j)
    setU32(slab, at + 40, message.k)
    setU32(slab, at + 44, message.l)
    setU32(slab, at + 48, message.m)
    setU32(slab, at + 52, message.n)
    setU32(slab, at + 56, message.o)
    setU32(slab, at + 60, message.p)
    return NUMBERS_BYTES
  },
  read: (chunk, at) =>
    numbersOf(
      u32(chunk, at),
      u32(chunk, at + 4),
      u32(chunk, at + 8),
      u32(chunk, at + 12),
      u32(chunk, at + 16),
      u32(chunk, at + 20),
      u32(chunk, at + 24),
      u32(chunk, at + 28),
      u32(chunk, at + 32),
      u32(chunk, at + 36),
      u32(chunk, at + 40),
      u32(chunk, at + 44),
      u32(chunk, at + 48),
      u32(chunk, at + 52),
      u32(chunk, at + 56),
      u32(chunk, at + 60),
    ),
}

/** The format of a codec's name. */
export function formatOf(codec = 'raw') {
  return codec === 'protobuf' ? protobuf() : { raw, json, numbers }[codec]
}
