import { badOption } from '../core/errors.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireNumber, requireOneOf, withDefaults } from '../core/session-options.ts'

/** Of TCP sockets, under TLS and WebSocket too. */
export interface TcpOptions {
  /** Small writes leave at once instead of waiting for the peer's acknowledgement (Nagle). @defaultValue true */
  readonly noDelay?: boolean | undefined
  /** Silence in milliseconds after which the system probes the peer; 0 turns it off. @defaultValue 60 000 */
  readonly keepAliveMs?: number | undefined
}

/** Certificates and keys as PEM: text, bytes, or a list of them. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[]

/** The option group `tls`. */
export interface TlsOptions {
  /** Our certificate with its chain; a server needs one. @defaultValue none */
  readonly cert?: Pem | undefined
  /** Of our certificate. @defaultValue none */
  readonly key?: Pem | undefined
  /** Whom we trust. @defaultValue the well-known authorities that Node comes with */
  readonly ca?: Pem | undefined
  /** Of `key`. @defaultValue none */
  readonly passphrase?: string | undefined
  /** Older ones are refused. @defaultValue 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
  /**
   * Servers: whether a client shows a certificate. One that is shown must come from `ca`, also where it is 'optional'.
   * @defaultValue 'none'
   */
  readonly clientCertificate?: 'none' | 'optional' | 'required' | undefined
  /** Clients: whose certificate the server must show; sent as SNI unless it is an IP address. @defaultValue the dialed host */
  readonly servername?: string | undefined
  /** Protocols, best first; without one in common the handshake fails. @defaultValue none: it is not asked for */
  readonly alpn?: readonly string[] | undefined
  /** Takes any certificate: for tests only. @defaultValue false */
  readonly insecure?: boolean | undefined
}

/** Whose pages may talk to us: a list such as `['https://example.com']`, or a function that is given the `Origin`. */
export type Origins = readonly string[] | ((origin: string | undefined) => boolean)

/** The option group `ws`, for wss:// too. */
export interface WsOptions {
  /** Clients: offered, best first. Servers: spoken, best first; a client that offers only others is refused with 400. @defaultValue [] */
  readonly subprotocols?: readonly string[] | undefined
  /** Servers. @defaultValue a request with cookies must come from a page of the same host, any other may come from anywhere */
  readonly origins?: Origins | undefined
  /** permessage-deflate, where the peer speaks it too. @defaultValue false */
  readonly compression?:
    | false
    | {
        /** Smaller messages are sent as they are. @defaultValue 1 024 */
        readonly thresholdBytes?: number | undefined
      }
    | undefined
  /** Further headers: of a client's request, of a server's 101. @defaultValue {} */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** 'ws': the package of that name carries every WebSocket; else only those that compress. @defaultValue 'own' */
  readonly engine?: 'own' | 'ws' | undefined
}

/** The option group `ipc`. */
export interface IpcOptions {
  /** Permissions of the socket's file. @defaultValue 0o600 */
  readonly mode?: number | undefined
}

/** The option group `udp`. */
export interface UdpOptions {
  /**
   * Servers: peers in the table. A newcomer beyond them displaces one: those that were never answered first, then those
   * that have been silent since they were, then the others; of each kind the one that was silent for longest.
   * @defaultValue 65 536
   */
  readonly maxPeers?: number | undefined
  /** Servers: a peer that was silent for so long, in milliseconds, counts as one that has ended; 0 is off. @defaultValue 60 000 */
  readonly peerIdleMs?: number | undefined
  /** Largest message that is sent, in bytes; 1 200 is safe on the internet. @defaultValue 65 507 */
  readonly maxDatagramBytes?: number | undefined
  /**
   * Servers: groups to join, such as `239.1.2.3` or `ff02::4321`; `%` names the interface: `239.1.2.3%192.168.1.5`,
   * `ff02::4321%eth0`. @defaultValue []
   */
  readonly multicast?: readonly string[] | undefined
  /** May send to broadcast addresses. @defaultValue false */
  readonly broadcast?: boolean | undefined
  /** Of the socket, in bytes, within what the system allows. @defaultValue the system's */
  readonly sendBufferBytes?: number | undefined
  /** What comes while it is full is lost. @defaultValue the system's */
  readonly receiveBufferBytes?: number | undefined
}

/** Of the listening socket. */
export interface ListenOptions {
  /** Connections that wait to be accepted. @defaultValue 511 */
  readonly backlog?: number | undefined
}

type Resolved<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> }

/** The defaults of the group `tcp`. */
const TCP_DEFAULTS: Resolved<TcpOptions> = { noDelay: true, keepAliveMs: 60_000 }
/** The defaults of the group `ipc`. */
const IPC_DEFAULTS: Resolved<IpcOptions> = { mode: 0o600 }
/** What an IPv4 datagram can hold. */
const MOST_DATAGRAM_BYTES = 65_507

const UDP_OPTIONAL = ['sendBufferBytes', 'receiveBufferBytes'] as const

type UdpDefaults = Resolved<Omit<UdpOptions, (typeof UDP_OPTIONAL)[number]>>

