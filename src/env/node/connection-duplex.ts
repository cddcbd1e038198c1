import { Duplex } from 'node:stream'
import { allocate } from '../../core/bytes.ts'
import type { Connection, ConnectionSink } from '../../core/connection.ts'

/** Small writes are joined into writes of up to so many bytes. */
const JOINED_BYTES = 64 * 1024

/** A Connection as Node's Duplex, for what wants one: TLS over a connection that is no socket, the package `ws`. */
export class ConnectionDuplex extends Duplex implements ConnectionSink {
  readonly #connection: Connection
  readonly #pieceBytes: number
  #callback: ((error?: Error | null) => void) | undefined
  #closed = false

  /** @param pieceBytes of what is read at once, at most: a reader that makes much of little is stopped in between */
  constructor(connection: Connection, pieceBytes: number = Infinity) {
    super({ allowHalfOpen: true })
    this.#connection = connection
    this.#pieceBytes = pieceBytes
    connection.attach(this)
  }

  onChunk(chunk: Uint8Array): void {
    let wantsMore = true
    for (let at = 0; at < chunk.length; at += this.#pieceBytes)
      wantsMore = this.push(chunk.length <= this.#pieceBytes ? chunk : chunk.subarray(at, at + this.#pieceBytes))
    if (!wantsMore) this.#connection.pause()
  }

  onActivity(): void {}

  onEnd(): void {
    this.push(null)
  }

  onClose(error?: Error): void {
    this.#closed = true
    this.destroy(error)
    this.#callback?.(error)
  }

  override _read(): void {
    this.#connection.resume()
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#connection.write(chunk, () => callback())
  }

  /** What was corked leaves together, the small ones as one: many buffers in one write cost more than their copy. */
  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], callback: (error?: Error | null) => void): void {
    const connection = this.#connection
    connection.cork()
    let from = 0
    let bytes = 0
    for (let i = 0; i < chunks.length; i++) {
      const { length } = (chunks[i] as { readonly chunk: Uint8Array }).chunk
      if (bytes > 0 && bytes + length > JOINED_BYTES) {
        connection.write(joined(chunks, from, i, bytes))
        from = i
        bytes = 0
      }
      bytes += length
    }
    connection.write(joined(chunks, from, chunks.length, bytes), () => callback())
    connection.uncork()
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#connection.end()
    callback()
  }

  /** Done when the connection says it is closed. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#closed) return callback(error)
    this.#callback = () => callback(error)
    this.#connection.destroy(error ?? undefined)
  }
}

function joined(
  chunks: readonly { readonly chunk: Uint8Array }[],
  from: number,
  to: number,
  bytes: number,
): Uint8Array {
  if (to - from === 1) return (chunks[from] as { readonly chunk: Uint8Array }).chunk
  const whole = allocate(bytes)
  let at = 0
  for (let i = from; i < to; i++) {
    const { chunk } = chunks[i] as { readonly chunk: Uint8Array }
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
