import type { Connection, ConnectionSink, PeerInfo } from '../core/connection.ts'
import { preview } from '../core/bytes.ts'
import { HawserError } from '../core/errors.ts'
import type { PeerCertificate } from '../core/peer.ts'
import type { LinkOptions } from '../core/transport.ts'
import { WaitList } from '../core/wait-list.ts'
import { Layer } from '../layers/layer.ts'
import type { VirtualProcess } from './virtual-host.ts'
import type { Weather, WeatheredLink } from './virtual-link.ts'

// oxlint-disable-next-line no-restricted-globals -- a fixed day, not the clock
const LAST_DAY = new Date(8.64e15)

/** What of the option group `tls` the imitation looks at. */
interface TlsLike {
  /** Any value; a text is the name that the certificate is made out to. */
  readonly cert?: unknown
  readonly alpn?: readonly string[]
  readonly clientCertificate?: 'none' | 'optional' | 'required'
}

interface Hello {
  readonly process: VirtualProcess
  readonly tls: TlsLike
  readonly options: LinkOptions
  readonly connection: Connection
  readonly waiting: WaitList<Connection>
  sink?: HandshakeSink
}

/**
 * TLS as a session sees it: a handshake that takes both ends and a round trip, ALPN, certificates, and its failures.
 * The bytes pass as they are.
 */
export class VirtualTls {
  readonly #weather: Weather
  readonly #others = new WeakMap<Connection, Connection>()
  readonly #hellos = new WeakMap<Connection, Hello>()

  constructor(weather: Weather) {
    this.#weather = weather
  }

  /** The ends of `link` know each other from now on. */
  register(link: WeatheredLink): void {
    this.#others.set(link.dialed, link.accepted)
    this.#others.set(link.accepted, link.dialed)
  }

  /** Resolves when the other end has called it too. An end that says nothing lets it run into ERR_TIMEOUT. */
  secure(process: VirtualProcess, connection: Connection, tls: unknown, options: LinkOptions): Promise<Connection> {
    const waiting = new WaitList<Connection>(options.env)
    const hello: Hello = { process, tls: tls ?? {}, options, connection, waiting }
    const result = waiting.add('TLS handshake', options, () => connection.destroy())
    if (waiting.size === 0) connection.destroy() // aborted before it began
    hello.sink = new HandshakeSink(hello)
    connection.attach(hello.sink)
    this.#hellos.set(connection, hello)
    const other = this.#others.get(connection)
    const answer = other === undefined ? undefined : this.#hellos.get(other)
    if (answer !== undefined) {
      const { latencyMs = 0 } = this.#weather.faults
      this.#weather.timeline.schedule(2 * latencyMs, () => finish(hello, answer))
    }
    return result
  }
}

/** Until the handshake is done, whatever comes is wrong; then, until the session attaches, it minds the close. */
class HandshakeSink implements ConnectionSink {
  readonly #hello: Hello
  closed: { readonly error: Error | undefined } | undefined

  constructor(hello: Hello) {
    this.#hello = hello
  }

  onChunk(chunk: Uint8Array): void {
    this.#fail(new HawserError('ERR_TLS', `the peer speaks no TLS: ${preview(chunk)}`))
  }

  onActivity(): void {}

  onEnd(): void {
    this.#peerLeft(undefined)
  }

  onClose(error?: Error): void {
    this.closed = { error }
    this.#peerLeft(error)
  }

  #peerLeft(error: Error | undefined): void {
    const why = 'the peer left during the TLS handshake'
    this.#fail(new HawserError('ERR_CONNECTION_RESET', why, { retryable: true, cause: error }))
  }

  #fail(error: HawserError): void {
    this.#hello.connection.destroy()
    this.#hello.waiting.rejectAll(error)
  }
}

function finish(one: Hello, other: Hello): void {
  if (one.waiting.size === 0 || other.waiting.size === 0) return // one of them has failed: the other sees its end
  for (const { connection } of [one, other]) connection.pause() // until its owner attaches
  const [client, server] = one.options.role === 'dialed' ? [one, other] : [other, one]
  const failure = objection(client.tls, server.tls)
  if (failure !== undefined) {
    for (const { process, connection, waiting } of [client, server]) {
      connection.destroy()
      process.hear(() => waiting.rejectAll(new HawserError('ERR_TLS', failure)))
    }
    return
  }
  const protocol = server.tls.alpn?.find((name) => client.tls.alpn?.includes(name))
  const asked = (server.tls.clientCertificate ?? 'none') !== 'none'
  settle(client, { protocol, certificate: certificateOf(server) })
  settle(server, { protocol, certificate: asked ? certificateOf(client) : undefined })
}

/** In a turn of its process. */
function settle(hello: Hello, peer: PeerInfo): void {
  const { process, waiting } = hello
  process.hear(() => {
    if (process.state === 'running') waiting.resolveAll(new SecureConnection(hello, peer))
  })
}

function objection(client: TlsLike, server: TlsLike): string | undefined {
  if (server.clientCertificate === 'required' && client.cert === undefined) return 'the client has no certificate'
  const { alpn } = server
  if (alpn !== undefined && client.alpn !== undefined && !client.alpn.some((name) => alpn.includes(name)))
    return 'no application protocol in common'
  return undefined
}

function certificateOf({ tls: { cert } }: Hello): unknown {
  if (typeof cert !== 'string') return cert
  const certificate: PeerCertificate = {
    subject: { CN: cert },
    issuer: { CN: cert },
    fingerprint256: '',
    serialNumber: '1',
    validTo: LAST_DAY,
    raw: new Uint8Array(0),
  }
  return certificate
}

/** The connection below, with what the handshake found out. */
class SecureConnection extends Layer {
  readonly #peer: PeerInfo
  readonly #hello: Hello
  #attached = false

  constructor(hello: Hello, peer: PeerInfo) {
    super(hello.connection)
    this.#hello = hello
    this.#peer = { ...hello.connection.peer, ...peer }
  }

  override get peer(): PeerInfo {
    return this.#peer
  }
  override get localAddress(): string {
    return super.localAddress.replace(/^tcp:/, 'tls:')
  }
  override get remoteAddress(): string {
    return super.remoteAddress.replace(/^tcp:/, 'tls:')
  }

  override attach(sink: ConnectionSink, unread?: Uint8Array): void {
    const { sink: handshake, options } = this.#hello
    const closed = handshake?.closed
    if (closed === undefined || this.#attached) super.attach(sink, unread)
    else options.env.defer(() => sink.onClose(closed.error))
    this.#attached = true
  }
}
