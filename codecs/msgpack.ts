import { Decoder, Encoder } from '@msgpack/msgpack'
import { readUtf8 } from '../src/core/utf8.ts'
import type { Codec } from '../src/core/codec.ts'
import { badMessage, cannotEncode, describe } from '../src/core/errors.ts'
import { FrameReader } from '../src/core/frame-reader.ts'
import { REFER_BYTES } from '../src/core/frame-writer.ts'
import type { RpcBody } from '../src/core/rpc-body.ts'
import type { WriteBuffer } from '../src/core/write-buffer.ts'

/** Arrays and maps inside of each other, received or sent. */
const MAX_DEPTH = 64
/** Keys in all maps of a message together. */
const MAX_KEYS = 10_000

/**
 * MessagePack. Maps become plain objects with string or number keys, `bin` becomes Uint8Array, timestamps become Date,
 * other extensions an ExtData; integers beyond 2^53 lose precision. Going out, undefined properties are left out.
 * A message points nowhere into its frame. At most 64 levels, and 10,000 keys a message; the key `__proto__` is refused.
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md.
 * @throws ERR_BAD_MESSAGE for anything else, before memory is taken for what a header announces
 * @throws ERR_ENCODE to the sender of what MessagePack cannot say: a function, a bigint, a circle
 */
export function msgpack<In = unknown, Out = In>(): Codec<In, Out> {
  return new MessagePack() as Codec<unknown> as Codec<In, Out>
}

class MessagePack implements Codec<unknown> {
  readonly format = 'binary'
  readonly keeps = 'values'
  readonly #decoder = new Decoder()
  #encoder = newEncoder()

  decode(frame: Uint8Array): unknown {
    const binary = checkStructure(frame)
    try {
      return this.#decoder.decode(binary ? new Uint8Array(frame) : frame)
    } catch (error) {
      throw badMessage(`the message is not MessagePack: ${describe(error)}`)
    }
  }

  encode(message: unknown, out: WriteBuffer): void {
    let bytes: Uint8Array
    try {
      bytes = this.#encoder.encodeSharedRef(message)
    } catch (error) {
      throw cannotEncode('the message cannot be said in MessagePack', error)
    }
    if (bytes.length >= REFER_BYTES) this.#encoder = newEncoder() // `out` refers to the bytes
    out.bytes(bytes)
  }
}

/**
 * MessagePack as the body of `binary()` of hawser/rpc, bounded as `msgpack()` is, and no bytes at all for undefined:
 * `void` methods have neither argument nor result.
 */
export const msgpackBody: RpcBody = /* @__PURE__ */ bodyOf(/* @__PURE__ */ new MessagePack())

function bodyOf(codec: MessagePack): RpcBody {
  return {
    name: 'msgpack',
    encode(value, out) {
      if (value !== undefined) codec.encode(value, out)
    },
    decode: (bytes) => (bytes.length === 0 ? undefined : codec.decode(bytes)),
  }
}

function newEncoder(): Encoder {
  return new Encoder({ maxDepth: MAX_DEPTH + 1, ignoreUndefined: true }) // it counts what stands inside, too
}

/** Of the walk below: values still to come on each level. */
const left = /* @__PURE__ */ new Uint32Array(MAX_DEPTH)

/**
 * Walks the message without making anything of it. The decoder allocates what a header announces, element by element
 * inside of each other, and is lenient about UTF-8; after this walk whatever is announced is there.
 * @returns whether there are parts that the decoder would give as views of the frame
 */
function checkStructure(frame: Uint8Array): boolean {
  const reader = new FrameReader(frame)
  let depth = 0
  let keys = 0
  let binary = false
  for (;;) {
    const head = reader.u8()
    let values = 0
    if (head < 0x80 || head >= 0xe0) {
      // A small integer.
    } else if (head < 0x90) {
      values = 2 * (head & 0x0f)
      keys += head & 0x0f
    } else if (head < 0xa0) {
      values = head & 0x0f
    } else if (head < 0xc0) {
      checkText(reader, head & 0x1f)
    } else {
      const width = 2 ** (head & 1) // of the families that come in two widths
      switch (head) {
        case 0xc0: // nil
        case 0xc2: // false
        case 0xc3: // true
          break
        case 0xc4: // bin 8
        case 0xc5: // bin 16
        case 0xc6: // bin 32
          reader.bytes(lengthOf(reader, head - 0xc4))
          binary = true
          break
        case 0xc7: // ext 8
        case 0xc8: // ext 16
        case 0xc9: // ext 32
          reader.bytes(lengthOf(reader, head - 0xc7) + 1)
          binary = true
          break
        case 0xca: // float 32
        case 0xcb: // float 64
          reader.bytes(4 * width)
          break
        case 0xcc: // uint 8 … 64
        case 0xcd:
        case 0xce:
        case 0xcf:
        case 0xd0: // int 8 … 64
        case 0xd1:
        case 0xd2:
        case 0xd3:
          reader.bytes(2 ** (head & 3))
          break
        case 0xd4: // fixext 1 … 16
        case 0xd5:
        case 0xd6:
        case 0xd7:
        case 0xd8:
          reader.bytes(2 ** (head - 0xd4) + 1)
          binary = true
          break
        case 0xd9: // str 8
        case 0xda: // str 16
        case 0xdb: // str 32
          checkText(reader, lengthOf(reader, head - 0xd9))
          break
        case 0xdc: // array 16
        case 0xdd: // array 32
          values = lengthOf(reader, head - 0xdb)
          break
        case 0xde: // map 16
        case 0xdf: {
          const pairs = lengthOf(reader, head - 0xdd)
          values = 2 * pairs
          keys += pairs
          break
        }
        default:
          throw badMessage('the message contains the byte c1, which MessagePack never uses')
      }
    }
    if (keys > MAX_KEYS) throw badMessage(`the message has more than ${MAX_KEYS} keys`)
    if (values > reader.remaining) throw badMessage(`the message announces ${values} values and ends before them`)
    if (values > 0) {
      if (depth === MAX_DEPTH) throw badMessage(`the message is more than ${MAX_DEPTH} levels deep`)
      left[depth++] = values
    } else {
      while (depth > 0 && (left[depth - 1] = (left[depth - 1] as number) - 1) === 0) depth--
      if (depth === 0) break
    }
  }
  if (reader.remaining > 0) throw badMessage(`${reader.remaining} bytes follow the message`)
  return binary
}

/** @param width 0, 1, 2: one, two, four bytes */
function lengthOf(reader: FrameReader, width: number): number {
  if (width === 0) return reader.u8()
  return width === 1 ? reader.u16() : reader.u32()
}

function checkText(reader: FrameReader, length: number): void {
  const bytes = reader.bytes(length)
  let at = 0
  while (at < length && (bytes[at] as number) < 0x80) at++
  if (at === length) return
  try {
    readUtf8(bytes)
  } catch (error) {
    throw badMessage('a text in the message is not UTF-8', error)
  }
}
