import { readUtf8 } from '../src/core/utf8.ts'
import type { Codec } from '../src/core/codec.ts'
import { badMessage, cannotEncode } from '../src/core/errors.ts'

/**
 * UTF-8 texts, and text frames on WebSocket. A byte order mark stays part of the text. Half of a surrogate pair, which
 * UTF-8 cannot hold, is sent as U+FFFD, as a browser's WebSocket does.
 * @throws ERR_BAD_MESSAGE for bytes that are not UTF-8
 */
export function text(): Codec<string> {
  return TEXT
}

const TEXT: Codec<string> = {
  format: 'text',
  keeps: 'values',
  decode(frame) {
    try {
      return readUtf8(frame)
    } catch (error) {
      throw badMessage('the text is not UTF-8', error)
    }
  },
  encode(message, out) {
    if (typeof message !== 'string') throw cannotEncode(`text() sends a string, and this is of type ${typeof message}`)
    out.utf8(message)
  },
}
