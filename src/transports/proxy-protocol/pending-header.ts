import { type Address, makeAddress, parseAddress } from '../../core/address.ts'
import { allocate, copy, EMPTY } from '../../core/bytes.ts'
import type { Connection, ConnectionSink, Introduction } from '../../core/connection.ts'
import type { TimerHandle } from '../../core/env.ts'
import { type HawserError, timedOut } from '../../core/errors.ts'
import type { LinkOptions } from '../../core/transport.ts'
import { known } from '../../core/known.ts'
import { badHeader } from './bad-header.ts'
import type { Endpoint, ProxyHeader } from './proxied-peer.ts'
import { readProxyHeader } from './proxy-header.ts'

/** Who waits for the header; it hears of each one once, after which nothing is attached to the connection any more. */
export interface HeaderHost {
  /** The connection has the peer's address from now on, and the bytes behind the header wait in it. */
  headerRead(pending: PendingHeader): void
  headerFailed(pending: PendingHeader, error: HawserError): void
}

/** A connection on which a proxy has not said yet whom it passes on. */
export class PendingHeader implements ConnectionSink {
  readonly connection: Connection
  /** Of the connection itself. */
  readonly proxy: Address
  /** When it was accepted. */
  readonly since: number
  readonly #host: HeaderHost
  readonly #timer: TimerHandle | undefined
  /** What came so far: less than a header, and so never more than the largest one. */
  #held: Uint8Array = EMPTY
  #done = false

  constructor(connection: Connection, { env, timeoutMs }: Pick<LinkOptions, 'env' | 'timeoutMs'>, host: HeaderHost) {
    this.connection = connection
    this.proxy = parseAddress(connection.remoteAddress)
    this.since = env.now()
    this.#host = host
    const late = (): void => this.fail(timedOut(`the PROXY header from ${this.proxy.href}`, timeoutMs))
    this.#timer = timeoutMs > 0 ? env.setTimer(timeoutMs, late) : undefined
    connection.attach(this)
  }

  onChunk(chunk: Uint8Array): void {
    if (this.#done) return
    const bytes = this.#held.length === 0 ? chunk : joined(this.#held, chunk)
    let header: ProxyHeader | undefined
    try {
      header = readProxyHeader(bytes)
    } catch (error) {
      return this.fail(error as HawserError)
    }
    if (header !== undefined) this.#finish(header, chunk.subarray(header.length - this.#held.length))
    else this.#held = bytes === chunk ? copy(chunk) : bytes
  }

  onActivity(): void {}

  onEnd(): void {
    this.fail(badHeader(`is missing: the sender ended after ${this.#held.length} bytes`))
  }

  onClose(error?: Error): void {
    const cause = error === undefined ? '' : ` (${error.message})`
    this.fail(badHeader(`is missing: the connection closed after ${this.#held.length} bytes${cause}`))
  }

  /** Does nothing once the header was read. */
  fail(error: HawserError): void {
    if (!this.#settle()) return
    this.connection.destroy()
    this.#host.headerFailed(this, error)
  }

  #finish(header: ProxyHeader, rest: Uint8Array): void {
    if (!this.#settle()) return
    const unread = this.connection.chunks === 'borrowed' ? copy(rest) : rest
    this.connection.detach?.(unread, introduction(header, this.connection))
    this.#host.headerRead(this)
  }

  #settle(): boolean {
    if (this.#done) return false
    this.#done = true
    this.#timer?.cancel()
    return true
  }
}

/** Undefined where the connection is the proxy's own. */
function introduction({ peer }: ProxyHeader, { remoteAddress, peer: link }: Connection): Introduction | undefined {
  if (peer === undefined) return undefined
  const { ends, tlvs } = peer
  const destination = ends && tcpAddress(ends.destination)
  const proxy = { address: parseAddress(remoteAddress), ...known({ destination }), tlvs }
  return { remoteAddress: ends === undefined ? remoteAddress : tcpAddress(ends.source).href, peer: { ...link, proxy } }
}

function tcpAddress({ host, port }: Endpoint): Address {
  return makeAddress('tcp', host, port)
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = allocate(head.length + tail.length)
  bytes.set(head)
  bytes.set(tail, head.length)
  return bytes
}