/** Those without a default may be missing. */
export type ResolvedUdpOptions = UdpDefaults & Pick<UdpOptions, (typeof UDP_OPTIONAL)[number]>

/** The defaults of the group `udp`. */
const UDP_DEFAULTS: UdpDefaults = {
  maxPeers: 65_536,
  peerIdleMs: 60_000,
  maxDatagramBytes: MOST_DATAGRAM_BYTES,
  multicast: [],
  broadcast: false,
}

/** The defaults of listening. */
const LISTEN_DEFAULTS: Resolved<ListenOptions> = { backlog: 511 }

/** Those without a default may be missing. */
export type ResolvedTlsOptions = Resolved<Pick<TlsOptions, 'minVersion' | 'clientCertificate' | 'insecure'>> & {
  readonly cert?: Pem
  readonly key?: Pem
  readonly ca?: Pem
  readonly passphrase?: string
  readonly servername?: string
  readonly alpn?: readonly string[]
}

/** The defaults of the group `tls`. */
const TLS_DEFAULTS: Resolved<Pick<TlsOptions, 'minVersion' | 'clientCertificate' | 'insecure'>> = {
  minVersion: 'TLSv1.2',
  clientCertificate: 'none',
  insecure: false,
}

/** Without `origins` there is a rule of its own. */
export interface ResolvedWsOptions {
  readonly subprotocols: readonly string[]
  readonly origins?: Origins | undefined
  readonly compression: false | { readonly thresholdBytes: number }
  readonly headers: Readonly<Record<string, string>>
  readonly engine: 'own' | 'ws'
}

const WS_NAMES: readonly (keyof WsOptions)[] = ['subprotocols', 'origins', 'compression', 'headers', 'engine']
/** Below this a message grows as often as it shrinks. */
const THRESHOLD_BYTES = 1024
/** What the handshake says itself. */
const HANDSHAKE_HEADER = /^(host|upgrade|connection|content-length|transfer-encoding|sec-websocket-.*)$/i
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** No line breaks: they would begin a header of somebody else's. */
const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

/** The option groups of a LinkOptions, as the user gave them. */
type Groups = Readonly<Record<string, unknown>>

/** @throws ERR_BAD_OPTION, naming it as `tcp.keepAliveMs` */
export function resolveTcp(groups: Groups): Resolved<TcpOptions> {
  const resolved = withDefaults(TCP_DEFAULTS, groupOf(groups, 'tcp', Object.keys(TCP_DEFAULTS)) as TcpOptions)
  requireBoolean('tcp.noDelay', resolved.noDelay)
  requireNumber('tcp.keepAliveMs', resolved.keepAliveMs, 0)
  return resolved
}

/** @throws ERR_BAD_OPTION */
export function resolveIpc(groups: Groups): Resolved<IpcOptions> {
  const resolved = withDefaults(IPC_DEFAULTS, groupOf(groups, 'ipc', Object.keys(IPC_DEFAULTS)) as IpcOptions)
  requireNumber('ipc.mode', resolved.mode, 0, 0o777)
  return resolved
}

/** @throws ERR_BAD_OPTION */
export function resolveUdp(groups: Groups): ResolvedUdpOptions {
  const group = groupOf(groups, 'udp', [...Object.keys(UDP_DEFAULTS), ...UDP_OPTIONAL]) as UdpOptions
  const resolved = withDefaults(UDP_DEFAULTS, group)
  requireNumber('udp.maxPeers', resolved.maxPeers, 1)
  requireNumber('udp.peerIdleMs', resolved.peerIdleMs, 0)
  requireNumber('udp.maxDatagramBytes', resolved.maxDatagramBytes, 1, MOST_DATAGRAM_BYTES)
  requireBoolean('udp.broadcast', resolved.broadcast)
  requireGroups(resolved.multicast)
  for (const name of UDP_OPTIONAL) {
    if (group[name] !== undefined) requireNumber(`udp.${name}`, group[name], 1, 2 ** 31 - 1)
  }
  const { sendBufferBytes, receiveBufferBytes } = group
  return { ...resolved, sendBufferBytes, receiveBufferBytes }
}

/** @throws ERR_BAD_OPTION */
export function resolveListen(groups: Groups): Resolved<ListenOptions> {
  const resolved = withDefaults(
    LISTEN_DEFAULTS,
    groupOf(groups, 'listen', Object.keys(LISTEN_DEFAULTS)) as ListenOptions,
  )
  requireNumber('backlog', resolved.backlog, 1, 2 ** 31 - 1)
  return resolved
}

/** @throws ERR_BAD_OPTION */
export function resolveWs(groups: Groups): ResolvedWsOptions {
  const {
    subprotocols = [],
    origins,
    compression = false,
    headers = {},
    engine = 'own',
  } = groupOf(groups, 'ws', WS_NAMES) as WsOptions
  if (!isListOf(subprotocols, isToken) || new Set(subprotocols).size < subprotocols.length)
    throw badOption('ws.subprotocols', 'must be a list of different names without blanks and commas')
  if (origins !== undefined && typeof origins !== 'function' && !isListOf(origins, isOrigin))
    throw badOption('ws.origins', "must be a function, or a list of origins such as 'https://example.com'")
  requireOneOf('ws.engine', engine, ['own', 'ws'])
  requireHeaders(headers)
  return { subprotocols, origins, compression: resolveCompression(compression), headers, engine }
}

