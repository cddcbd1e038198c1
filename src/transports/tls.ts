import { type Address, dialable, makeAddress, parseAddress } from '../core/address.ts'
import type { Connection } from '../core/connection.ts'
import type { Net } from '../core/env.ts'
import { badOption, HawserError, isHawserError, describe } from '../core/errors.ts'
import type { AcceptSink, Acceptor, LinkOptions, Transport } from '../core/transport.ts'
import { type ResolvedTlsOptions, resolveTls } from './options.ts'
import { listenBehindProxies } from './proxy-protocol/proxied-acceptor.ts'
import { requiredNet } from './required-net.ts'
import { timeLeft, withTimeLeft } from './time-left.ts'
import { withTcp } from './tcp.ts'

/** `tls://host:port`: TLS over TCP, with the option groups `tls` and `tcp`. Certificates are verified unless `tls.insecure`. */
export const tls: Transport = {
  schemes: ['tls'],

  async dial(address: Address, options: LinkOptions): Promise<Connection> {
    const net = requiredNet(options.env)
    const { host, port } = dialable(address)
    const group = { servername: host, ...resolveTls(options.groups) }
    net.prepareTls?.(group, 'dialed')
    const startedAt = options.env.now()
    const connection = await net.dial({ host, port }, withTcp(kept(options))).catch(namingTls)
    return net.secure(connection, group, withTimeLeft(options, startedAt, connection))
  },

  async listen(address: Address, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
    const net = requiredNet(options.env)
    const { host, port } = address
    const handshakes = new Handshakes(net, options, sink)
    const below = await listenBehindProxies(net, { host, port }, withTcp(kept(options)), handshakes).catch(namingTls)
    return new TlsAcceptor(below, handshakes)
  },
}

/** What is read is decrypted into memory of its own: nothing is borrowed. */
function kept(options: LinkOptions): LinkOptions {
  return { ...options, chunks: 'kept' }
}

/** What TCP could not do was asked for as tls://. */
function namingTls(error: unknown): never {
  if (isHawserError(error)) error.message = error.message.replace('tcp://', 'tls://')
  throw error
}

/**
 * What TCP accepted, on its way to TLS: each connection shakes hands by itself, within `timeoutMs`, and the next one is
 * accepted meanwhile.
 */
class Handshakes implements AcceptSink {
  readonly #net: Net
  readonly #options: LinkOptions
  readonly #sink: AcceptSink
  #group: ResolvedTlsOptions

  constructor(net: Net, options: LinkOptions, sink: AcceptSink) {
    this.#net = net
    this.#options = options
    this.#sink = sink
    this.#group = this.#prepared(options.groups)
  }

  /** For handshakes from now on. @throws ERR_BAD_OPTION or ERR_TLS, and keeps what there was */
  reload(tlsOptions: unknown): void {
    this.#group = this.#prepared({ tls: tlsOptions })
  }

  admit(remoteAddress: Address): boolean {
    return this.#sink.admit(secured(remoteAddress))
  }

  onConnection(connection: Connection, since: number = this.#options.env.now()): void {
    const remoteAddress = secured(parseAddress(connection.remoteAddress))
    const options = { ...this.#options, timeoutMs: timeLeft(this.#options, since) }
    // The sink's own throw is not a failed handshake: it must not come back as one.
    this.#net.secure(connection, this.#group, options).then(
      (secure) => this.#sink.onConnection(secure, since),
      (error: unknown) => this.#sink.onError(handshakeFailed(error), remoteAddress),
    )
  }

  onError(error: HawserError, remoteAddress?: Address): void {
    this.#sink.onError(error, remoteAddress)
  }

  #prepared(groups: LinkOptions['groups']): ResolvedTlsOptions {
    const group = resolveTls(groups)
    if (group.cert === undefined) throw badOption('tls.cert', 'is needed to listen')
    if (group.key === undefined) throw badOption('tls.key', 'is needed to listen')
    this.#net.prepareTls?.(group, 'accepted')
    return group
  }
}

class TlsAcceptor implements Acceptor {
  readonly address: string
  readonly #below: Acceptor
  readonly #handshakes: Handshakes

  constructor(below: Acceptor, handshakes: Handshakes) {
    this.address = secured(parseAddress(below.address)).href
    this.#below = below
    this.#handshakes = handshakes
  }

  pause(): void {
    this.#below.pause()
  }

  resume(): void {
    this.#below.resume()
  }

  reloadTls(tlsOptions: unknown): void {
    this.#handshakes.reload(tlsOptions)
  }

  close(): Promise<void> {
    return this.#below.close()
  }
}

function secured({ host, port }: Address): Address {
  return makeAddress('tls', host, port)
}

/** What `secure` rejects with; a Net of somebody else's may reject with anything. */
function handshakeFailed(error: unknown): HawserError {
  return isHawserError(error)
    ? error
    : new HawserError('ERR_TLS', `TLS handshake failed: ${describe(error)}`, { cause: error })
}
