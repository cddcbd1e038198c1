/** Bytes that tell their place, so that every loss and exchange shows, and that no layer can make fewer. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) {
    let mixed = Math.imul(at + 1, 0x9e3779b1) ^ seed
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    bytes[at] = mixed >>> 24
  }
  return bytes
}
