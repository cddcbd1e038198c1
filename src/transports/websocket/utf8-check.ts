/** Whether bytes that come in pieces are UTF-8 (RFC 3629), told at the first byte that cannot be. */
export class Utf8Check {
  /** Bytes that the character begun still needs. */
  #missing = 0
  /** What the next of them may be: the first one after some lead bytes is bound more closely. */
  #low = 0x80
  #high = 0xbf

  /** False from the first impossible byte on. */
  push(bytes: Uint8Array, from: number, to: number): boolean {
    let missing = this.#missing
    for (let at = from; at < to; at++) {
      const byte = bytes[at] as number
      if (missing > 0) {
        if (byte < this.#low || byte > this.#high) return false
        this.#low = 0x80
        this.#high = 0xbf
        missing--
      } else if (byte >= 0x80) {
        missing = this.#begin(byte)
        if (missing === 0) return false
      }
    }
    this.#missing = missing
    return true
  }

  /** No character is left unfinished. */
  get isWhole(): boolean {
    return this.#missing === 0
  }

  /** How many bytes follow this one; 0: no character begins with it. */
  #begin(byte: number): number {
    if (byte < 0xc2 || byte > 0xf4) return 0 // a continuation, an overlong form, or above U+10FFFF
    if (byte < 0xe0) return 1
    if (byte === 0xe0) this.#low = 0xa0
    else if (byte === 0xed)
      this.#high = 0x9f // surrogates
    else if (byte === 0xf0) this.#low = 0x90
    else if (byte === 0xf4) this.#high = 0x8f
    return byte < 0xf0 ? 2 : 3
  }
}
