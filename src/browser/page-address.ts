import type { Address, AddressReader } from '../core/address.ts'
import { HawserError } from '../core/errors.ts'

/** Scheme, and what URL is to look at. */
const URL_PARTS = /^([a-z][a-z0-9+.-]*):(\/\/.*)$/is

/** By the browser's own URL, which knows IPv6, names in other alphabets, and what is to be percent-encoded. */
export const pageAddresses: AddressReader = {
  toDial: (where) => (typeof where === 'object' ? where : parse(where)),
  of: (text) => {
    try {
      return parse(text)
    } catch {
      return new PageAddress('stream', '', 0, text)
    }
  },
}

/** @throws ERR_BAD_ADDRESS; of what follows the scheme, URL does not say which part is wrong */
function parse(text: string): Address {
  const [, named = '', rest = ''] = URL_PARTS.exec(text) ?? []
  const scheme = named.toLowerCase()
  // As any other of these two: to URL, schemes that it does not know are not about hosts.
  const url = urlOf(`${scheme === 'wss' ? scheme : 'ws'}:${rest}`)
  if (url === undefined || url.username !== '' || scheme === '') {
    const part = scheme === '' ? 'scheme' : 'host'
    throw new HawserError('ERR_BAD_ADDRESS', `address '${text}' has a bad ${part}`, { details: { part } })
  }
  const defaultPort = scheme === 'wss' ? 443 : 80
  return new PageAddress(
    scheme,
    url.hostname,
    url.port === '' ? defaultPort : Number(url.port),
    url.pathname + url.search,
  )
}

function urlOf(text: string): URL | undefined {
  if (/[\0-\x1f\x7f]/.test(text)) return undefined // some of them URL would leave out
  try {
    return new URL(text)
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
