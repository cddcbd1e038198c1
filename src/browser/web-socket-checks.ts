import { badOption } from '../core/errors.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireFunction } from '../core/session-options.ts'
import type { WsOptions } from './web-socket-options.ts'

const NAMES: Readonly<Record<keyof WsOptions, true>> = { subprotocols: true, maxHeldBytes: true, WebSocket: true }
/** RFC 9110 section 5.6.2. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/
/** Of the group `ws` on Node: what is a mistake here, with the reason. */
const NODE_ONLY: Readonly<Record<string, string>> = {
  headers: 'cannot be set in a browser: authenticate by a cookie, the address, a subprotocol or the first message',
  origins: 'is for servers',
  compression: "is the browser's own affair",
  engine: 'is for Node: a browser has one of its own',
}

/** The group `ws`, as far as TypeScript sees it, too. @throws ERR_BAD_OPTION */
export function checkWs(setup: { readonly ws?: unknown; readonly wss?: unknown }): void {
  if (setup.wss !== undefined) throw badOption('wss', 'is unknown: the options of wss:// are in the group ws')
  const group = setup.ws ?? {}
  if (typeof group !== 'object') throw badOption('ws', 'must be an object')
  for (const [name, value] of Object.entries(group)) {
    const objection = NODE_ONLY[name]
    if (value !== undefined && objection !== undefined) throw badOption(`ws.${name}`, objection)
  }
  requireKnown('ws.', group, Object.keys(NAMES))
  const { subprotocols = [], WebSocket } = group as WsOptions
  requireSubprotocols(subprotocols)
  requireFunction('ws.WebSocket', WebSocket)
}

function requireSubprotocols(subprotocols: unknown): void {
  const list: readonly unknown[] = Array.isArray(subprotocols) ? subprotocols : ['']
  if (!list.every((name) => typeof name === 'string' && TOKEN.test(name)) || new Set(list).size < list.length)
    throw badOption('ws.subprotocols', 'must be a list of different names, without spaces and commas')
}
