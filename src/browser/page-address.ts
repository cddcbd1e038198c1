import type { Address, AddressReader } from '../core/address.ts'
import { HawserError } from '../core/errors.ts'

/** Scheme, and what URL is to look at; it would leave out some control characters. */
const URL_PARTS = /^([a-z][a-z0-9+.-]*):(\/\/[^\0-\x1f\x7f]*)$/i

/** By the browser's own URL, which knows IPv6, names in other alphabets, and what is to be percent-encoded. */
export const pageAddresses: AddressReader = {
  toDial(where) {
    if (typeof where === 'object') return where
    const address = read(where)
    if (address !== undefined) return address
    const part = URL_PARTS.test(where) ? 'host' : 'scheme' // of the rest, URL does not say what is wrong
    throw new HawserError('ERR_BAD_ADDRESS', `address '${where}' has a bad ${part}`, { details: { part } })
  },
  of: (text) => read(text) ?? new PageAddress('stream', '', 0, text),
}

function read(text: string): Address | undefined {
  const [, named = '', rest = ''] = URL_PARTS.exec(text) ?? []
  const scheme = named.toLowerCase()
  const isSecure = scheme === 'wss'
  try {
    // As one of these two: to URL, schemes that it does not know are not about hosts.
    const { username, hostname, port, pathname, search } = new URL(`${isSecure ? 'wss' : 'ws'}:${rest}`)
    if (username !== '') return undefined
    return new PageAddress(scheme, hostname, port === '' ? (isSecure ? 443 : 80) : Number(port), pathname + search)
  } catch {
    return undefined
  }
}

class PageAddress implements Address {
  readonly scheme: string
  readonly host: string
  readonly port: number
  readonly path: string
  readonly href: string

  /** @param hostname IPv6 in brackets */
  constructor(scheme: string, hostname: string, port: number, path: string) {
    this.scheme = scheme
    this.host = hostname.replace(/[[\]]/g, '')
    this.port = port
    this.path = path
    this.href = `${scheme}://${hostname}:${port}${path}`
  }

  toString(): string {
    return this.href
  }

  toJSON(): string {
    return this.href
  }
}
