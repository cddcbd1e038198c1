/** Where a frame is written: one for each Env, as encoding is synchronous. Positions count from the frame's first byte. Numbers out of range throw. */
export interface WriteBuffer {
  readonly position: number
  /** This message leaves as WebSocket text (default: the codec's `format`). */
  text: boolean
  u8(value: number): void
  /** @param order big-endian unless told */
  u16(value: number, order?: 'be' | 'le'): void
  u32(value: number, order?: 'be' | 'le'): void
  i32(value: number, order?: 'be' | 'le'): void
  /** Up to 2^53 - 1. */
  u64(value: number, order?: 'be' | 'le'): void
  f64(value: number, order?: 'be' | 'le'): void
  /** Unsigned LEB128 (as Protobuf's), up to 2^53 - 1. */
  varint(value: number): void
  /** Copied below 32 KiB, by reference from there on: then it must not change until `deliver()` resolves. */
  bytes(value: Uint8Array): void
  /** Never copied. */
  refer(value: Uint8Array): void
  /** Writes UTF-8 and gives its length in bytes. */
  utf8(value: string): number
  /** Leaves a gap of zeros to fill in later; gives its position. */
  reserve(length: number): number
  setU8(position: number, value: number): void
  setU16(position: number, value: number, order?: 'be' | 'le'): void
  setU32(position: number, value: number, order?: 'be' | 'le'): void
  /** Closes part of a gap that turned out too wide (varint, Content-Length, netstring headers). */
  remove(position: number, length: number): void
  /** Position of the first such byte, or sequence of bytes (one at least), from `from` on; -1 where there is none. Looks into referred payloads too. */
  indexOf(bytes: number | Uint8Array, from: number): number
}
