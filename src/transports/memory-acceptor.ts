import { parseAddress } from '../core/address.ts'
import type { Connection } from '../core/connection.ts'
import type { Env } from '../core/env.ts'
import type { Acceptor, AcceptSink } from '../core/transport.ts'

/** The listening side in memory: connections wait here, as in a kernel's backlog, until they are accepted. */
export class MemoryAcceptor implements Acceptor {
  readonly address: string
  readonly #env: Env
  readonly #backlog: number
  readonly #sink: AcceptSink
  readonly #onClose: () => void
  readonly #waiting: Connection[] = []
  #paused = false
  #closed = false
  #due = false

  /** @param onClose frees the name */
  constructor(env: Env, address: string, backlog: number, sink: AcceptSink, onClose: () => void) {
    this.#env = env
    this.address = address
    this.#backlog = backlog
    this.#sink = sink
    this.#onClose = onClose
  }

  /** Whether one more may wait. */
  get hasRoom(): boolean {
    return !this.#closed && this.#waiting.length < this.#backlog
  }

  /** Accepted in a later turn. */
  offer(connection: Connection): void {
    this.#waiting.push(connection)
    this.#schedule()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#onClose()
    for (const connection of this.#waiting.splice(0)) connection.destroy()
  }

  #schedule(): void {
    if (this.#due || this.#paused || this.#waiting.length === 0) return
    this.#due = true
    this.#env.defer(this.#accept)
  }

  readonly #accept = (): void => {
    this.#due = false
    while (!this.#paused && !this.#closed) {
      const connection = this.#waiting.shift()
      if (connection === undefined) return
      if (this.#sink.admit(parseAddress(connection.remoteAddress))) this.#sink.onConnection(connection)
      else connection.destroy()
    }
  }
}
