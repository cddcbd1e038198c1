import { asciiBytes } from '../../core/bytes.ts'
import { ipText, parseIp } from '../../core/ip-address.ts'
import { badHeader } from './bad-header.ts'
import type { Endpoint, ProxiedPeer, ProxyHeader } from './proxied-peer.ts'

/** What the line begins with. */
export const VERSION_1_PREFIX: Uint8Array = /* @__PURE__ */ asciiBytes('PROXY ')

/** Section 2.1: the longest line there can be, with its CRLF. */
const MAX_LINE_BYTES = 107
const CR = 0x0d
const LF = 0x0a
const NO_TLVS: ReadonlyMap<number, Uint8Array> = /* @__PURE__ */ new Map<number, Uint8Array>()
const UNKNOWN: ProxiedPeer = { ends: undefined, tlvs: NO_TLVS }

/**
 * A line of text:
 *
 *     PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n
 *     PROXY UNKNOWN and whatever else\r\n
 *
 * @param bytes begin with VERSION_1_PREFIX, as far as there are any @returns undefined while the line is not complete
 * @throws ERR_PROXY
 */
export function readVersion1(bytes: Uint8Array): ProxyHeader | undefined {
  const line = bytes.subarray(0, MAX_LINE_BYTES)
  const end = line.indexOf(LF)
  if (end < 0) {
    if (line.length === MAX_LINE_BYTES) throw badHeader(`has no end within ${MAX_LINE_BYTES} bytes`)
    return undefined
  }
  if (line[end - 1] !== CR) throw badHeader('ends in LF without CR')
  return { length: end + 1, peer: readLine(String.fromCharCode(...line.subarray(0, end - 1))) }
}

function readLine(line: string): ProxiedPeer {
  const [, protocol = '', source = '', destination = '', sourcePort = '', destinationPort = '', ...more] =
    line.split(' ')
  if (protocol === 'UNKNOWN') return UNKNOWN
  if (protocol !== 'TCP4' && protocol !== 'TCP6') throw badHeader(`names the protocol ${quoted(protocol)}`)
  if (more.length > 0) throw badHeader('has something behind its ports')
  return {
    ends: {
      source: endpoint(protocol, source, sourcePort),
      destination: endpoint(protocol, destination, destinationPort),
    },
    tlvs: NO_TLVS,
  }
}

function endpoint(protocol: 'TCP4' | 'TCP6', address: string, port: string): Endpoint {
  const bytes = address.includes(':') === (protocol === 'TCP6') ? parseIp(address) : undefined
  if (bytes === undefined) throw badHeader(`has no address of ${protocol}: ${quoted(address)}`)
  if (!/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 0xffff) throw badHeader(`has no port: ${quoted(port)}`)
  return { host: ipText(bytes), port: Number(port) }
}

/** Bytes of a stranger, for a log. */
function quoted(text: string): string {
  return JSON.stringify(text)
}
