/**
 * Bytes as they stand on the wire: hex`10 0c 00 04`. Blanks and line breaks are for the reader. A number put in is one
 * byte, a text is more hex.
 * @throws SyntaxError for anything that is not pairs of hex digits
 */
export function hex(strings: TemplateStringsArray, ...values: (number | string)[]): Uint8Array {
  let digits = ''
  for (const [at, string] of strings.entries()) {
    const value = values[at] ?? ''
    digits += string + (typeof value === 'number' ? byteText(value) : value)
  }
  digits = digits.replace(/\s+/g, '')
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new SyntaxError(`'${digits}' is not bytes in hex`)
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16),
  )
}

function byteText(value: number): string {
  if (!(Number.isInteger(value) && value >= 0 && value <= 0xff)) throw new SyntaxError(`${value} is not a byte`)
  return value.toString(16).padStart(2, '0')
}
