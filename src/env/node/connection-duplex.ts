import { Duplex } from 'node:stream'
import { copy } from '../../core/bytes.ts'
import type { Connection, ConnectionSink } from '../../core/connection.ts'
import { joinSmall } from './join-small.ts'

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

  onChunk(bytes: Uint8Array): void {
    const chunk = this.#connection.chunks === 'borrowed' ? copy(bytes) : bytes
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

  /** What was corked leaves together. */
  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], callback: (error?: Error | null) => void): void {
    const connection = this.#connection
    const writes = joinSmall(chunks.map(({ chunk }) => chunk))
    const last = writes.pop() as Uint8Array // of no chunks there is no write
    connection.cork()
    for (const write of writes) connection.write(write)
    connection.write(last, () => callback())
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
