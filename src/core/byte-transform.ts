import type { HawserError } from './errors.ts'

/** How bytes are made fewer: zlib's format (RFC 1950), gzip's (RFC 1952), or Brotli (RFC 7932). */
export type CompressionAlgorithm = 'deflate' | 'gzip' | 'brotli'

/**
 * One direction of a compressed byte stream. No method calls its sink before it has returned, and what it calls comes
 * in the order of the calls, outputs before the `used` or `flushed` of what they come from.
 */
export interface ByteTransform {
  /** `used`: the bytes are the caller's again. */
  write(bytes: Uint8Array, used: () => void): void
  /** Of a compressor: `flushed` comes when all that the other side needs to read what was written is out. */
  flush(flushed: () => void): void
  /** No more input; what is left comes out, then `onFinish` is called. */
  end(): void
  /** No output until `resume`, but for one chunk at most. */
  pause(): void
  resume(): void
  /** The sink hears nothing more. */
  destroy(): void
}

/** Who hears what a ByteTransform makes. */
export interface ByteTransformSink {
  /** Memory of the sink's own, from now on. */
  onOutput(bytes: Uint8Array): void
  /** After `end`: all is out. */
  onFinish(): void
  /** ERR_TRUNCATED: `end` came in the middle; ERR_COMPRESSION: the bytes are no such stream, or more than that. Nothing follows. */
  onError(error: HawserError): void
}

/** What compresses; a stream of its own each time. */
export interface Zlib {
  compressor(algorithm: CompressionAlgorithm, sink: ByteTransformSink): ByteTransform
  decompressor(algorithm: CompressionAlgorithm, sink: ByteTransformSink): ByteTransform
}
