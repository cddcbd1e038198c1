/** One end of an imitated conversation. */
export interface Endpoint {
  /** 4 or 16 bytes; both ends alike. */
  readonly address: Uint8Array
  readonly port: number
}

/** The flags of a TCP segment, as bits of its header. */
export const TCP = { FIN: 0x01, SYN: 0x02, RST: 0x04, PSH: 0x08, ACK: 0x10 } as const

/** What fits into one packet, whose length has 16 bits. */
export const MOST_SEGMENT_BYTES: number = 65_535 - 20 - 20
/** The same for a datagram. */
export const MOST_DATAGRAM_BYTES: number = 65_535 - 20 - 8

const PROTOCOL_TCP = 6
const PROTOCOL_UDP = 17
const TCP_HEADER_BYTES = 20
const UDP_HEADER_BYTES = 8

/** A TCP segment (RFC 9293 section 3.1) in an IP packet. */
export function tcpPacket(
  from: Endpoint,
  to: Endpoint,
  segment: { readonly flags: number; readonly sequence: number; readonly acknowledged: number },
  payload: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(TCP_HEADER_BYTES + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, from.port)
  view.setUint16(2, to.port)
  view.setUint32(4, segment.sequence)
  view.setUint32(8, segment.acknowledged)
  view.setUint8(12, (TCP_HEADER_BYTES / 4) << 4)
  view.setUint8(13, segment.flags)
  view.setUint16(14, 65_535)
  bytes.set(payload, TCP_HEADER_BYTES)
  view.setUint16(16, transportChecksum(from, to, PROTOCOL_TCP, bytes))
  return ipPacket(from, to, PROTOCOL_TCP, bytes)
}

/** A UDP datagram (RFC 768) in an IP packet. */
export function udpPacket(from: Endpoint, to: Endpoint, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(UDP_HEADER_BYTES + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, from.port)
  view.setUint16(2, to.port)
  view.setUint16(4, bytes.length)
  bytes.set(payload, UDP_HEADER_BYTES)
  view.setUint16(6, transportChecksum(from, to, PROTOCOL_UDP, bytes) || 0xffff)
  return ipPacket(from, to, PROTOCOL_UDP, bytes)
}

function ipPacket(from: Endpoint, to: Endpoint, protocol: number, payload: Uint8Array): Uint8Array {
  return from.address.length === 4
    ? ipv4Packet(from.address, to.address, protocol, payload)
    : ipv6Packet(from.address, to.address, protocol, payload)
}

/** RFC 791 section 3.1. */
function ipv4Packet(from: Uint8Array, to: Uint8Array, protocol: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20 + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 0x45)
  view.setUint16(2, bytes.length)
  view.setUint16(6, 0x4000) // not to be fragmented
  view.setUint8(8, 64)
  view.setUint8(9, protocol)
  bytes.set(from, 12)
  bytes.set(to, 16)
  view.setUint16(10, checksum(bytes.subarray(0, 20)))
  bytes.set(payload, 20)
  return bytes
}

/** RFC 8200 section 3. */
function ipv6Packet(from: Uint8Array, to: Uint8Array, protocol: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(40 + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 0x60)
  view.setUint16(4, payload.length)
  view.setUint8(6, protocol)
  view.setUint8(7, 64)
  bytes.set(from, 8)
  bytes.set(to, 24)
  bytes.set(payload, 40)
  return bytes
}

/** Over a pseudo header, too (RFC 9293 section 3.1, RFC 8200 section 8.1). */
function transportChecksum(from: Endpoint, to: Endpoint, protocol: number, bytes: Uint8Array): number {
  return checksum(bytes, sum(from.address) + sum(to.address) + protocol + bytes.length)
}

/** RFC 1071. */
function checksum(bytes: Uint8Array, start = 0): number {
  let folded = start + sum(bytes)
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000)
  return ~folded & 0xffff
}

function sum(bytes: Uint8Array): number {
  let total = 0
  for (let at = 0; at < bytes.length; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return total
}
