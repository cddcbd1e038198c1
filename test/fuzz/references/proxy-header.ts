import { isIPv4, isIPv6 } from 'node:net'

/*
 * The headers of the PROXY protocol once more, from its specification: whether there is one, how long it is, and whom it names.
 */

/** 'either': it is not complete, and what is wrong need not be known yet. */
export type ExpectedHeader =
  | 'bad'
  | 'either'
  | { readonly bytes: number; readonly ports: readonly number[] | undefined }

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n'
const MAX_LINE_BYTES = 107
/** Ours: TLVs are not for ever. */
const MAX_BYTES = 4096
const ADDRESS_BYTES: Readonly<Record<number, number>> = {
  0x11: 12,
  0x12: 12,
  0x21: 36,
  0x22: 36,
  0x31: 216,
  0x32: 216,
  0: 0,
}

/** @param input one character a byte */
export function proxyHeader(input: string): ExpectedHeader {
  if (input.startsWith(SIGNATURE)) return version2(input)
  if (input.startsWith('PROXY ')) return version1(input)
  return SIGNATURE.startsWith(input) || 'PROXY '.startsWith(input) ? 'either' : 'bad'
}

function version1(input: string): ExpectedHeader {
  const end = input.slice(0, MAX_LINE_BYTES).indexOf('\n')
  if (end < 0) return input.length >= MAX_LINE_BYTES ? 'bad' : 'either'
  const line = input.slice(0, end + 1)
  if (/^PROXY UNKNOWN( [^\n]*)?\r\n$/.test(line)) return { bytes: line.length, ports: undefined }
  const found = /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n$/.exec(line)
  if (found === null) return 'bad'
  const [, version, source = '', destination = '', ...ports] = found
  const isAddress = version === '4' ? isIPv4 : isIPv6
  const numbers = ports.map(Number)
  const isRight = [source, destination].every((host) => isAddress(host) && !host.includes('%'))
  return isRight && numbers.every((port) => port <= 65_535) ? { bytes: line.length, ports: numbers } : 'bad'
}

function version2(input: string): ExpectedHeader {
  const bytes = Buffer.from(input, 'latin1')
  if (bytes.length < 16) return 'either'
  const command = bytes.readUInt8(12)
  if (command !== 0x20 && command !== 0x21) return 'bad'
  const length = 16 + bytes.readUInt16BE(14)
  const family = bytes.readUInt8(13)
  const addressBytes = command === 0x20 ? 0 : ADDRESS_BYTES[family]
  if (addressBytes === undefined || length > MAX_BYTES || length < 16 + addressBytes) return 'bad'
  if (bytes.length < length) return 'either'
  if (command === 0x20) return { bytes: length, ports: undefined }
  const types: number[] = []
  let at = 16 + addressBytes
  for (; at < length; at += 3 + bytes.readUInt16BE(at + 1)) {
    if (at + 3 > length) return 'bad'
    types.push(bytes.readUInt8(at))
  }
  if (at !== length) return 'bad'
  if (types.includes(3)) return 'either' // a checksum, which is somebody else's test
  const isIp = addressBytes === 12 || addressBytes === 36
  const portsAt = 16 + addressBytes - 4
  return { bytes: length, ports: isIp ? [bytes.readUInt16BE(portsAt), bytes.readUInt16BE(portsAt + 2)] : undefined }
}
