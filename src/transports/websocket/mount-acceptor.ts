import { makeAddress, parseAddress } from '../../core/address.ts'
import type { Connection } from '../../core/connection.ts'
import type { Env } from '../../core/env.ts'
import type { AcceptSink, Acceptor } from '../../core/transport.ts'
import type { UpgradeSource } from '../../core/web-socket.ts'
import { refusal } from './http-answer.ts'
import { turnAway } from './turn-away.ts'
import { webSocketAddress } from '../../core/web-socket-address.ts'

const UNAVAILABLE = 503

/** A path of somebody else's HTTP server, as an address that is listened on. */
export class MountAcceptor implements Acceptor {
  readonly #env: Env
  readonly #sink: AcceptSink
  readonly #path: string
  #source: UpgradeSource | undefined
  #paused = false

  constructor(env: Env, sink: AcceptSink, path: string) {
    this.#env = env
    this.#sink = sink
    this.#path = path
  }

  /** Once, when the path is ours. */
  set source(source: UpgradeSource) {
    this.#source = source
  }

  get address(): string {
    const { scheme, host, port } = parseAddress(this.#source?.address ?? 'http://localhost:0')
    return makeAddress(scheme === 'https' ? 'wss' : 'ws', host, port, this.#path).href
  }

  /** Whether the peer of `link` may go on; else it is sent away. */
  admits(link: Connection): boolean {
    if (this.#paused) {
      turnAway(this.#env, link, refusal(UNAVAILABLE, 'no more peers for now'), () => {})
    } else if (this.#sink.admit(parseAddress(webSocketAddress(link.remoteAddress)))) {
      return true
    } else {
      link.destroy()
    }
    return false
  }

  /** Nobody can be kept waiting in somebody else's server: they are told 503. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
  }

  async close(): Promise<void> {
    this.#source?.close()
  }
}
