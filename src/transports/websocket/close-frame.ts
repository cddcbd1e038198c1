import { allocate, utf8Length, writeUtf8 } from '../../core/bytes.ts'
import { isSendable, sendableText } from '../../core/close-code.ts'
import type { CloseReason } from '../../core/connection.ts'
import { badFrame, badMessage } from '../../core/errors.ts'
import { readUtf8 } from '../../core/utf8.ts'

/** All went well. */
export const NORMAL = 1000
/** For a code that may not be sent. */
const POLICY_VIOLATION = 1008

/**
 * What a close frame says: nothing, or a code and perhaps a text.
 * @throws ERR_BAD_FRAME for a code that may not be on the wire, ERR_BAD_MESSAGE for a text that is not UTF-8
 */
export function readClose(payload: Uint8Array): CloseReason {
  if (payload.length === 0) return {}
  if (payload.length === 1) throw badFrame('a close frame has half a code')
  const code = ((payload[0] as number) << 8) | (payload[1] as number)
  if (!isSendable(code)) throw badFrame(`a close frame has the code ${code}`)
  try {
    return { code, text: readUtf8(payload.subarray(2)) }
  } catch (error) {
    throw badMessage('the text of a close frame is not UTF-8', error)
  }
}

/** The payload of a close frame; what of the text has no room is left out. */
export function closePayload({ code, text = '' }: CloseReason): Uint8Array {
  if (code === undefined) return allocate(0)
  const short = sendableText(text)
  const payload = allocate(2 + utf8Length(short))
  const sent = isSendable(code) ? code : POLICY_VIOLATION
  payload[0] = sent >> 8
  payload[1] = sent & 0xff
  writeUtf8(payload, short, 2)
  return payload
}
