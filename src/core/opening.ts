import type { Address } from './address.ts'
import { sessionClosed } from './errors.ts'
import type { Opening, Peer } from './peer.ts'
import type { Session } from './session.ts'
import { isThenable } from './thenable.ts'
import type { Wait } from './wait.ts'

/** The session that opens, while `data` runs. */
export interface OpeningHost<In, Out, Data> extends Session<In, Out, unknown> {
  /** Reading begins before anything is sent or received, so that a WebSocket's 101 leaves first. */
  openingReads(): void
  openingReceive(wait: Wait | undefined): Promise<In>
  /** `data` is not done yet: time runs. */
  openingWaits(): void
  openingReady(data: Data): void
  /** Nothing comes of it. */
  openingFailed(error: unknown): void
}

/** Runs the option `data`, which may talk with the peer before there is a listener. */
export function open<In, Out, Data>(
  makeData: (peer: Opening<In, Out>) => Data | Promise<Data>,
  host: OpeningHost<In, Out, Data>,
): void {
  const peer = new OpeningPeer(host)
  const ready = (data: Data): void => {
    peer.isOver = true
    host.openingReady(data)
  }
  let result: Data | Promise<Data>
  try {
    result = makeData(peer)
  } catch (error) {
    host.openingFailed(error)
    return
  }
  if (!isThenable(result)) {
    ready(result)
    return
  }
  host.openingWaits()
  Promise.resolve(result).then(ready, (error: unknown) => host.openingFailed(error))
}

/** The session as `data` sees it, while there is no `session.data` yet: the peer, and a handshake by hand. */
class OpeningPeer<In, Out> implements Opening<In, Out> {
  readonly #host: OpeningHost<In, Out, never>
  /** Messages are the listener's. */
  isOver = false
  readonly role: Peer['role']
  readonly transport: string
  readonly reliable: boolean
  readonly localAddress: Address
  readonly remoteAddress: Address

  constructor(host: OpeningHost<In, Out, never>) {
    this.#host = host
    const { peer } = host
    Object.assign(this, peer) // certificate, protocol, request, proxy, dialed: those that are known
    this.role = peer.role
    this.transport = peer.transport
    this.reliable = peer.reliable
    this.localAddress = peer.localAddress
    this.remoteAddress = peer.remoteAddress
  }

  get signal(): AbortSignal {
    return this.#host.signal
  }

  receive(options?: Wait): Promise<In> {
    if (this.isOver || this.#host.phase !== 'opening') return Promise.reject(sessionClosed('the opening is over'))
    this.#host.openingReads()
    return this.#host.openingReceive(options)
  }

  send(message: Out): boolean {
    this.#host.openingReads()
    return this.#host.send(message)
  }

  get idleTimeoutMs(): number {
    return this.#host.idleTimeoutMs
  }
  set idleTimeoutMs(value: number) {
    this.#host.idleTimeoutMs = value
  }
}
