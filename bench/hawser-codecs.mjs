import { fileURLToPath } from 'node:url'
import { numbersOf } from './contents.mjs'
import { json, loadProto, protobuf, raw } from './hawser.mjs'

const u32 = (bytes, at) => (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]

/** A codec as users write them: sixteen numbers of 32 bits. */
const numbers = {
  format: 'binary',
  keeps: 'values',
  decode: (frame) =>
    numbersOf(
      u32(frame, 0),
      u32(frame, 4),
      u32(frame, 8),
      u32(frame, 12),
      u32(frame, 16),
      u32(frame, 20),
      u32(frame, 24),
      u32(frame, 28),
      u32(frame, 32),
      u32(frame, 36),
      u32(frame, 40),
      u32(frame, 44),
      u32(frame, 48),
      u32(frame, 52),
      u32(frame, 56),
      u32(frame, 60),
    ),
  encode(message, out) {
    out.i32(message.a)
    out.i32(message.b)
    out.i32(message.c)
    out.i32(message.d)
    out.i32(message.e)
    out.i32(message.f)
    out.i32(message.g)
    out.i32(message.h)
    out.i32(message.i)
    out.i32(message.j)
    out.i32(message.k)
    out.i32(message.l)
    out.i32(message.m)
    out.i32(message.n)
    out.i32(message.o)
    out.i32(message.p)
  },
}

/** The codec of a workload's name. */
export async function codecOf(name = 'raw') {
  if (name !== 'protobuf') return { raw: raw(), json: json(), numbers }[name]
  return protobuf((await loadRecord()).lookupType('Record'))
}

/** What record.proto says. */
export function loadRecord() {
  return loadProto(fileURLToPath(new URL('record.proto', import.meta.url)))
}
