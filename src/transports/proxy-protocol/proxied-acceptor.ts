import { type Address, parseAddress } from '../../core/address.ts'
import type { Connection } from '../../core/connection.ts'
import type { Net, StreamTarget } from '../../core/env.ts'
import { HawserError, sessionClosed } from '../../core/errors.ts'
import type { AcceptSink, Acceptor, Anteroom, LinkOptions } from '../../core/transport.ts'
import { type HeaderHost, PendingHeader } from './pending-header.ts'

/**
 * As `net.listen`; with `options.anteroom` what is accepted must begin with a PROXY header, within `timeoutMs`. Then the
 * connection goes on to `sink`, unattached, under the address that the header gave: nothing stands between it and its
 * session, or its TLS, from then on.
 *
 *     net ─▶ anteroom.enter ─▶ header ─▶ anteroom.leave ─▶ sink.admit ─▶ sink.onConnection
 */
export async function listenBehindProxies(
  net: Net,
  target: StreamTarget,
  options: LinkOptions,
  sink: AcceptSink,
): Promise<Acceptor> {
  const { anteroom } = options
  if (anteroom === undefined) return net.listen(target, options, sink)
  const headers = new ProxyHeaders(options, anteroom, sink)
  return new ProxiedAcceptor(await net.listen(target, options, headers), headers)
}

/** Between the Net and the transport: whoever has entered sends its header. */
class ProxyHeaders implements AcceptSink, HeaderHost {
  readonly #options: LinkOptions
  readonly #anteroom: Anteroom
  readonly #sink: AcceptSink
  readonly #pending = new Set<PendingHeader>()

  constructor(options: LinkOptions, anteroom: Anteroom, sink: AcceptSink) {
    this.#options = options
    this.#anteroom = anteroom
    this.#sink = sink
  }

  admit(remoteAddress: Address): boolean {
    return this.#anteroom.enter(remoteAddress)
  }

  onConnection(connection: Connection): void {
    if (connection.detach !== undefined) {
      this.#pending.add(new PendingHeader(connection, this.#options, this))
      return
    }
    const complaint = 'no PROXY header can be read here: the connections of this Net have no detach'
    this.#anteroom.leave(parseAddress(connection.remoteAddress), new HawserError('ERR_PROXY', complaint))
    connection.destroy()
  }

  onError(error: HawserError, remoteAddress?: Address): void {
    if (remoteAddress === undefined) this.#sink.onError(error)
    else this.#anteroom.leave(remoteAddress, error) // the Net had let it enter
  }

  headerRead(pending: PendingHeader): void {
    const { connection, proxy, since } = pending
    this.#pending.delete(pending)
    this.#anteroom.leave(proxy)
    if (this.#sink.admit(parseAddress(connection.remoteAddress))) this.#sink.onConnection(connection, since)
    else connection.destroy()
  }

  headerFailed(pending: PendingHeader, error: HawserError): void {
    this.#pending.delete(pending)
    this.#anteroom.leave(pending.proxy, error)
  }

  close(): void {
    for (const pending of this.#pending) pending.fail(sessionClosed('the server closes'))
  }
}

class ProxiedAcceptor implements Acceptor {
  readonly address: string
  readonly #below: Acceptor
  readonly #headers: ProxyHeaders

  constructor(below: Acceptor, headers: ProxyHeaders) {
    this.address = below.address
    this.#below = below
    this.#headers = headers
  }

  pause(): void {
    this.#below.pause()
  }

  resume(): void {
    this.#below.resume()
  }

  close(): Promise<void> {
    const closed = this.#below.close()
    this.#headers.close()
    return closed
  }
}
