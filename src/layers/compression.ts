import { copy } from '../core/bytes.ts'
import type { ByteTransform, CompressionAlgorithm, Zlib } from '../core/byte-transform.ts'
import type { CloseReason, Connection, ConnectionSink, Wrapper } from '../core/connection.ts'
import type { Env } from '../core/env.ts'
import { badOption, HawserError } from '../core/errors.ts'
import { Fifo } from '../core/fifo.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireNumber, requireOneOf } from '../core/session-options.ts'
import { HeldInput } from './held-input.ts'
import { Layer } from './layer.ts'

/** How a session compresses; the same on both sides. */
export interface CompressionOptions {
  /** 'brotli' compresses best, and takes most memory. */
  readonly algorithm: CompressionAlgorithm
  /**
   * How far what comes out may exceed 100 times what came in, over the life of a session; past it is ERR_COMPRESSION.
   * Zeros shrink 1 000 times with deflate and 100 000 times with brotli: raise it where such are sent in good faith.
   * @defaultValue 16 MiB
   */
  readonly maxInflatedBytes?: number | undefined
}

const MAX_INFLATED_BYTES = 16 * 1024 * 1024
const MAX_RATIO = 100
/** Compressed at once, and flushed behind it. */
const BATCH_BYTES = 64 * 1024
/** Compressed and not taken below: from here on no more is compressed. */
const AHEAD_BYTES = 64 * 1024
/** Received and not decompressed: from here on the connection is asked to pause. */
const BEHIND_BYTES = 64 * 1024

/**
 * Compresses both directions of a byte stream, each as one stream with one dictionary for all of a session's life. What
 * was written in one turn leaves in the next, whole: no message waits for another. On WebSocket use its own compression.
 * @throws ERR_BAD_OPTION
 */
export function compression(options: CompressionOptions): Wrapper {
  if (typeof options !== 'object' || options === null) throw badOption('compression', 'must be an object')
  requireKnown('compression.', options, ['algorithm', 'maxInflatedBytes'])
  const { algorithm, maxInflatedBytes = MAX_INFLATED_BYTES } = options
  requireOneOf('compression.algorithm', algorithm, ['deflate', 'gzip', 'brotli'])
  requireNumber('compression.maxInflatedBytes', maxInflatedBytes, 1)
  const wrap: Wrapper = (connection, _role, env) => {
    if (connection.boundary === 'message') throw badOption('wrap', 'compression needs a byte stream')
    if (env.zlib === undefined) throw badOption('env', 'has no zlib to compress with')
    return new Compression(connection, env, env.zlib, algorithm, maxInflatedBytes)
  }
  return Object.assign(wrap, { boundary: 'stream' as const })
}

interface Waiting {
  readonly chunk: Uint8Array
  readonly taken: (() => void) | undefined
  /** How much of it was compressed. */
  offset: number
}

/** Writes whose last byte has left with the output of this number. */
interface Batch {
  readonly writes: readonly Waiting[]
  readonly bytes: number
  output: number
}

/**
 *     write ─▶ #queue ─▶ compressor ─▶ below.write ─▶ taken
 *     onChunk ◀─ #input ◀─ decompressor ◀─ below.onChunk
 *
 * Each direction has its zlib from its first byte on.
 */
class Compression extends Layer {
  readonly #env: Env
  readonly #zlib: Zlib
  readonly #algorithm: CompressionAlgorithm

  #compressor: ByteTransform | undefined
  readonly #queue = new Fifo<Waiting>()
  /** Written and not taken, before compression. */
  #queuedBytes = 0
  #corks = 0
  #compressing = false
  readonly #batches = new Fifo<Batch>()
  #outputs = 0
  #outputsTaken = 0
  #outputBytes = 0
  #ending: { readonly reason: CloseReason | undefined } | undefined
  #endPassed = false

  #decompressor: ByteTransform | undefined
  readonly #input: HeldInput
  #inputPaused = false
  #behindBytes = 0
  /** What may still come out. */
  #inflatableBytes: number
  #ended: { readonly reason: CloseReason | undefined } | undefined

  #belowPaused = false
  /** No more is compressed or decompressed. */
  #gone = false
  /** Closed below, while what came before is still decompressed. */
  #belowClosed = false

