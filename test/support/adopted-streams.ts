import { Duplex, PassThrough } from 'node:stream'
import { parseAddress } from '../../src/core/address.ts'
import { HawserError } from '../../src/core/errors.ts'
import type { AcceptSink, LinkOptions, Transport } from '../../src/core/transport.ts'
import { requiredNet } from '../../src/transports/required-net.ts'

/** `duplex://name:0`: pairs of streams that know nothing of sockets, adopted by the Env. `kind` is what is adopted. */
export function adoptedStreams(kind: 'duplex' | 'pair'): Transport {
  const listening = new Map<string, Place>()
  return {
    schemes: ['duplex'],
    async dial({ href }, options) {
      options.signal?.throwIfAborted()
      const place = listening.get(href)
      if (place === undefined) throw new HawserError('ERR_CONNECTION_REFUSED', `nobody at ${href}`)
      const [near, far] = kind === 'duplex' ? duplexPair() : streamPairs()
      place.offer(far)
      return requiredNet(options.env).adopt(near, options)
    },
    async listen({ href }, options, sink) {
      if (listening.has(href)) throw new HawserError('ERR_ADDRESS_IN_USE', `somebody at ${href}`)
      const place = new Place(options, sink)
      listening.set(href, place)
      return {
        address: href,
        pause: () => place.pause(),
        resume: () => place.resume(),
        async close() {
          listening.delete(href)
        },
      }
    },
  }
}

class Place {
  readonly #options: LinkOptions
  readonly #sink: AcceptSink
  #waiting: unknown[] | undefined

  constructor(options: LinkOptions, sink: AcceptSink) {
    this.#options = options
    this.#sink = sink
  }

  pause(): void {
    this.#waiting ??= []
  }

  resume(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const stream of waiting) this.offer(stream)
  }

  offer(stream: unknown): void {
    if (this.#waiting !== undefined) return void this.#waiting.push(stream)
    const connection = requiredNet(this.#options.env).adopt(stream, this.#options)
    if (this.#sink.admit(parseAddress(connection.remoteAddress))) this.#sink.onConnection(connection)
    else connection.destroy()
  }
}

/** Two Duplexes, each of which reads what the other writes, and falls with the other. */
export function duplexPair(): [Duplex, Duplex] {
  const [a, b] = [new Half(), new Half()]
  a.other = b
  b.other = a
  return [a, b]
}

class Half extends Duplex {
  other: Half | undefined
  #callback: (() => void) | undefined

  override _read(): void {
    const callback = this.#callback
    this.#callback = undefined
    callback?.()
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: () => void): void {
    const { other } = this
    if (other === undefined || other.destroyed) callback()
    else if (other.push(chunk)) setImmediate(callback)
    else other.#callback = callback
  }

  override _final(callback: () => void): void {
    this.other?.push(null)
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    setImmediate(() => this.other?.destroy())
    callback(error)
  }
}

/** As a child process has them: one stream to read from and one to write to. */
function streamPairs(): [unknown, unknown] {
  const [there, back] = [new PassThrough(), new PassThrough()]
  return [
    { readable: back, writable: there },
    { readable: there, writable: back },
  ]
}
