import { ipText } from '../../src/core/ip-address.ts'

/** One packet of a capture. */
export interface Packet {
  /** Milliseconds since 1970. */
  readonly at: number
  /** address.port */
  readonly from: string
  readonly to: string
  /** Of TCP: S, F, R, P and A; or `udp`. */
  readonly flags: string
  readonly sequence: number
  readonly acknowledged: number
  readonly payload: Uint8Array
}

const FLAGS = [
  ['S', 2],
  ['F', 1],
  ['R', 4],
  ['P', 8],
  ['A', 16],
] as const

/** Reads a pcapng file of raw IP packets, and throws at what is no such file, checksums included. */
export function readPcap(bytes: Uint8Array): Packet[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const packets: Packet[] = []
  const types: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const type = view.getUint32(at, true)
    const length = view.getUint32(at + 4, true)
    if (length % 4 !== 0 || view.getUint32(at + length - 4, true) !== length) throw new Error(`a bad block at ${at}`)
    types.push(type)
    if (types.length === 1 && (type !== 0x0a0d0d0a || view.getUint32(at + 8, true) !== 0x1a2b3c4d))
      throw new Error('no section header')
    if (type === 1 && view.getUint16(at + 8, true) !== 101) throw new Error('not raw IP')
    if (type === 6) {
      const micros = view.getUint32(at + 12, true) * 2 ** 32 + view.getUint32(at + 16, true)
      const captured = view.getUint32(at + 20, true)
      packets.push(readIp(bytes.subarray(at + 28, at + 28 + captured), micros / 1000))
    }
    at += length
  }
  return packets
}

function readIp(bytes: Uint8Array, at: number): Packet {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const isV4 = bytes[0] === 0x45
  const [addressAt, addressBytes, headerBytes, protocolAt] = isV4 ? [12, 4, 20, 9] : [8, 16, 40, 6]
  if (isV4 && (view.getUint16(2) !== bytes.length || checksum(bytes.subarray(0, 20)) !== 0)) throw new Error('bad IPv4')
  if (!isV4 && (bytes[0] !== 0x60 || view.getUint16(4) !== bytes.length - 40)) throw new Error('bad IPv6')
  const from = bytes.subarray(addressAt, addressAt + addressBytes)
  const to = bytes.subarray(addressAt + addressBytes, addressAt + 2 * addressBytes)
  const body = bytes.subarray(headerBytes)
  const protocol = bytes[protocolAt] ?? 0
  const pseudo = Uint8Array.of(...from, ...to, 0, protocol, body.length >> 8, body.length & 255)
  if (checksum(pseudo, checksumSum(body)) !== 0) throw new Error('a bad checksum')
  const ends = {
    from: `${ipText(from)}.${view.getUint16(headerBytes)}`,
    to: `${ipText(to)}.${view.getUint16(headerBytes + 2)}`,
  }
  if (protocol === 17) return { at, ...ends, flags: 'udp', sequence: 0, acknowledged: 0, payload: body.subarray(8) }
  const bits = body[13] ?? 0
  return {
    at,
    ...ends,
    flags: FLAGS.filter(([, bit]) => (bits & bit) !== 0)
      .map(([letter]) => letter)
      .join(''),
    sequence: view.getUint32(headerBytes + 4),
    acknowledged: view.getUint32(headerBytes + 8),
    payload: body.subarray(20),
  }
}

function checksumSum(bytes: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return sum
}

function checksum(bytes: Uint8Array, more = 0): number {
  let sum = checksumSum(bytes) + more
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65_536)
  return ~sum & 0xffff
}
