import { type Address, makeAddress, parseAddress } from '../../core/address.ts'
import type { Connection, ConnectionSink } from '../../core/connection.ts'
import type { Net, TimerHandle } from '../../core/env.ts'
import { describe, HawserError, isHawserError, refused, timedOut } from '../../core/errors.ts'
import type { AcceptSink, LinkOptions } from '../../core/transport.ts'
import { requestPath, type UpgradeRequest } from '../../core/web-socket.ts'
import type { ResolvedWsOptions } from '../options.ts'
import { timeLeft } from '../time-left.ts'
import { type Engine, settingsOf } from './engine.ts'
import { HeadReader } from './head.ts'
import { refusal, refusalOf, switchingProtocols } from './http-answer.ts'
import { turnAway } from './turn-away.ts'
import { checkUpgrade, type Refusal, type Upgrade } from './upgrade.ts'
import { webSocketAddress } from '../../core/web-socket-address.ts'
import { WebSocketConnection } from './web-socket-connection.ts'

const BAD_REQUEST = 400
const NOT_FOUND = 404
const TIMED_OUT = 408
const FAILED = 500

/** What the handshakes of one listening address, or of one mount, have in common. */
export interface ServerHandshakes {
  readonly net: Net
  readonly options: LinkOptions
  readonly settings: ResolvedWsOptions
  readonly engine: Engine
  readonly sink: AcceptSink
}

/**
 * Accepted links on their way to being WebSockets: each reads its request by itself, within `timeoutMs`.
 *
 *     link ──▶ request head ──▶ method, path, version, key, origin, subprotocol ──▶ connection, whose 101 waits for attach
 *                                              └─▶ 4xx with a text, and the end
 */
export class RequestSink implements AcceptSink {
  readonly #handshakes: ServerHandshakes
  readonly #path: string
  readonly #pending = new Set<PendingRequest>()

  /** @param path where the WebSocket is; others are 404 */
  constructor(handshakes: ServerHandshakes, path: string) {
    this.#handshakes = handshakes
    this.#path = path
  }

