import type { Origins } from '../options.ts'
import type { Headers } from './head.ts'

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' }

/**
 * Whether a page of this origin may talk to us. Browsers say the origin, other programs say what they like: this keeps
 * the pages of others from using the cookies of our users, and nothing else. So without the option `origins`, a request
 * with cookies must come from a page of the host that it is sent to, and any other request is welcome.
 */
export function isWelcome(headers: Headers, origins: Origins | undefined): boolean {
  const { origin } = headers
  if (origin !== undefined && typeof origin !== 'string') return false
  if (typeof origins === 'function') return origins(origin)
  if (origin === undefined) return true
  if (origins !== undefined) return origins.some((one) => one.toLowerCase() === origin.toLowerCase())
  return headers['cookie'] === undefined || isSameHost(origin, headers['host'])
}

function isSameHost(origin: string, host: string | string[] | undefined): boolean {
  const [scheme = '', authority] = origin.toLowerCase().split('://')
  if (authority === undefined || typeof host !== 'string') return false
  const port = DEFAULT_PORTS[scheme] ?? ''
  return withoutPort(authority, port) === withoutPort(host.toLowerCase(), port)
}

function withoutPort(authority: string, port: string): string {
  return port !== '' && authority.endsWith(port) ? authority.slice(0, -port.length) : authority
}
