import { allocate, utf8Length, writeUtf8 } from '../../core/bytes.ts'
import type { Net } from '../../core/env.ts'
import { badOption } from '../../core/errors.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** What answers a Sec-WebSocket-Key (RFC 6455 section 4.2.2). @throws ERR_BAD_OPTION where the Env cannot */
export function acceptKey(net: Net, key: string): string {
  if (net.sha1 === undefined) throw badOption('env', 'has no SHA-1, which WebSocket needs')
  const text = key + GUID
  const bytes = allocate(utf8Length(text))
  writeUtf8(bytes, text, 0)
  return base64(net.sha1(bytes))
}

/** RFC 4648 section 4. */
export function base64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes[at] ?? 0, bytes[at + 1], bytes[at + 2]]
    const bits = (a << 16) | ((b ?? 0) << 8) | (c ?? 0)
    text += digit(bits >> 18) + digit(bits >> 12)
    text += (b === undefined ? '=' : digit(bits >> 6)) + (c === undefined ? '=' : digit(bits))
  }
  return text
}

function digit(bits: number): string {
  return DIGITS[bits & 63] as string
}
