import { isDeepStrictEqual } from 'node:util'
import { chat } from '../../../.gen/chat.js'
import { json } from '../../../codecs/json.ts'
import { msgpack } from '../../../codecs/msgpack.ts'
import { protobuf, protobufUnion } from '../../../codecs/protobuf.ts'
import { text } from '../../../codecs/text.ts'
import { respCodec } from '../../../examples/redis-server/resp-codec.ts'
import { resp } from '../../../examples/redis-server/resp-framing.ts'
import { ChunkBuffer } from '../../../src/core/chunk-buffer.ts'
import type { Codec } from '../../../src/core/codec.ts'
import { FrameWriter } from '../../../src/core/frame-writer.ts'
import { hex } from '../../../src/testing/hex.ts'
import { ascii, codeOf, type FuzzTarget, hexOf, same } from '../fuzz-target.ts'

function encode<Out>(of: Codec<unknown, Out>, message: Out): Uint8Array {
  const out = new FrameWriter()
  out.begin(Infinity, false)
  of.encode(message, out)
  return Uint8Array.from(Buffer.concat([...(out.parts ?? []), out.slab.subarray(out.from, out.to)]))
}

/** @throws where it gives a message which it encodes to bytes that it takes for another message, or for none */
function codec(
  name: string,
  of: Codec<unknown>,
  corpus: readonly Uint8Array[],
  tokens: readonly Uint8Array[] = [],
): FuzzTarget {
  const isText = of.format === 'text'
  return {
    name: `codec/${name}`,
    corpus,
    tokens,
    check(input: Uint8Array): string {
      let message: unknown
      try {
        message = of.decode(input, isText)
      } catch (error) {
        return codeOf(error)
      }
      const untouched = Object.prototype as { readonly polluted?: unknown }
      if (untouched.polluted !== undefined) throw new Error('a prototype was changed')
      let bytes: Uint8Array
      try {
        bytes = encode(of, message)
      } catch (error) {
        return `cannot be encoded: ${codeOf(error)}`
      }
      const again = of.decode(Uint8Array.from(bytes), isText)
      if (!isDeepStrictEqual(again, message)) same(JSON.stringify(again), JSON.stringify(message), 'decoded again')
      same(hexOf(encode(of, again)), hexOf(bytes), 'encoded again')
      return `${typeof message} ${Array.isArray(message)} ${Math.min(bytes.length, 32)}`
    },
  }
}

const respTarget: FuzzTarget = {
  name: 'codec/resp',
  corpus: [ascii('*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n'), ascii("set \"a\\x41\\n\" 'b\\''\r\n"), ascii('"a"b\r\n')],
  tokens: [ascii('"'), ascii("'"), ascii('\\x'), ascii('\\'), ascii(' '), ascii('\r\n'), ascii('*1\r\n$0\r\n\r\n')],
  check(input: Uint8Array): string {
    const framing = resp()()
    const buffer = new ChunkBuffer(1024 * 1024)
    buffer.append(input)
    let words = 0
    try {
      while (buffer.ready) {
        const frame = framing.next(buffer)
        if (frame === undefined) break
        const command = respCodec.decode(frame, false)
        for (const word of command) {
          if (!(word instanceof Uint8Array) || word.length > frame.length)
            throw new Error('a word that is not of its frame')
        }
        words += command.length
      }
    } catch (error) {
      return `${Math.min(words, 8)} ${codeOf(error)}`
    }
    return `${Math.min(words, 8)}`
  },
}

/** The codecs of `hawser/codecs`, and that of the Redis example. */
export const codecs: readonly FuzzTarget[] = [
  codec(
    'json',
    json<unknown>(),
    [ascii('{"a":[1,-2.5e3,"\\u00e9",null,true]}'), ascii('"x"'), ascii('[[[[]]]]'), ascii('{"a":1,"a":2}')],
    [
      '[',
      '{"a":',
      '"__proto__"',
      '{"__proto__":{"polluted":1}}',
      '1e400',
      '-0',
      '"\\ud800"',
      '\u00ef\u00bb\u00bf',
      '0.1e-400',
    ].map(ascii),
  ),
  codec(
    'text',
    text() as Codec<unknown>,
    [ascii('hello'), hex`c3a9 e282ac f09f9880`],
    [hex`eda080`, hex`c0af`, hex`efbbbf`],
  ),
  codec(
    'msgpack',
    msgpack<unknown>(),
    [
      hex`82 a161 93 01 ff cb3ff8000000000000 a162 c0`,
      hex`dc0002 01 02`,
      hex`c4 02 0102`,
      hex`d9 01 61`,
      hex`cf 0020000000000000`,
      hex`d6ff 00000001`,
    ],
    [
      hex`ddffffffff`,
      hex`dfffffffff`,
      hex`dbffffffff`,
      hex`c6ffffffff`,
      hex`81 a9 5f5f70726f746f5f5f 80`,
      hex`91`,
      hex`c9ffffffff 01`,
    ],
  ),
  codec(
    'protobuf',
    protobuf<object>(chat.Say) as Codec<unknown>,
    [
      hex`0a 05 68656c6c6f 10 07`,
      hex`22 02 00ff 2a 03 01 ac02`,
      hex`3a 08 3a 06 0a 04 64656570 40 01`,
      hex`32 07 0a 03 616e6e 10 01`,
    ],
    [hex`ffffffffffffffffff01`, hex`0a ffffffff0f`, hex`0b`, hex`0c`, hex`80 80 80 80 80 80 80 80 80 80 01`],
  ),
  codec(
    'protobuf-union',
    protobufUnion({ say: { id: 1, type: chat.Say }, join: { id: 300, type: chat.Join } }) as unknown as Codec<unknown>,
    [hex`01 0a 02 6869`, hex`ac02 0a 03 616e6e`],
    [hex`ac02`, hex`01`, hex`ffffffffffffffffff01`],
  ),
  respTarget,
]
