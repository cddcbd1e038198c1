import { Duplex } from 'node:stream'
import type { Connection, ConnectionSink } from '../../core/connection.ts'
import { SocketConnection } from './socket-connection.ts'

/** `connection` as a Duplex, which takes it over: its own socket where it is one. */
export function duplexOf(connection: Connection): Duplex {
  const own = connection instanceof SocketConnection ? connection.release() : undefined
  return own ?? new ConnectionDuplex(connection)
}

/** A Connection as Node's Duplex, for what of Node wants one: TLS or WebSocket over a connection that is no socket. */
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

  /** What was corked leaves together. */
  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], callback: (error?: Error | null) => void): void {
    const last = chunks.length - 1
    this.#connection.cork()
    chunks.forEach(({ chunk }, i) => this.#connection.write(chunk, i === last ? () => callback() : undefined))
    this.#connection.uncork()
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
