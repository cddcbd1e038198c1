import { badOption } from '../core/errors.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireFunction, requireNumber } from '../core/session-options.ts'
import type { LinkOptions } from '../core/transport.ts'
import type { WebSocketClass } from './web-socket-class.ts'

/** The option group `ws`, as a browser has it: it lets nobody set headers, and decides about compression by itself. */
export interface WsOptions {
  /** Offered to the server, best first. The one that it chose is `session.peer.protocol`. */
  readonly subprotocols?: readonly string[] | undefined
  /**
   * Messages that came in while reading was paused wait, as a browser cannot be told to read slower. Once they are more bytes
   * than this, the session closes with ERR_OVERFLOW. @defaultValue 16 MiB
   */
  readonly maxHeldBytes?: number | undefined
  /** Makes the WebSockets. @defaultValue the global one */
  readonly WebSocket?: WebSocketClass | undefined
}

/** The group `ws`, checked, with every default filled in. */
export type ResolvedWsOptions = { readonly [K in keyof WsOptions]-?: NonNullable<WsOptions[K]> }

const MAX_HELD_BYTES = 16 * 1024 * 1024
const NAMES: readonly string[] = ['subprotocols', 'maxHeldBytes', 'WebSocket']
/** RFC 9110 section 5.6.2. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/
/** Of the group `ws` on Node: what is a mistake here, with the reason. */
const NODE_ONLY: Readonly<Record<string, string>> = {
  headers: 'cannot be set in a browser: authenticate by a cookie, the address, a subprotocol or the first message',
  origins: 'is for servers',
  compression: "is the browser's own affair",
  engine: 'is for Node: a browser has one of its own',
}

/** @throws ERR_BAD_OPTION */
export function resolveWs({ groups }: Pick<LinkOptions, 'groups'>): ResolvedWsOptions {
  if (groups['wss'] !== undefined) throw badOption('wss', 'is unknown: the options of wss:// are in the group ws')
  const group = groups['ws'] ?? {}
  if (typeof group !== 'object') throw badOption('ws', 'must be an object')
  for (const [name, value] of Object.entries(group)) {
    const objection = NODE_ONLY[name]
    if (value !== undefined && objection !== undefined) throw badOption(`ws.${name}`, objection)
  }
  requireKnown('ws.', group, NAMES)
  const { subprotocols = [], maxHeldBytes = MAX_HELD_BYTES, WebSocket = globalWebSocket() } = group as WsOptions
  requireSubprotocols(subprotocols)
  requireNumber('ws.maxHeldBytes', maxHeldBytes, 1)
  requireFunction('ws.WebSocket', WebSocket)
  if (WebSocket === undefined) throw badOption('ws.WebSocket', 'is required where there is no global WebSocket')
  return { subprotocols, maxHeldBytes, WebSocket }
}

function requireSubprotocols(subprotocols: unknown): void {
  const list: readonly unknown[] = Array.isArray(subprotocols) ? subprotocols : ['']
  if (!list.every((name) => typeof name === 'string' && TOKEN.test(name)) || new Set(list).size < list.length)
    throw badOption('ws.subprotocols', 'must be a list of different names, without spaces and commas')
}

function globalWebSocket(): WebSocketClass | undefined {
  // oxlint-disable-next-line no-restricted-globals -- a feature test: Node 20 has none
  return (globalThis as { WebSocket?: WebSocketClass }).WebSocket
}
