import type { Address } from './address.ts'
import { badOption } from './errors.ts'
import { NetworkList } from './network-list.ts'
import { requireKnown } from './option-names.ts'
import type { ServerStatus } from './server.ts'
import { requireFunction, requireNumber, type SessionSetup, withDefaults } from './session-options.ts'
import { requireSignal } from './wait.ts'

/** Whose word is taken for who a peer is. */
export interface ProxyProtocolOptions {
  /** The proxies: addresses and networks, `10.0.0.0/8`, `2001:db8::7`. */
  readonly from: readonly string[]
}

/** What `listen` takes: a session setup, and who may come in. */
export interface ServerOptions<In, Out, Data> extends SessionSetup<In, Out, Data> {
  /**
   * Synchronous, after the PROXY header, before TLS, HTTP and the session's buffers: false turns the peer away, and so
   * does a throw. @defaultValue everybody may come in
   */
  readonly admit?: ((remoteAddress: Address) => boolean) | undefined
  /** From admission until the connection is gone; further peers are refused with ERR_TOO_MANY_SESSIONS. @defaultValue 65 536 */
  readonly maxSessions?: number | undefined
  /** The same for each remote host; 0 is off. Peers without a host (ipc, inproc) are not counted. @defaultValue 0 */
  readonly maxSessionsPerHost?: number | undefined
  /** Peers in TLS, HTTP, `data` or `onOpen` at once. @defaultValue 1 024 */
  readonly maxPendingHandshakes?: number | undefined
  /** Connections that the operating system keeps until they are accepted. @defaultValue 511 */
  readonly backlog?: number | undefined
  /**
   * On tcp, tls, ws and wss addresses every connection begins with a PROXY protocol header, version 1 or 2, that says
   * who the peer is. Where it is missing or malformed, or comes from anybody else, the connection is closed with ERR_PROXY.
   * @defaultValue none: peers are who they seem to be
   */
  readonly proxyProtocol?: ProxyProtocolOptions | undefined
  /** Told when it listens, when a peer is refused, and when it closes. What it throws is logged. @defaultValue nobody is told */
  readonly onStatus?: ((status: ServerStatus) => void) | undefined
  /** Aborted: the server closes, gracefully. @defaultValue none */
  readonly signal?: AbortSignal | undefined
}

/** The server’s own options, checked, with every default filled in. */
export interface ResolvedServerOptions {
  readonly maxSessions: number
  readonly maxSessionsPerHost: number
  readonly maxPendingHandshakes: number
  readonly backlog: number
}

const SERVER_DEFAULTS: ResolvedServerOptions = {
  maxSessions: 65_536,
  maxSessionsPerHost: 0,
  maxPendingHandshakes: 1_024,
  backlog: 511,
}

/** The names of the options that are a Server's own. */
export const SERVER_OPTION_NAMES: readonly string[] = Object.keys({
  admit: true,
  maxSessions: true,
  maxSessionsPerHost: true,
  maxPendingHandshakes: true,
  backlog: true,
  proxyProtocol: true,
  onStatus: true,
  signal: true,
} satisfies OwnNames)

/** The compiler misses a name that is left out. */
type OwnNames = Record<
  Exclude<keyof ServerOptions<unknown, never, unknown>, keyof SessionSetup<unknown, never, unknown>>,
  true
>

/** Undefined where no PROXY headers are read. @throws ERR_BAD_OPTION */
export function resolveProxies(options: ProxyProtocolOptions | undefined): NetworkList | undefined {
  if (options === undefined) return undefined
  if (typeof options !== 'object' || options === null) throw badOption('proxyProtocol', 'must be an object')
  requireKnown('proxyProtocol.', options, ['from'])
  const { from } = options
  const networks = new NetworkList('proxyProtocol.from', from)
  if (from.length === 0) throw badOption('proxyProtocol.from', 'names no proxy, so that nobody could come in')
  return networks
}

/** The options that are a Server's own. @throws ERR_BAD_OPTION */
export function resolveServerOptions<In, Out, Data>(options: ServerOptions<In, Out, Data>): ResolvedServerOptions {
  const resolved = withDefaults(SERVER_DEFAULTS, options)
  requireNumber('maxSessions', resolved.maxSessions, 1)
  requireNumber('maxSessionsPerHost', resolved.maxSessionsPerHost, 0)
  requireNumber('maxPendingHandshakes', resolved.maxPendingHandshakes, 1)
  requireNumber('backlog', resolved.backlog, 1, 2 ** 31 - 1)
  requireFunction('admit', options.admit)
  requireFunction('onStatus', options.onStatus)
  requireSignal('signal', options.signal)
  return resolved
}
