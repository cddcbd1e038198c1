/** Where a frame is written: one for each Env, as encoding is synchronous. Positions count from the frame's first byte. Numbers out of range throw. */
export interface WriteBuffer {
  /** Bytes written so far: where the next one goes. */
  readonly position: number
  /** This message leaves as WebSocket text (default: the codec's `format`). */
  text: boolean
  u8(value: number): void
  i8(value: number): void
  /** @param order big-endian unless told */
  u16(value: number, order?: 'be' | 'le'): void
  /** @param order big-endian unless told */
  i16(value: number, order?: 'be' | 'le'): void
  /** @param order big-endian unless told */
  u32(value: number, order?: 'be' | 'le'): void
  /** @param order big-endian unless told */
  i32(value: number, order?: 'be' | 'le'): void
  /** Up to 2^53 - 1. */
  u64(value: number, order?: 'be' | 'le'): void
  /** Two's complement, from -(2^53 - 1) to 2^53 - 1. */
  i64(value: number, order?: 'be' | 'le'): void
  /** IEEE 754 single, to which the value is rounded. */
  f32(value: number, order?: 'be' | 'le'): void
  /** IEEE 754 double. */
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
  /** Into a gap, or over what is there; the bytes must be in one piece, as a gap's are. */
  setU8(position: number, value: number): void
  /** @param order big-endian unless told */
  setU16(position: number, value: number, order?: 'be' | 'le'): void
  /** @param order big-endian unless told */
  setU32(position: number, value: number, order?: 'be' | 'le'): void
  /** Closes part of a gap that turned out too wide (varint, Content-Length, netstring headers). */
  remove(position: number, length: number): void
  /** Position of the first such byte, or sequence of bytes (one at least), from `from` on; -1 where there is none. Looks into referred payloads too. */
  indexOf(bytes: number | Uint8Array, from: number): number
}
