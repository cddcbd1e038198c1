import {
  type BrotliOptions,
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createGunzip,
  createGzip,
  createInflate,
} from 'node:zlib'
import type { Transform } from 'node:stream'
import type { ByteTransform, ByteTransformSink, CompressionAlgorithm, Zlib } from '../../core/byte-transform.ts'
import { describe, HawserError } from '../../core/errors.ts'

type Stream = Transform & { readonly bytesWritten: number; flush(kind: number, flushed: () => void): void }

/** A paused stream keeps one chunk of output, and stops. */
const CHUNKS = { chunkSize: 16 * 1024, readableHighWaterMark: 1 }

/** Node's own quality (11) takes a thousand times as long, and its window 4 MiB a session. */
const BROTLI: BrotliOptions = {
  ...CHUNKS,
  params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 16 },
}

const STREAMS: Readonly<
  Record<CompressionAlgorithm, { compress(): Stream; decompress(): Stream; readonly flush: number }>
> = {
  deflate: {
    compress: () => createDeflate(CHUNKS),
    decompress: () => createInflate(CHUNKS),
    flush: constants.Z_SYNC_FLUSH,
  },
  gzip: { compress: () => createGzip(CHUNKS), decompress: () => createGunzip(CHUNKS), flush: constants.Z_SYNC_FLUSH },
  brotli: {
    compress: () => createBrotliCompress(BROTLI),
    decompress: () => createBrotliDecompress(CHUNKS),
    flush: constants.BROTLI_OPERATION_FLUSH,
  },
}

/** Node's zlib, which works in the thread pool. */
export const systemZlib: Zlib = {
  compressor: (algorithm, sink) => new StreamTransform(STREAMS[algorithm].compress(), STREAMS[algorithm].flush, sink),
  decompressor: (algorithm, sink) =>
    new StreamTransform(STREAMS[algorithm].decompress(), STREAMS[algorithm].flush, sink),
}

class StreamTransform implements ByteTransform {
  readonly #stream: Stream
  readonly #flushKind: number
  #destroyed = false
  #givenBytes = 0
  /** Calls that come when the stream has given out what it holds. */
  #waiting: (() => void)[] = []

  constructor(stream: Stream, flushKind: number, sink: ByteTransformSink) {
    this.#stream = stream
    this.#flushKind = flushKind
    stream.on('data', (bytes: Uint8Array) => {
      if (this.#destroyed) return
      sink.onOutput(bytes)
      if (stream.readableLength === 0) this.#callWaiting()
    })
    stream.on('end', () => {
      if (this.#destroyed) return
      // Node forgets what follows a stream of zlib.
      if (stream.bytesWritten === this.#givenBytes) sink.onFinish()
      else this.#fail(sink, new HawserError('ERR_COMPRESSION', 'more came behind the end of the compressed stream'))
    })
    stream.on('error', (error) => {
      if (!this.#destroyed) this.#fail(sink, toHawserError(error))
    })
  }

  write(bytes: Uint8Array, used: () => void): void {
    this.#givenBytes += bytes.length
    this.#stream.write(bytes, this.#inTurn(used))
  }

  flush(flushed: () => void): void {
    this.#stream.flush(this.#flushKind, this.#inTurn(flushed))
  }

  end(): void {
    this.#stream.end()
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  destroy(): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#waiting = []
    this.#stream.destroy()
  }

  #fail(sink: ByteTransformSink, error: HawserError): void {
    this.destroy()
    sink.onError(error)
  }

  /** Node calls back when the output is made, which a paused stream still holds. */
  #inTurn(call: () => void): (error?: Error | null) => void {
    return (error) => {
      if (this.#destroyed || error) return // the event tells it
      this.#waiting.push(call)
      if (this.#stream.readableLength === 0) this.#callWaiting()
    }
  }

  #callWaiting(): void {
    for (const call of this.#waiting.splice(0)) if (!this.#destroyed) call()
  }
}

function toHawserError(error: Error): HawserError {
  if ((error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR') {
    return new HawserError('ERR_TRUNCATED', 'the peer ended in the middle of its compressed stream', { cause: error })
  }
  return new HawserError('ERR_COMPRESSION', `what came is not compressed as expected: ${describe(error)}`, {
    cause: error,
  })
}
