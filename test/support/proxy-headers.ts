import { parseIp } from '../../src/core/ip-address.ts'

/** What tests put into a header of version 2; the defaults are those of a good one. */
export interface Version2 {
  /** Version and command. @defaultValue 0x21, PROXY */
  readonly command?: number
  /** @defaultValue by the addresses */
  readonly family?: number
  readonly source?: string
  readonly destination?: string
  readonly sourcePort?: number
  readonly destinationPort?: number
  /** Instead of the addresses. */
  readonly block?: readonly number[]
  readonly tlvs?: readonly (readonly [type: number, value: Uint8Array])[]
  /** Adds a checksum, right or wrong. */
  readonly checksum?: 'right' | 'wrong'
  /** Instead of the true one. */
  readonly length?: number
}

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]

/** Written by the specification, not by the code under test. */
export function version2(header: Version2 = {}): Uint8Array {
  const { command = 0x21, source = '192.0.2.1', destination = '198.51.100.7' } = header
  const { sourcePort = 56_324, destinationPort = 443, tlvs = [], checksum } = header
  const addresses = header.block ?? [
    ...addressBytes(source),
    ...addressBytes(destination),
    ...u16(sourcePort),
    ...u16(destinationPort),
  ]
  const { family = source.includes(':') ? 0x21 : 0x11 } = header
  const zeros = checksum === undefined ? [] : [[0x03, new Uint8Array(4)] as const]
  const encoded = [...zeros, ...tlvs].flatMap(([type, value]) => [type, ...u16(value.length), ...value])
  const block = [...addresses, ...encoded]
  const bytes = Uint8Array.from([...SIGNATURE, command, family, ...u16(header.length ?? block.length), ...block])
  if (checksum !== undefined) {
    const crc = slowCrc32c(bytes) ^ (checksum === 'right' ? 0 : 1)
    new DataView(bytes.buffer).setUint32(16 + addresses.length + 3, crc)
  }
  return bytes
}

/** A line of version 1, CRLF added. */
export function version1(line = 'PROXY TCP4 192.0.2.1 198.51.100.7 56324 443'): Uint8Array {
  return ascii(`${line}\r\n`)
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

export function concatenated(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** IPv6 with all its groups written out. */
function addressBytes(address: string): Uint8Array {
  const bytes = parseIp(address)
  if (bytes === undefined) throw new Error(`${address} is no address`)
  return bytes
}

function u16(value: number): number[] {
  return [value >> 8, value & 0xff]
}

/** Bit by bit. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc >>> 0
}
