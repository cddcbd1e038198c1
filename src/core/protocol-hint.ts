import { preview } from './bytes.ts'

/** What the first bytes of another protocol look like, as text. */
const KNOWN: readonly { readonly pattern: RegExp; readonly name: string }[] = [
  { pattern: /^\x16\x03[\0-\x04]/, name: 'a TLS ClientHello; is this a plain port?' },
  { pattern: /^\x15\x03[\0-\x04]/, name: 'a TLS alert; does the peer expect TLS?' },
  { pattern: /^(GET|POST|PUT|HEAD|DELETE|OPTIONS|PATCH|CONNECT|PRI) /, name: 'an HTTP request' },
  { pattern: /^HTTP\/\d/, name: 'an HTTP response' },
  { pattern: /^SSH-/, name: 'an SSH greeting' },
  { pattern: /^PROXY /, name: 'a PROXY protocol header' },
  { pattern: /^\r\n\r\n\0\r\nQUIT/, name: 'a PROXY protocol header' },
]

/** For the text of an error about the first bytes of a peer: what they look like. */
export function protocolHint(bytes: Uint8Array): string {
  if (bytes.length === 0) return ''
  const text = String.fromCharCode(...bytes.subarray(0, 16))
  const known = KNOWN.find(({ pattern }) => pattern.test(text))
  return known === undefined
    ? `; it began with ${preview(bytes)}`
    : `; this looks like ${known.name} (${preview(bytes)})`
}
