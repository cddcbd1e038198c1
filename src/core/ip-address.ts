/** No spelling is longer: `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`. */
const MAX_TEXT = 45
const GROUPS = 8
/** What leads an IPv4 address inside of an IPv6 one (RFC 4291 section 2.5.5.2). */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

/**
 * The bytes of an IP address, in network order: 4 of IPv4, also of one that came as IPv6 (`::ffff:192.0.2.1`), 16 of any
 * other IPv6. Undefined for whatever is no address: names, zones (`%eth0`), numbers with leading zeros, which some
 * programs read as octal.
 */
export function parseIp(text: string): Uint8Array | undefined {
  if (text.length > MAX_TEXT) return undefined
  if (!text.includes(':')) return parseIpv4(text)
  const bytes = parseIpv6(text)
  return bytes === undefined ? undefined : unmapped(bytes)
}

/** As RFC 5952 spells it, one spelling for each address, so that spellings can be compared. @param bytes 4 or 16 of them */
export function ipText(bytes: Uint8Array): string {
  const plain = unmapped(bytes)
  if (plain.length === 4) return plain.join('.')
  const groups = Array.from({ length: GROUPS }, (_, at) => ((plain[2 * at] ?? 0) << 8) | (plain[2 * at + 1] ?? 0))
  const { from, length } = longestZeros(groups)
  const hex = groups.map((group) => group.toString(16))
  if (length < 2) return hex.join(':')
  return `${hex.slice(0, from).join(':')}::${hex.slice(from + length).join(':')}`
}

function unmapped(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 && MAPPED.every((byte, at) => bytes[at] === byte) ? bytes.subarray(12) : bytes
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every(isOctet)) return undefined
  return Uint8Array.from(parts, Number)
}

function isOctet(part: string): boolean {
  return /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half, at) => parseGroups(half, at === halves.length - 1))
  if (head === undefined) return undefined
  if (halves.length === 1) return head.length === 2 * GROUPS ? Uint8Array.from(head) : undefined
  if (tail === undefined) return undefined
  const zeros = 2 * GROUPS - head.length - tail.length
  if (zeros < 2) return undefined // `::` stands for something
  return Uint8Array.from([...head, ...Array.from({ length: zeros }, () => 0), ...tail])
}

/** @param last whether the address ends here, perhaps as IPv4 */
function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return []
  const groups = text.split(':')
  const bytes: number[] = []
  for (const [at, group] of groups.entries()) {
    const embedded = last && at === groups.length - 1 && group.includes('.') ? parseIpv4(group) : undefined
    if (embedded !== undefined) {
      bytes.push(...embedded)
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
    }
  }
  return bytes
}

/** The first of the longest. */
function longestZeros(groups: readonly number[]): { readonly from: number; readonly length: number } {
  let best = { from: 0, length: 0 }
  let from = 0
  for (const [at, group] of groups.entries()) {
    if (group !== 0) from = at + 1
    else if (at + 1 - from > best.length) best = { from, length: at + 1 - from }
  }
  return best
}
