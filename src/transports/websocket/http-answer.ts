import { allocate, utf8Length, writeUtf8 } from '../../core/bytes.ts'
import type { CloseReason } from '../../core/connection.ts'
import { refusalStatus } from '../../core/web-socket.ts'

/** Further lines of an answer, by name. */
export type AnswerHeaders = Readonly<Record<string, string>>

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
}

/** The whole answer to a request that gets no WebSocket: whatever speaks HTTP can show it. */
export function refusal(status: number, text: string, headers: AnswerHeaders = {}): Uint8Array {
  const more = {
    Connection: 'close',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(utf8Length(text)),
    ...headers,
  }
  return answer(`HTTP/1.1 ${status} ${REASONS[status] ?? 'Refused'}`, more, text)
}

/** As `refusal`, for what the core turns away. */
export function refusalOf({ code, text = '' }: CloseReason): Uint8Array {
  return refusal(refusalStatus(code), text)
}

/** The line that ends HTTP on this connection. */
export function switchingProtocols(headers: AnswerHeaders): Uint8Array {
  return answer('HTTP/1.1 101 Switching Protocols', { Upgrade: 'websocket', Connection: 'Upgrade', ...headers }, '')
}

/** The bytes of a head with these lines, and of what follows. */
export function answer(first: string, headers: AnswerHeaders, body: string): Uint8Array {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const text = `${first}\r\n${lines.join('')}\r\n${body}`
  const bytes = allocate(utf8Length(text))
  writeUtf8(bytes, text, 0)
  return bytes
}