  /** Whose request has not come yet is sent away. */
  close(): void {
    for (const pending of this.#pending) pending.abandon()
  }

  admit(remoteAddress: Address): boolean {
    return this.#handshakes.sink.admit(webSocketPeer(remoteAddress))
  }

  onConnection(link: Connection, since: number = this.#handshakes.options.env.now()): void {
    const pending = new PendingRequest(link, since, this.#path, this.#handshakes, () => this.#pending.delete(pending))
    this.#pending.add(pending)
    pending.begin()
  }

  onError(error: HawserError, remoteAddress?: Address): void {
    this.#handshakes.sink.onError(error, remoteAddress && webSocketPeer(remoteAddress))
  }
}

/** A link whose request has not come yet. */
class PendingRequest implements ConnectionSink {
  readonly #link: Connection
  readonly #since: number
  readonly #path: string
  readonly #handshakes: ServerHandshakes
  readonly #head = new HeadReader()
  #timer: TimerHandle | undefined
  readonly #onSettled: () => void
  #settled = false

  /** @param since as of AcceptSink.onConnection @param settled its request is there, or never will be */
  constructor(link: Connection, since: number, path: string, handshakes: ServerHandshakes, settled: () => void) {
    this.#link = link
    this.#since = since
    this.#path = path
    this.#handshakes = handshakes
    this.#onSettled = settled
  }

  abandon(): void {
    if (!this.#settle()) return
    this.#link.destroy()
    this.#gone(new HawserError('ERR_SESSION_CLOSED', 'the server closed before the request for a WebSocket came'))
  }

  begin(): void {
    const { options } = this.#handshakes
    const { env, timeoutMs } = options
    const expire = (): void => {
      const error = timedOut('the request for a WebSocket', timeoutMs)
      if (this.#settle()) refuseLink(this.#link, this.#handshakes, error, refusal(TIMED_OUT, 'no request came'))
    }
    if (timeoutMs > 0) this.#timer = env.setTimer(timeLeft(options, this.#since), expire)
    this.#link.attach(this)
  }

  onChunk(chunk: Uint8Array): void {
    if (this.#settled) return
    try {
      const at = this.#head.push(chunk)
      if (at < 0) return
      const request = this.#head.request()
      this.#settle()
      if (requestPath(request.url) === this.#path)
        upgradeLink(this.#link, chunk.subarray(at), request, this.#handshakes, this.#since)
      else this.#refuse(refused(`there is no ${request.url} here`, { status: NOT_FOUND }))
    } catch (error) {
      if (!isHawserError(error)) throw error
      this.#settle()
      this.#refuse(error)
    }
  }

  onActivity(): void {}

  onEnd(): void {
    if (!this.#settle()) return
    this.#link.destroy()
    this.#gone(new HawserError('ERR_TRUNCATED', 'the peer ended before its request for a WebSocket was whole'))
  }

  onClose(error?: Error): void {
    if (!this.#settle()) return
    this.#gone(
      isHawserError(error) ? error : new HawserError('ERR_CONNECTION_RESET', 'the peer left', { cause: error }),
    )
  }

  #settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    this.#timer?.cancel()
    this.#onSettled()
    return true
  }

  #gone(error: HawserError): void {
    this.#handshakes.sink.onError(error, peerOf(this.#link))
  }

  #refuse(error: HawserError): void {
    const { status = BAD_REQUEST } = error as { status?: number }
    refuseLink(this.#link, this.#handshakes, error, refusal(status, error.message))
  }
}

/**
 * Makes a WebSocket of a link whose request was read, or turns it away; either the sink's `onConnection` or its `onError`
 * is called.
 * @param unread what came behind the request
 * @param since as of AcceptSink.onConnection
 */
export function upgradeLink(
  link: Connection,
  unread: Uint8Array,
  request: UpgradeRequest,
  handshakes: ServerHandshakes,
  since?: number,
): void {
  const { options, settings, engine, sink } = handshakes
  const outcome = attemptUpgrade(request, handshakes)
  if ('error' in outcome) {
    const { error, headers } = outcome
    return refuseLink(link, handshakes, error, refusal(error.status, error.message, headers))
  }
  const { protocol, headers } = outcome
  const { url, headers: asked } = request
  if (engine.serves(request)) {
    const accepted = settingsOf(options.env, settings, protocol === undefined ? [] : [protocol])
    return sink.onConnection(engine.other.accept(link, unread, request, accepted, options), since)
  }
  const connection = new WebSocketConnection({
    env: options.env,
    link,
    unread,
    role: 'accepted',
    peer: { ...link.peer, protocol, request: { url, headers: asked } },
    maxFrameBytes: options.maxFrameBytes,
    boundary: options.boundary,
    text: options.text,
    handshake: { switching: switchingProtocols(headers), refusal: refusalOf },
  })
  sink.onConnection(connection, since)
}

/** The option `origins` may be a function of the user's, and throw. */
function attemptUpgrade(request: UpgradeRequest, { net, settings }: ServerHandshakes): Upgrade | Refusal {
  try {
    return checkUpgrade(net, request, settings)
  } catch (cause) {
    const error = refused(`the upgrade failed: ${describe(cause)}`, { status: FAILED, cause })
    return { error: error as Refusal['error'], headers: {} }
  }
}

function refuseLink(
  link: Connection,
  { options, sink }: ServerHandshakes,
  error: HawserError,
  bytes: Uint8Array,
): void {
  const from = peerOf(link)
  turnAway(options.env, link, bytes, () => sink.onError(error, from)) // until then it counts as a handshake
}

function peerOf(link: Connection): Address {
  return parseAddress(webSocketAddress(link.remoteAddress))
}

function webSocketPeer({ scheme, host, port, path }: Address): Address {
  if (scheme === 'tcp') return makeAddress('ws', host, port)
  return scheme === 'tls' ? makeAddress('wss', host, port) : makeAddress(scheme, host, port, path)
}
