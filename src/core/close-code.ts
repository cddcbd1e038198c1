import type { CloseReason } from './connection.ts'
import type { ErrorCode, HawserError } from './errors.ts'
import { unitsThatFit } from './utf8.ts'

/** RFC 6455 section 7.4.1; other connections cannot tell their peer. */
const CLOSE_CODES: Partial<Record<ErrorCode, number>> = {
  ERR_BAD_FRAME: 1002,
  ERR_TRUNCATED: 1002,
  ERR_COMPRESSION: 1002,
  ERR_RATE_LIMIT: 1008,
  ERR_BAD_MESSAGE: 1007,
  ERR_FRAME_TOO_LARGE: 1009,
  ERR_LISTENER: 1011,
  ERR_REFUSED: 1008,
}
const POLICY_VIOLATION = 1008
const MAX_REASON_LENGTH = 40
/** RFC 6455 section 5.5: a control frame has 125 bytes, two of which are the code. */
const MAX_TEXT_BYTES = 123

/** What the peer is told when a session closes because of `error`: a code, and no text that could give us away. */
export function closeReasonOf(error: HawserError): CloseReason {
  const { status } = error as { status?: number }
  if (error.code === 'ERR_REFUSED') {
    return { code: status ?? POLICY_VIOLATION, text: error.message.slice(0, MAX_REASON_LENGTH) }
  }
  return { code: CLOSE_CODES[error.code] ?? POLICY_VIOLATION }
}

/** RFC 6455 section 7.4 and its registry: 1005, 1006 and 1015 are never on the wire. */
export function isSendable(code: number): boolean {
  if (code >= 3000) return code < 5000
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006
}

/** As much of the text as a close frame has room for, without half a character at its end. */
export function sendableText(text: string): string {
  return text.slice(0, unitsThatFit(text, MAX_TEXT_BYTES))
}
