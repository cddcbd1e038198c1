import { badOption } from '../core/errors.ts'
import { type Kinds, requireKinds } from './page-checks.ts'
import { requireNumber } from '../core/session-options.ts'
import type { LinkOptions } from '../core/transport.ts'
import type { WebSocketClass } from './web-socket-class.ts'

/** The option group `ws`, as a browser has it: it lets nobody set headers, and decides about compression by itself. */
export interface WsOptions {
  /** Offered to the server, best first. The one that it chose is `session.peer.protocol`. @defaultValue [] */
  readonly subprotocols?: readonly string[] | undefined
  /**
   * Messages that came in while reading was paused wait, as a browser cannot be told to read slower. Once they are more bytes
   * than this, the session closes with ERR_OVERFLOW. @defaultValue 16 MiB
   */
  readonly maxHeldBytes?: number | undefined
  /** Makes the WebSockets. @defaultValue the global one */
  readonly WebSocket?: WebSocketClass | undefined
}

/** The group `ws`, with every default filled in. */
export type ResolvedWsOptions = { readonly [K in keyof WsOptions]-?: NonNullable<WsOptions[K]> }

const KINDS: Kinds<WsOptions> = { subprotocols: 'object', maxHeldBytes: 'number', WebSocket: 'function' }
const MAX_HELD_BYTES = 16 * 1024 * 1024

/** @throws ERR_BAD_OPTION */
export function resolveWs({ groups }: Pick<LinkOptions, 'groups'>): ResolvedWsOptions {
  const group = (groups['ws'] ?? {}) as WsOptions
  requireKinds('ws.', group, KINDS)
  const { subprotocols = [], maxHeldBytes = MAX_HELD_BYTES, WebSocket = globalWebSocket() } = group
  requireNumber('ws.maxHeldBytes', maxHeldBytes, 1)
  if (WebSocket === undefined) throw badOption('ws.WebSocket', 'is required')
  return { subprotocols, maxHeldBytes, WebSocket }
}

function globalWebSocket(): WebSocketClass | undefined {
  // oxlint-disable-next-line no-restricted-globals -- a feature test: Node 20 has none
  return (globalThis as { WebSocket?: WebSocketClass }).WebSocket
}
