/** Received bytes that no frame has claimed, as a Framing sees them; offsets count from the first of them. Reading beyond `length` throws. */
export interface ReadBuffer {
  /** Contiguous bytes at hand. */
  readonly length: number
  /** Brings `count` bytes together if they have arrived (a split frame pulls only what it misses). */
  has(count: number): boolean
  /** For framings that search: brings some more together; false when there is nothing more. */
  more(): boolean
  /**
   * "Call me when there are so many": checks maxFrameBytes before anything is kept.
   * @param totalBytes of the frame, header and all
   * @param overheadBytes how many of them are framing and do not count against maxFrameBytes
   * @throws ERR_FRAME_TOO_LARGE
   */
  need(totalBytes: number, overheadBytes?: number): undefined
  /**
   * The step of a framing that has read its header: the frame's bytes `from` to `totalBytes`, and all up to there is
   * forgotten; undefined where they have not all arrived. The same as `need`, `has`, `view` and `skip`, in one call.
   * @throws ERR_FRAME_TOO_LARGE as `need`
   */
  frame(from: number, totalBytes: number, overheadBytes?: number): Uint8Array | undefined
  /** The byte at `offset`, without taking it; so do the next ones. */
  u8(offset: number): number
  /** @param order big-endian unless told */
  u16(offset: number, order?: 'be' | 'le'): number
  /** @param order big-endian unless told */
  u32(offset: number, order?: 'be' | 'le'): number
  /** Offset of the first such byte, or sequence of bytes, from `from` on; -1 where there is none among those at hand. */
  indexOf(bytes: number | Uint8Array, from?: number): number
  /** The bytes `from` to `to`, not copied and not taken. */
  view(from: number, to: number): Uint8Array
  /** Gives `length` bytes as a view and forgets them. */
  take(length: number): Uint8Array
  /** Forgets the first `length` bytes. */
  skip(length: number): void
}
