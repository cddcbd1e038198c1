import { asciiBytes, copy } from '../../core/bytes.ts'
import { ipText } from '../../core/ip-address.ts'
import { badHeader } from './bad-header.ts'
import { crc32c } from './crc32c.ts'
import type { Endpoint, ProxiedPeer, ProxyHeader } from './proxied-peer.ts'

/** Nothing that another protocol begins with. */
export const VERSION_2_SIGNATURE: Uint8Array = /* @__PURE__ */ asciiBytes('\r\n\r\n\0\r\nQUIT\n')

const FIXED_BYTES = 16
/** Ours: the addresses take 216 at most, the rest is for TLVs. The format itself would go up to 65 551. */
const MAX_HEADER_BYTES = 4_096

const LOCAL = 0
const PROXY = 1

/** The length of both ends' addresses and ports, by address family and transport. */
const ADDRESS_BYTES: ReadonlyMap<number, number> = /* @__PURE__ */ new Map([
  [0x00, 0], // unspecified
  [0x11, 12], // TCP over IPv4
  [0x12, 12], // UDP over IPv4
  [0x21, 36], // TCP over IPv6
  [0x22, 36], // UDP over IPv6
  [0x31, 216], // Unix stream
  [0x32, 216], // Unix datagram
])
const UNIX_BYTES = 216

const TLV_HEAD_BYTES = 3
const TLV_CRC32C = 0x03
const TLV_NOOP = 0x04

/**
 *     +----------------+----------------+------------+-------------+-----------+------+
 *     | signature (12) | 2 : 4, cmd : 4 | family : 8 | length: u16 | addresses | TLVs |
 *     +----------------+----------------+------------+-------------+-----------+------+
 *                                                     addresses and TLVs: `length` bytes
 *     addresses: source, destination, source port: u16, destination port: u16
 *     TLV:       type: u8, length: u16, value
 *
 * All of it big-endian. What LOCAL announces is passed over, as the specification asks.
 *
 * @param bytes begin with VERSION_2_SIGNATURE, as far as there are any @returns undefined while the header is not complete
 * @throws ERR_PROXY at the first byte that is wrong; also for a header of more than 4 096 bytes, before it is there
 */
export function readVersion2(bytes: Uint8Array): ProxyHeader | undefined {
  const [versionAndCommand, family] = bytes.subarray(12)
  if (versionAndCommand === undefined) return undefined
  if (versionAndCommand >> 4 !== 2) throw badHeader(`has version ${versionAndCommand >> 4} behind the signature of 2`)
  const command = versionAndCommand & 0xf
  if (command !== LOCAL && command !== PROXY) throw badHeader(`has the unknown command ${command}`)
  if (family === undefined) return undefined
  const addressBytes = command === LOCAL ? 0 : ADDRESS_BYTES.get(family)
  if (addressBytes === undefined) throw badHeader(`has the unknown family 0x${family.toString(16).padStart(2, '0')}`)
  if (bytes.length < FIXED_BYTES) return undefined
  const length = FIXED_BYTES + u16(bytes, 14)
  if (length > MAX_HEADER_BYTES) throw badHeader(`announces ${length} bytes, more than ${MAX_HEADER_BYTES}`)
  if (length < FIXED_BYTES + addressBytes) throw badHeader('is too short for its addresses')
  if (bytes.length < length) return undefined
  const header = bytes.subarray(0, length)
  return { length, peer: command === LOCAL ? undefined : readPeer(header, addressBytes) }
}

function readPeer(header: Uint8Array, addressBytes: number): ProxiedPeer {
  const known = addressBytes > 0 && addressBytes !== UNIX_BYTES
  return {
    ends: known ? readEnds(header, (addressBytes - 4) / 2) : undefined,
    tlvs: readTlvs(header, FIXED_BYTES + addressBytes),
  }
}

function readEnds(header: Uint8Array, ipBytes: number): { source: Endpoint; destination: Endpoint } {
  const [source, destination, ports] = [0, 1, 2].map((part) => FIXED_BYTES + part * ipBytes) as [number, number, number]
  return {
    source: { host: ipText(header.subarray(source, destination)), port: u16(header, ports) },
    destination: { host: ipText(header.subarray(destination, ports)), port: u16(header, ports + 2) },
  }
}

function readTlvs(header: Uint8Array, from: number): ReadonlyMap<number, Uint8Array> {
  const tlvs = new Map<number, Uint8Array>()
  let at = from
  while (at < header.length) {
    const value = at + TLV_HEAD_BYTES
    const next = value > header.length ? Infinity : value + u16(header, at + 1)
    if (next > header.length) throw badHeader('ends within a TLV')
    const type = header[at] as number
    if (type === TLV_CRC32C) {
      if (tlvs.has(type)) throw badHeader('has two checksums')
      verify(header, value, next)
    }
    if (type !== TLV_NOOP && !tlvs.has(type)) tlvs.set(type, copy(header.subarray(value, next)))
    at = next
  }
  return tlvs
}

/** The checksum is that of the whole header, with zeros in its own place. */
function verify(header: Uint8Array, from: number, to: number): void {
  if (to - from !== 4) throw badHeader(`has a checksum of ${to - from} bytes`)
  const zeroed = copy(header).fill(0, from, to)
  const stated = u16(header, from) * 0x10000 + u16(header, from + 2)
  if (crc32c(zeroed) !== stated) throw badHeader('has a wrong checksum')
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}
