import type { Address } from './address.ts'
import type { Opening, Peer } from './peer.ts'
import type { Session } from './session.ts'
import type { Wait } from './wait.ts'

/** The session as `data` sees it, while there is no `session.data` yet: the peer, and a handshake by hand. */
export class OpeningPeer<In, Out> implements Opening<In, Out> {
  readonly #session: Session<In, Out, unknown>
  readonly #receive: (wait: Wait | undefined) => Promise<In>
  readonly #send: (message: Out) => boolean
  readonly role: Peer['role']
  readonly transport: string
  readonly reliable: boolean
  readonly localAddress: Address
  readonly remoteAddress: Address

  /** @param receive and `send` start reading before anything else, so that a WebSocket's 101 leaves first */
  constructor(
    session: Session<In, Out, unknown>,
    receive: (wait: Wait | undefined) => Promise<In>,
    send: (message: Out) => boolean,
  ) {
    this.#session = session
    this.#receive = receive
    this.#send = send
    const { peer } = session
    Object.assign(this, peer) // certificate, protocol, request, proxy, dialed: those that are known
    this.role = peer.role
    this.transport = peer.transport
    this.reliable = peer.reliable
    this.localAddress = peer.localAddress
    this.remoteAddress = peer.remoteAddress
  }

  get signal(): AbortSignal {
    return this.#session.signal
  }

  receive(options?: Wait): Promise<In> {
    return this.#receive(options)
  }

  send(message: Out): boolean {
    return this.#send(message)
  }

  get idleTimeoutMs(): number {
    return this.#session.idleTimeoutMs
  }
  set idleTimeoutMs(value: number) {
    this.#session.idleTimeoutMs = value
  }
}
