import { Duplex } from 'node:stream'
import type { Connection, ConnectionSink } from '../../core/connection.ts'

/** A Connection as Node's Duplex, for what of Node wants one: TLS over a connection that is no socket. */
export class ConnectionDuplex extends Duplex implements ConnectionSink {
  readonly #connection: Connection
  #callback: ((error?: Error | null) => void) | undefined
  #closed = false

  constructor(connection: Connection) {
    super({ allowHalfOpen: true })
    this.#connection = connection
    connection.attach(this)
  }

  onChunk(chunk: Uint8Array): void {
    if (!this.push(chunk)) this.#connection.pause()
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
