import { HawserError } from './errors.ts'

/** The schemes that Hawser has names for; transports of your own add theirs. */
export type Scheme = 'tcp' | 'tls' | 'udp' | 'ws' | 'wss' | 'ipc' | 'inproc'

/** A parsed address; in a template string it prints as its URL. */
export interface Address {
  readonly scheme: string
  /** Without brackets; `*` is all interfaces; empty for ipc and inproc. */
  readonly host: string
  /** 0: any free one, or none. */
  readonly port: number
  /** Of a WebSocket with its slash, of ipc the file, of inproc the name. */
  readonly path: string
  readonly href: string
  toString(): string
}

/** `tcp://host:port` and so on; the union offers the schemes in the editor and still takes any string. */
export type AddressLike = `${Scheme}://${string}` | (string & {}) | Address

/** Other spellings of the same transport. */
const ALIASES: Readonly<Record<string, string>> = { 'tls+tcp': 'tls', unix: 'ipc' }
const NAMED = new Set(['ipc', 'inproc'])
const WITH_PORT = new Set(['tcp', 'tls', 'udp', 'ws', 'wss'])
/** Of the schemes that have a path, too. */
const DEFAULT_PORTS = new Map([
  ['ws', 80],
  ['wss', 443],
])
/** Scheme, authority, and what follows. */
const URL_PARTS = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/is
/** IPv6 in brackets, or a name, an IPv4 address, `*`; then perhaps a port. */
const AUTHORITY = /^(?:\[([0-9a-f:.]*:[0-9a-f:.]*(?:%[\w.-]+)?)\]|([\w.-]+|\*))(?::([^:@]*))?$/i

class ParsedAddress implements Address {
  readonly scheme: string
  readonly host: string
  readonly port: number
  readonly path: string

  constructor(scheme: string, host: string, port: number, path: string) {
    this.scheme = scheme
    this.host = host
    this.port = port
    this.path = path
  }

  get href(): string {
    if (NAMED.has(this.scheme)) return `${this.scheme}://${this.path}`
    const host = this.host.includes(':') ? `[${this.host}]` : this.host
    return `${this.scheme}://${host}:${this.port}${this.path}`
  }

  toString(): string {
    return this.href
  }

  toJSON(): string {
    return this.href
  }
}

/** An Address of its parts, unchecked: for what the operating system says. */
export function makeAddress(scheme: string, host: string, port: number, path = ''): Address {
  return new ParsedAddress(scheme, host, port, path)
}

/**
 * `scheme://host:port`, `ws://host:port/path`, `ipc:///path/to/socket`, `inproc://name`. IPv6 stands in brackets,
 * port 0 is any free one, `*` is all interfaces. Any other scheme is parsed as host and port: transports of your own.
 * @throws ERR_BAD_ADDRESS with the `part` that is wrong
 */
export function parseAddress(text: string): Address {
  const [, named = '', authority = '', path = ''] = URL_PARTS.exec(text) ?? []
  if (named === '') throw badAddress(text, 'scheme', 'has no scheme, such as tcp://')
  const lower = named.toLowerCase()
  const scheme = ALIASES[lower] ?? lower
  if (NAMED.has(scheme)) {
    const name = authority + path
    if (name === '' || name.includes('\0')) throw badAddress(text, 'path', 'has no name')
    return new ParsedAddress(scheme, '', 0, name)
  }
  const defaultPort = DEFAULT_PORTS.get(scheme)
  if (defaultPort === undefined && path !== '' && path !== '/') throw badAddress(text, 'path', 'takes no path')
  const [, ipv6, name, portText = ''] = AUTHORITY.exec(authority) ?? []
  const host = ipv6 ?? name
  if (host === undefined)
    throw badAddress(text, 'host', 'has a bad host: a name or IP address (IPv6 in brackets) or `*`, and no user')
  const port = portText === '' ? defaultPort : /^\d{1,5}$/.test(portText) ? Number(portText) : undefined
  if (port === undefined || port > 65_535) throw badAddress(text, 'port', 'needs a port from 0 to 65535')
  return new ParsedAddress(scheme, host.toLowerCase(), port, defaultPort === undefined ? '' : requestTarget(text, path))
}

/**
 * What an HTTP request asks for: with a slash in front, without the fragment (RFC 6455 section 3), and what may not
 * stand in a request line percent-encoded: a path is often made of what somebody typed.
 */
function requestTarget(text: string, path: string): string {
  const whole = path.replace(/#.*/s, '')
  if (/[\0-\x1f\x7f]/.test(whole)) throw badAddress(text, 'path', 'has a control character in its path')
  const encoded = whole.replace(/[^!-~]+/g, percentEncoded)
  return encoded.startsWith('/') ? encoded : `/${encoded}`
}

/** In UTF-8; half of a character is U+FFFD. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\uFFFD'))
}

/** What the doors take, as an Address. @throws ERR_BAD_ADDRESS, also for what is neither text nor Address */
export function toAddress(where: AddressLike): Address {
  if (typeof where === 'string') return parseAddress(where)
  if (isAddress(where)) return where
  throw new HawserError('ERR_BAD_ADDRESS', 'an address is a text such as tcp://host:port, or an Address', {
    details: { part: 'scheme' },
  })
}

/** Dialed, `*` means this machine's loopback. @throws ERR_BAD_ADDRESS for port 0, on which nobody can listen */
export function dialable(address: Address): Address {
  if (address.port === 0 && WITH_PORT.has(address.scheme)) throw badAddress(address.href, 'port', 'has no port to dial')
  return address.host === '*' ? new ParsedAddress(address.scheme, '127.0.0.1', address.port, address.path) : address
}

/** How an entry point reads addresses: a page has less to read. */
export interface AddressReader {
  /** What the doors take, to be dialed. @throws ERR_BAD_ADDRESS with the `part` that is wrong */
  toDial(where: AddressLike): Address
  /** What a connection says of its ends. Never throws: one of somebody's own making may call its end as it likes. */
  of(text: string): Address
}

/** Reads all addresses that there are. */
export const ADDRESSES: AddressReader = {
  toDial: (where) => dialable(toAddress(where)),
  of(text) {
    try {
      return parseAddress(text)
    } catch {
      return makeAddress('stream', '', 0, text) // not a URL: a pipe, a child's stdio
    }
  },
}

function isAddress(where: unknown): where is Address {
  if (typeof where !== 'object' || where === null) return false
  const { scheme, host, port, path, href } = where as Partial<Address>
  return [scheme, host, path, href].every((part) => typeof part === 'string') && typeof port === 'number'
}

function badAddress(text: string, part: string, complaint: string): HawserError<'ERR_BAD_ADDRESS'> {
  return new HawserError('ERR_BAD_ADDRESS', `address '${text}' ${complaint}`, { details: { part } })
}
