import type { Net } from '../../core/env.ts'
import { type HawserError, refused } from '../../core/errors.ts'
import type { UpgradeRequest } from '../../core/web-socket.ts'
import type { ResolvedWsOptions } from '../options.ts'
import { acceptKey } from './accept-key.ts'
import { isToken, listOf, listsElement } from './head.ts'
import type { AnswerHeaders } from './http-answer.ts'
import { isWelcome } from './origin.ts'

const VERSION = '13'
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/

/** A request that may become a WebSocket. */
export interface Upgrade {
  readonly protocol: string | undefined
  /** Of the 101. */
  readonly headers: AnswerHeaders
}

/** Why there will be no WebSocket, with what the answer says beside its status. */
export interface Refusal {
  readonly error: HawserError<'ERR_REFUSED'> & { readonly status: number }
  readonly headers: AnswerHeaders
}

/** RFC 6455 section 4.2.1, but for the path. */
export function checkUpgrade(net: Net, request: UpgradeRequest, options: ResolvedWsOptions): Upgrade | Refusal {
  const { method, headers } = request
  if (method !== 'GET') return refusing(405, 'a WebSocket is asked for with GET', { Allow: 'GET' })
  if (headers['host'] === undefined) return refusing(400, 'the request names no host')
  if (headers['content-length'] !== undefined && headers['content-length'] !== '0') return hasBody()
  if (headers['transfer-encoding'] !== undefined) return hasBody()
  if (!listsElement(headers['upgrade'], 'websocket') || !listsElement(headers['connection'], 'upgrade'))
    return refusing(426, 'here is a WebSocket', { Connection: 'close, Upgrade', Upgrade: 'websocket' })
  if (headers['sec-websocket-version'] !== VERSION)
    return refusing(426, `WebSocket version ${VERSION} is spoken here`, { 'Sec-WebSocket-Version': VERSION })
  const key = headers['sec-websocket-key']
  if (typeof key !== 'string' || !KEY.test(key)) return refusing(400, 'the Sec-WebSocket-Key is none')
  if (!isWelcome(headers, options.origins)) return refusing(403, 'not from this origin')
  const offered = listOf(headers['sec-websocket-protocol'])
  if (!offered.every(isToken) || new Set(offered).size < offered.length)
    return refusing(400, 'the Sec-WebSocket-Protocol is malformed')
  const protocol = options.subprotocols.find((name) => offered.includes(name))
  if (protocol === undefined && offered.length > 0 && options.subprotocols.length > 0)
    return refusing(400, 'none of these subprotocols is spoken here')
  const accept = { 'Sec-WebSocket-Accept': acceptKey(net, key) }
  const chosen = protocol === undefined ? {} : { 'Sec-WebSocket-Protocol': protocol }
  return { protocol, headers: { ...accept, ...chosen, ...options.headers } }
}

function hasBody(): Refusal {
  return refusing(400, 'the request has a body')
}

function refusing(status: number, text: string, headers: AnswerHeaders = {}): Refusal {
  return { error: refused(text, { status }) as Refusal['error'], headers }
}
