const MINUS = 0x2d
const ZERO = 0x30
/** Texts of 15 digits are exact numbers, whatever they say. */
const MAX_DIGITS = 15

/** As a key of the store: one character a byte, so that no byte is lost. */
export function latin1(bytes: Uint8Array): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return buffer.toString('latin1', 0, bytes.length)
}

/** What `latin1` was made of. */
export function bytesOf(key: string): Uint8Array {
  return Buffer.from(key, 'latin1')
}

/** The number that these bytes say; undefined for anything but plain digits, without leading zeros. */
export function integerOf(bytes: Uint8Array): number | undefined {
  const negative = bytes[0] === MINUS
  const from = negative ? 1 : 0
  const digits = bytes.length - from
  if (digits < 1 || digits > MAX_DIGITS || (bytes[from] === ZERO && bytes.length > 1)) return undefined
  let value = 0
  for (let at = from; at < bytes.length; at++) {
    const digit = (bytes[at] as number) - ZERO
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return negative ? -value : value
}