  constructor(below: Connection, env: Env, zlib: Zlib, algorithm: CompressionAlgorithm, maxInflatedBytes: number) {
    super(below)
    this.#env = env
    this.#zlib = zlib
    this.#algorithm = algorithm
    this.#inflatableBytes = maxInflatedBytes
    this.#input = new HeldInput(env, {
      pause: () => this.#pauseInput(true),
      resume: () => this.#pauseInput(false),
    })
  }

  override get chunks(): 'kept' {
    return 'kept'
  }
  override get bufferedBytes(): number {
    return this.#queuedBytes
  }
  override get progress(): number {
    return this.#outputBytes + (this.below.progress ?? 0)
  }

  // ── Out ───────────────────────────────────────────────────────────────────────────────────────────────────

  override write(chunk: Uint8Array, taken?: () => void): void {
    if (this.#gone || this.#ending !== undefined) return
    this.#queue.push({ chunk, taken, offset: 0 })
    this.#queuedBytes += chunk.length
    this.#pump()
  }

  override cork(): void {
    this.#corks++
  }

  override uncork(): void {
    if (this.#corks > 0 && --this.#corks === 0) this.#pump()
  }

  override end(reason?: CloseReason): void {
    if (this.#gone || this.#ending !== undefined) return
    this.#ending = { reason }
    this.#corks = 0
    this.#pump()
  }

  /** The next batch, when the one before is through and below has taken most of it. */
  #pump(): void {
    if (this.#compressing || this.#corks > 0 || this.#gone || this.#endPassed) return
    if (this.#queue.length > 0) {
      if (this.below.bufferedBytes < AHEAD_BYTES) this.#compressBatch()
    } else if (this.#ending !== undefined) {
      this.#endPassed = true
      if (this.#compressor === undefined) this.below.end(this.#ending.reason)
      else this.#compressor.end()
    }
  }

  #compressBatch(): void {
    this.#compressing = true
    this.#compressor ??= this.#zlib.compressor(this.#algorithm, {
      onOutput: (bytes) => this.#onCompressed(bytes),
      onFinish: () => this.below.end(this.#ending?.reason),
      onError: (error) => this.#fail(error),
    })
    const writes: Waiting[] = []
    let bytes = 0
    for (let next = this.#queue.first; next !== undefined && bytes < BATCH_BYTES; next = this.#queue.first) {
      const part = next.chunk.subarray(next.offset, next.offset + BATCH_BYTES - bytes)
      next.offset += part.length
      bytes += part.length
      if (part.length > 0) this.#compressor.write(part, nothing)
      if (next.offset < next.chunk.length) break
      this.#queue.shift()
      writes.push(next)
    }
    this.#compressor.flush(() => {
      this.#compressing = false
      this.#batches.push({ writes, bytes, output: this.#outputs })
      this.#giveBack()
      this.#pump()
    })
  }

  #onCompressed(bytes: Uint8Array): void {
    this.#outputs++
    this.#outputBytes += bytes.length
    this.below.write(bytes, this.#onOutputTaken)
  }

  readonly #onOutputTaken = (): void => {
    this.#outputsTaken++
    this.#giveBack()
    this.#pump()
  }

  /** Writes belong to their writer again when below has taken what they became. */
  #giveBack(): void {
    for (let batch = this.#batches.first; batch !== undefined; batch = this.#batches.first) {
      if (this.#gone || batch.output > this.#outputsTaken) return
      this.#batches.shift()
      this.#queuedBytes -= batch.bytes
      for (const { taken } of batch.writes) if (!this.#gone) taken?.()
    }
  }

  // ── In ────────────────────────────────────────────────────────────────────────────────────────────────────

  override attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.#belowPaused = false
    this.below.attach(this)
    this.#input.attach(sink, unread)
    this.#regulate()
  }

  override pause(): void {
    this.#input.pause()
  }

  override resume(): void {
    this.#input.resume()
  }

  override onChunk(chunk: Uint8Array): void {
    if (this.#gone || chunk.length === 0) return
    this.#inflatableBytes += MAX_RATIO * chunk.length
    this.#behindBytes += chunk.length
    const bytes = this.below.chunks === 'borrowed' ? copy(chunk) : chunk
    const decompressor = this.#makeDecompressor()
    decompressor.write(bytes, () => {
      this.#behindBytes -= bytes.length
      this.#regulate()
    })
    this.#regulate()
    this.onActivity()
  }

  override onEnd(reason?: CloseReason): void {
    if (this.#gone) return
    this.#ended = { reason }
    if (this.#decompressor === undefined) this.#input.end(reason)
    else this.#decompressor.end()
  }

  #makeDecompressor(): ByteTransform {
    if (this.#decompressor !== undefined) return this.#decompressor
    this.#decompressor = this.#zlib.decompressor(this.#algorithm, {
      onOutput: (bytes) => this.#onInflated(bytes),
      onFinish: () => this.#onInputFinished(),
      onError: (error) => this.#fail(error),
    })
    if (this.#inputPaused) this.#decompressor.pause()
    return this.#decompressor
  }

  #onInflated(bytes: Uint8Array): void {
    this.#inflatableBytes -= bytes.length
    if (this.#inflatableBytes >= 0) this.#input.push(bytes, undefined, false)
    else this.#fail(new HawserError('ERR_COMPRESSION', 'what came inflates to more than maxInflatedBytes allows'))
  }

  #onInputFinished(): void {
    this.#decompressor = undefined
    this.#input.end(this.#ended?.reason)
    if (this.#belowClosed) this.#close(undefined)
  }

  #pauseInput(pause: boolean): void {
    this.#inputPaused = pause
    if (pause) this.#decompressor?.pause()
    else this.#decompressor?.resume()
    this.#regulate()
  }

  #regulate(): void {
    const pause = this.#inputPaused || this.#behindBytes >= BEHIND_BYTES
    if (pause === this.#belowPaused) return
    this.#belowPaused = pause
    if (pause) this.below.pause()
    else this.below.resume()
  }

  // ── Closing ───────────────────────────────────────────────────────────────────────────────────────────────

  override destroy(error?: Error): void {
    this.#leave()
    this.#input.forget()
    this.below.destroy(error)
    if (this.#belowClosed) this.#env.defer(() => this.#input.close(error))
  }

  override onClose(error?: Error): void {
    this.#belowClosed = true
    const isInflating = this.#decompressor !== undefined && this.#ended !== undefined && !this.#gone
    if (error === undefined && isInflating) return // #onInputFinished goes on
    this.#close(error)
  }

  /** The one place where a fault of either direction ends the session. */
  #fail(error: HawserError): void {
    if (this.#gone) return
    if (this.#belowClosed) this.#close(error)
    else this.destroy(error)
  }

  #close(error: Error | undefined): void {
    this.#leave()
    this.#input.close(error)
  }

  #leave(): void {
    this.#gone = true
    this.#compressor?.destroy()
    this.#decompressor?.destroy()
    while (this.#queue.shift() !== undefined) {}
    this.#queuedBytes = 0
  }
}

function nothing(): void {}
