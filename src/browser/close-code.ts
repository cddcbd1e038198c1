import { known } from '../core/known.ts'
import type { CloseReason } from '../core/connection.ts'

/** RFC 6455 section 7.4.1: nothing is wrong. */
const NORMAL = 1000
/** The protocol's own codes, which a page may not send, leave as ones of an application: 1008 as 4008. */
const PROTOCOL_TO_PRIVATE = 3000

/** What a browser lets a page say at the end: 1000, or 3000 to 4999. */
export function sendableCode(code: number = NORMAL): number {
  if (code === NORMAL || (code >= 3000 && code <= 4999)) return code
  const isProtocols = code > NORMAL && code < 2000
  return PROTOCOL_TO_PRIVATE + (isProtocols ? code : 1008)
}

/** Codes that stand for "no Close frame came": a broken link, or a TLS handshake that failed. */
export function isBroken(code: number): boolean {
  return code === 1006 || code === 1015
}

/** What the peer said; 1005 is its saying nothing. */
export function receivedReason(code: number, text: string): CloseReason {
  return known({ code: code === 1005 ? undefined : code, text: text === '' ? undefined : text })
}