function resolveCompression(value: NonNullable<WsOptions['compression']>): ResolvedWsOptions['compression'] {
  if (value === false) return false
  if (typeof value !== 'object') throw badOption('ws.compression', 'must be false or an object')
  requireKnown('ws.compression.', value, ['thresholdBytes'])
  const { thresholdBytes = THRESHOLD_BYTES } = value
  requireNumber('ws.compression.thresholdBytes', thresholdBytes, 0)
  return { thresholdBytes }
}

function requireHeaders(headers: unknown): void {
  if (typeof headers !== 'object' || headers === null) throw badOption('ws.headers', 'must be an object')
  for (const [name, value] of Object.entries(headers) as [string, unknown][]) {
    if (!isToken(name) || HANDSHAKE_HEADER.test(name))
      throw badOption('ws.headers', `cannot hold '${name}': it is no name, or the handshake's own`)
    if (typeof value !== 'string' || !HEADER_VALUE.test(value))
      throw badOption(`ws.headers.${name}`, 'must be a text of one line')
  }
}

function isListOf(value: unknown, isRight: (element: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isRight)
}

function isToken(value: unknown): boolean {
  return typeof value === 'string' && TOKEN.test(value)
}

/** As a browser writes it: no path, not even a slash. */
function isOrigin(value: unknown): boolean {
  return typeof value === 'string' && (value === 'null' || /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#]+$/i.test(value))
}

const TLS_OPTIONAL = ['cert', 'key', 'ca', 'passphrase', 'servername', 'alpn'] as const

/** Whether certificates and keys are any good is for `Net.prepareTls` to say. @throws ERR_BAD_OPTION */
export function resolveTls(groups: Groups): ResolvedTlsOptions {
  const group = groupOf(groups, 'tls', [...Object.keys(TLS_DEFAULTS), ...TLS_OPTIONAL]) as TlsOptions
  const resolved = withDefaults(TLS_DEFAULTS, group)
  requireOneOf('tls.minVersion', resolved.minVersion, ['TLSv1.2', 'TLSv1.3'])
  requireOneOf('tls.clientCertificate', resolved.clientCertificate, ['none', 'optional', 'required'])
  requireBoolean('tls.insecure', resolved.insecure)
  for (const name of ['cert', 'key', 'ca'] as const) requirePem(`tls.${name}`, group[name])
  requireText('tls.passphrase', group.passphrase)
  requireText('tls.servername', group.servername)
  requireAlpn(group.alpn)
  const given = TLS_OPTIONAL.filter((name) => group[name] !== undefined).map((name) => [name, group[name]] as const)
  return { ...resolved, ...Object.fromEntries(given) }
}

/** One option group; an unknown key in it is a mistake of somebody who meant something. */
function groupOf(groups: Groups, name: string, known: readonly string[]): object {
  const group = groups[name] ?? {}
  if (typeof group !== 'object') throw badOption(name, 'must be an object')
  requireKnown(`${name}.`, group, known)
  return group
}

function requireBoolean(option: string, value: unknown): void {
  if (typeof value !== 'boolean') throw badOption(option, 'must be true or false')
}

function requireText(option: string, value: unknown): void {
  if (value !== undefined && (typeof value !== 'string' || value === '')) throw badOption(option, 'must be a text')
}

function requirePem(option: string, value: unknown): void {
  const parts: unknown[] = Array.isArray(value) ? value : [value]
  if (value === undefined) return
  if (parts.length === 0 || !parts.every((part) => typeof part === 'string' || part instanceof Uint8Array))
    throw badOption(option, 'must be PEM: a text, a Uint8Array, or a list of them')
  if (parts.some(isPath)) throw badOption(option, 'is PEM text, not a path')
}

/** PEM has lines; a file's name has a slash or an ending. */
function isPath(part: unknown): boolean {
  return typeof part === 'string' && /^[^\n]*([\\/][^\n]*|\.(pem|crt|cer|key))$/i.test(part)
}

/** RFC 5771: 224.0.0.0 to 239.255.255.255; RFC 4291 section 2.7: ff00::/8. */
const MULTICAST = /^(22[4-9]|23\d)(\.\d{1,3}){3}(%[\d.]+)?$|^ff[\da-f]{0,2}:[\da-f:.]*(%[\w.-]+)?$/i

function requireGroups(value: unknown): void {
  if (Array.isArray(value) && value.every((group) => typeof group === 'string' && MULTICAST.test(group))) return
  throw badOption('udp.multicast', 'must be a list of multicast addresses, such as 239.1.2.3')
}

/** RFC 7301: each name is led by its length in one byte. */
function requireAlpn(value: unknown): void {
  if (value === undefined) return
  if (!Array.isArray(value) || !value.every(isAlpnName))
    throw badOption('tls.alpn', 'must be a list of names of 1 to 255 bytes')
}

function isAlpnName(name: unknown): boolean {
  return typeof name === 'string' && name.length > 0 && name.length < 256
}
