import { addAbortHook, removeAbortHook } from './abort-hooks.ts'
import { type Address, type AddressLike, parseAddress, toAddress } from './address.ts'
import { Bodies, type BroadcastOptions, broadcast, broadcastBody } from './broadcast.ts'
import type { Connection, Wrapper } from './connection.ts'
import { EndpointTotals } from './endpoint-totals.ts'
import { badOption, describe, HawserError, type SessionError } from './errors.ts'
import { LiveSession } from './live-session.ts'
import { LogLimit } from './log-limit.ts'
import type { NetworkList } from './network-list.ts'
import type { Relay, Relayed } from './relay.ts'
import type { Server, ServerStatus } from './server.ts'
import {
  type ResolvedServerOptions,
  resolveProxies,
  resolveServerOptions,
  SERVER_OPTION_NAMES,
  type ServerOptions,
} from './server-options.ts'
import type { Session } from './session.ts'
import { type Bindings, resolveSetup, type SessionConfig } from './session-config.ts'
import type { SessionHost } from './session-host.ts'
import { Shutdown } from './shutdown.ts'
import type { EndpointStats } from './stats.ts'
import { StatusFeed } from './status-feed.ts'
import { isThenable } from './thenable.ts'
import type { AcceptSink, Acceptor, Anteroom, LinkOptions, Mount, Transport } from './transport.ts'
import { linkOptions, TransportTable } from './transport-table.ts'
import { type Wait, wrongWait } from './wait.ts'
import { waitFor } from './wait-list.ts'

/** RFC 6455 section 7.4.1: an endpoint is "going away". */
const GOING_AWAY = 1001

/**
 * A Server on every address of `where`.
 * @throws (as a rejection) ERR_BAD_OPTION, ERR_BAD_ADDRESS, what a transport says (ERR_ADDRESS_IN_USE …): then none of
 *   the addresses is bound; or the reason of `options.signal`
 */
export async function listen<In, Out, Data>(
  bindings: Bindings,
  where: AddressLike | Mount | readonly (AddressLike | Mount)[],
  options: ServerOptions<In, Out, Data>,
): Promise<Server<In, Out, Data>> {
  const server = new LiveServer(bindings, options)
  await server.listen(toPlaces(where))
  return server
}

/** One or several. @throws ERR_BAD_ADDRESS; ERR_BAD_OPTION where it is an empty list */
function toPlaces(where: AddressLike | Mount | readonly (AddressLike | Mount)[]): (Address | Mount)[] {
  const list: readonly (AddressLike | Mount)[] = Array.isArray(where) ? where : [where as AddressLike | Mount]
  if (list.length === 0) throw badOption('where', 'names no address')
  return list.map((place) => (isMount(place) ? place : toAddress(place)))
}

/** `http` alone tells: an Address has none. */
function isMount(place: AddressLike | Mount): place is Mount {
  return typeof place === 'object' && place !== null && 'http' in place
}

/** The Server that applications hold: who may come in, who is there, and its end. */
export class LiveServer<In, Out, Data> implements Server<In, Out, Data> {
  readonly #options: ServerOptions<In, Out, Data>
  readonly #limits: ResolvedServerOptions
  readonly #config: SessionConfig<In, Out, Data>
  readonly #table: TransportTable
  readonly #status: StatusFeed<ServerStatus>
  readonly #logs: LogLimit
  readonly #totals: EndpointTotals
  readonly #shutdown: Shutdown
  readonly #host: SessionHost<LiveSession<In, Out, Data>>
  readonly #sink: AcceptSink
  readonly #anteroom: Anteroom | undefined
  readonly #onAbort = (): void => void this.close()
  #relay: Relay | undefined
  #acceptors: Acceptor[] = []
  #tls: object
  #addresses: readonly Address[] = []
  /** Acceptors that are not closed yet, or not bound yet. */
  #openAcceptors = 0

  /** Open, and not gone. */
  readonly #sessions = new Set<LiveSession<In, Out, Data>>()
  /** Not open yet, or refused and not gone. */
  readonly #unopened = new Set<LiveSession<In, Out, Data>>()
  /** Those of #unopened that still may open. */
  #opening = 0
  /** Admitted, or in the anteroom, and still in the hands of a transport. */
  #handshakes = 0
  /** Only with maxSessionsPerHost: peers of each host, from admission until gone. Never larger than their number. */
  readonly #perHost = new Map<string, number>()

  /** Does not listen yet. @throws ERR_BAD_OPTION */
  constructor(bindings: Bindings, options: ServerOptions<In, Out, Data>) {
    const config = resolveSetup(options, bindings, SERVER_OPTION_NAMES)
    const { env, logger } = config
    this.#options = options
    this.#config = config
    this.#limits = resolveServerOptions(options)
    const proxies = resolveProxies(options.proxyProtocol)
    this.#table = new TransportTable(bindings, options.transports)
    this.#status = new StatusFeed(env, logger, options.onStatus)
    this.#logs = new LogLimit(env)
    this.#totals = new EndpointTotals(env.now())
    this.#tls = this.#table.groupsOf(options)['tls'] ?? {}
    this.#shutdown = new Shutdown(env, {
      shutdownExpired: () => this.#destroyAll(),
      shutdownAbandons: () => this.#abandonAll(),
    })
    this.#host = {
      sessionOpened: (session) => this.#onOpened(session),
      sessionRefused: (session, error) => this.#onRefused(session, error),
      sessionGone: (session) => this.#onGone(session),
    }
    this.#sink = {
      admit: (remoteAddress) => this.#admit(remoteAddress),
      onConnection: (connection, since) => this.#onConnection(connection, since),
      onError: (error, remoteAddress) => this.#onAcceptError(error as SessionError, remoteAddress),
    }
    this.#anteroom = proxies && {
      enter: (remoteAddress) => this.#onEntered(remoteAddress, proxies),
      leave: (remoteAddress, error) => this.#onLeft(remoteAddress, error),
    }
  }

  /** Binds all of them, or none. Called once. */
  async listen(where: readonly (Address | Mount)[]): Promise<void> {
    const { signal } = this.#options
    signal?.throwIfAborted()
    const targets = where.map((place) => this.#opener(place))
    if (signal !== undefined) addAbortHook(signal, this.#onAbort)
    this.#openAcceptors = targets.length
    const bindings = targets.map((open) => this.#bind(open))
    await Promise.allSettled(bindings) // all of them, so that what is bound can be closed
    try {
      const acceptors = await Promise.all(bindings)
      this.#addresses = acceptors.map((acceptor) => parseAddress(acceptor.address))
    } catch (error) {
      this.destroy()
      await this.#shutdown.closed
      throw error
    }
    if (this.#shutdown.begun) {
      await this.#shutdown.closed
      throw signal?.reason ?? new HawserError('ERR_SESSION_CLOSED', 'the server closed before it listened')
    }
    for (const address of this.#addresses) this.#status.emit({ type: 'listening', address })
  }

  get address(): Address {
    return this.#addresses[0] as Address // `listen` gave at least one
  }

  get addresses(): readonly Address[] {
    return this.#addresses
  }

  get sessions(): ReadonlySet<Session<In, Out, Data>> {
    return this.#sessions
  }

  get stats(): EndpointStats {
    return this.#totals.snapshot(this.#sessions.size, [...this.#sessions, ...this.#unopened])
  }

  get closed(): Promise<void> {
    return this.#shutdown.closed
  }

  broadcast(message: Out, options?: BroadcastOptions<Session<In, Out, Data>>): number {
    const bodies = new Bodies<Out>(message)
    // First, so that what cannot be encoded has reached nobody; a filter is for the sessions that it can see.
    if (this.#relay !== undefined && options?.filter === undefined) {
      this.#relayOn(this.#relay, message, bodies, options?.skipSlow === true)
    }
    return broadcast<Out, Session<In, Out, Data>>(this.#sessions, message, options, bodies)
  }

  /** For a cluster: from now on every broadcast goes to the other processes, too. */
  relayTo(relay: Relay): void {
    this.#relay = relay
  }

  /** A broadcast of another process: to the sessions here, and no further. @throws what a codec throws */
  deliver(relayed: Relayed): void {
    const { skipSlow } = relayed
    if ('body' in relayed) broadcastBody(this.#sessions, relayed.body, skipSlow)
    else broadcast<Out, Session<In, Out, Data>>(this.#sessions, relayed.message as Out, { skipSlow })
  }

  close(options: Wait & { readonly reason?: string | undefined } = {}): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    const { signal, timeoutMs, reason } = options
    if (this.#shutdown.begin(timeoutMs)) this.#beginClose(reason)
    return waitFor(this.#config.env, 'closing the server', this.closed, { signal })
  }

  destroy(): void {
    if (this.#shutdown.finished) return
    if (this.#shutdown.begin(0)) this.#stopListening()
    this.#shutdown.expire()
  }

  reloadTls(tls: object): void {
    if (typeof tls !== 'object' || tls === null) throw badOption('tls', 'must be an object')
    const secured = this.#acceptors.filter((acceptor) => acceptor.reloadTls !== undefined)
    if (secured.length === 0) throw badOption('tls', 'has nothing to do here: no address listens with TLS')
    const group = { ...this.#tls, ...tls } // new certificates must not undo `clientCertificate`
    for (const acceptor of secured) acceptor.reloadTls?.(group)
    this.#tls = group
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** With one codec and no stages the others need not encode again, and the message may be of any kind. */
  #relayOn(relay: Relay, message: Out, bodies: Bodies<Out>, skipSlow: boolean): void {
    const { codec, stages = [] } = this.#config.setup
    if (typeof codec === 'function' || stages.length > 0) relay({ message, skipSlow })
    else relay({ body: bodies.of(codec), skipSlow })
  }

  // ── Listening ────────────────────────────────────────────────────────────────────────────────────────────

  /** @throws ERR_BAD_ADDRESS, ERR_BAD_OPTION where no transport can */
  #opener(place: Address | Mount): (options: LinkOptions) => Promise<Acceptor> {
    if (isMount(place)) {
      const transport = this.#table.get('ws')
      const mount = transport?.mount?.bind(transport)
      if (transport === undefined || mount === undefined) throw badOption('http', 'needs the WebSocket transport')
      requireLayersFor(transport, this.#options.wrap)
      return (options) => mount(place, options, this.#sink)
    }
    const transport = this.#table.find(place)
    requireLayersFor(transport, this.#options.wrap)
    return (options) => transport.listen(place, options, this.#sink)
  }

  async #bind(open: (options: LinkOptions) => Promise<Acceptor>): Promise<Acceptor> {
    const { limits, setup } = this.#config
    try {
      const groups = { ...this.#table.groupsOf(setup), listen: { backlog: this.#limits.backlog } }
      const options = linkOptions(this.#config, {
        role: 'accepted',
        timeoutMs: limits.openTimeoutMs,
        groups,
        anteroom: this.#anteroom,
      })
      const acceptor = await open(options)
      if (this.#shutdown.begun) void this.#closeAcceptor(acceptor)
      else this.#acceptors.push(acceptor) // what is bound must be closed if another address fails
      return acceptor
    } catch (error) {
      this.#openAcceptors--
      this.#finishIfDone()
      throw error
    }
  }

  #stopListening(): void {
    const { signal } = this.#options
    if (signal !== undefined) removeAbortHook(signal, this.#onAbort)
    for (const acceptor of this.#acceptors) void this.#closeAcceptor(acceptor)
    this.#acceptors = []
  }

  async #closeAcceptor(acceptor: Acceptor): Promise<void> {
    try {
      await acceptor.close()
    } catch (error) {
      this.#config.logger.error(`closing ${acceptor.address} failed: ${describe(error)}`, { error })
    }
    this.#openAcceptors--
    this.#finishIfDone()
  }

  // ── Admission ────────────────────────────────────────────────────────────────────────────────────────────

  #onEntered(remoteAddress: Address, proxies: NetworkList): boolean {
    if (this.#shutdown.begun) return false
    const refusal = proxies.has(remoteAddress.host)
      ? this.#noRoom()
      : new HawserError('ERR_PROXY', `${remoteAddress.href} is no proxy of proxyProtocol.from`)
    if (refusal !== undefined) {
      this.#refuse(remoteAddress, refusal)
      return false
    }
    this.#handshakes++
    return true
  }

  #onLeft(remoteAddress: Address, error: HawserError | undefined): void {
    this.#handshakes--
    if (error !== undefined && !this.#shutdown.begun) this.#refuse(remoteAddress, error)
  }

  #admit(remoteAddress: Address): boolean {
    if (this.#shutdown.begun) return false
    const refusal = this.#limitReached(remoteAddress) ?? this.#askUser(remoteAddress)
    if (refusal !== undefined) {
      this.#refuse(remoteAddress, refusal)
      return false
    }
    this.#handshakes++
    this.#countHost(remoteAddress, 1)
    return true
  }

  #limitReached({ host }: Address): HawserError<'ERR_TOO_MANY_SESSIONS'> | undefined {
    const { maxSessionsPerHost } = this.#limits
    const full = this.#noRoom()
    if (full === undefined && maxSessionsPerHost > 0 && (this.#perHost.get(host) ?? 0) >= maxSessionsPerHost) {
      return tooMany('maxSessionsPerHost', maxSessionsPerHost)
    }
    return full
  }

  #noRoom(): HawserError<'ERR_TOO_MANY_SESSIONS'> | undefined {
    const { maxSessions, maxPendingHandshakes } = this.#limits
    if (this.#handshakes + this.#unopened.size + this.#sessions.size >= maxSessions && !this.#makeRoom())
      return tooMany('maxSessions', maxSessions)
    if (this.#handshakes + this.#opening >= maxPendingHandshakes)
      return tooMany('maxPendingHandshakes', maxPendingHandshakes)
    return undefined
  }

  #makeRoom(): boolean {
    return this.#acceptors.some((acceptor) => acceptor.makeRoom?.() === true)
  }

  #askUser(remoteAddress: Address): HawserError<'ERR_REFUSED'> | undefined {
    try {
      const verdict: unknown = this.#options.admit?.(remoteAddress) ?? true
      if (isThenable(verdict)) {
        verdict.then(undefined, () => {}) // it comes too late whatever it says
        throw new TypeError('it must answer synchronously')
      }
      if (verdict !== false) return undefined
      return new HawserError('ERR_REFUSED', `${remoteAddress.href} was not admitted`)
    } catch (error) {
      this.#config.logger.error(`admit threw: ${describe(error)}`, { error })
      return new HawserError('ERR_REFUSED', `admit threw: ${describe(error)}`, { cause: error })
    }
  }

  #countHost({ host }: Address, change: 1 | -1): void {
    if (this.#limits.maxSessionsPerHost === 0 || host === '') return
    const count = (this.#perHost.get(host) ?? 0) + change
    if (count > 0) this.#perHost.set(host, count)
    else this.#perHost.delete(host)
  }

  #forgetHost(connection: Connection): void {
    if (this.#limits.maxSessionsPerHost > 0) this.#countHost(parseAddress(connection.remoteAddress), -1)
  }

  #refuse(remoteAddress: Address, error: HawserError): void {
    this.#totals.refusedSessions++
    this.#config.metrics?.refused('accepted', remoteAddress.scheme, error.code)
    this.#status.emit({ type: 'refused', remoteAddress, error: error as SessionError })
    if (this.#options.onStatus !== undefined) return // somebody hears of it
    this.#logs.log(error.code, (suppressed) => {
      const { name } = this.#options
      const { code, message } = error
      this.#config.logger.warn(`refused ${remoteAddress.href}: ${message}`, { name, code, suppressed })
    })
  }

  /** A failed handshake of a peer that had been admitted, or the operating system's refusal to accept any. */
  #onAcceptError(error: SessionError, remoteAddress: Address | undefined): void {
    if (remoteAddress !== undefined) {
      this.#handshakes--
      this.#countHost(remoteAddress, -1)
      if (!this.#shutdown.begun) this.#refuse(remoteAddress, error)
    } else if (!this.#shutdown.begun) {
      this.#status.emit({ type: 'accept-error', error })
      this.#logs.log(`accept ${error.code}`, (suppressed) => {
        const { name } = this.#options
        this.#config.logger.warn(`cannot accept: ${error.message}`, { name, code: error.code, suppressed })
      })
    }
  }

  // ── Sessions ─────────────────────────────────────────────────────────────────────────────────────────────

  #onConnection(connection: Connection, since: number | undefined): void {
    this.#handshakes--
    if (this.#shutdown.begun) {
      this.#forgetHost(connection)
      return connection.destroy()
    }
    const session = this.#newSession(connection)
    if (session === undefined) return
    this.#unopened.add(session)
    this.#opening++
    session.start(since)
  }

  #newSession(connection: Connection): LiveSession<In, Out, Data> | undefined {
    try {
      return new LiveSession(connection, this.#config, this.#host, 'accepted')
    } catch (error) {
      this.#forgetHost(connection)
      this.#refuse(parseAddress(connection.remoteAddress), error as SessionError)
      return undefined
    }
  }

  #onOpened(session: LiveSession<In, Out, Data>): void {
    this.#opening--
    this.#unopened.delete(session)
    this.#sessions.add(session)
    this.#totals.totalSessions++
  }

  #onRefused(session: LiveSession<In, Out, Data>, error: SessionError): void {
    this.#opening--
    if (!this.#shutdown.begun) this.#refuse(session.remoteAddress, error)
  }

  #onGone(session: LiveSession<In, Out, Data>): void {
    this.#sessions.delete(session)
    this.#unopened.delete(session)
    this.#totals.keep(session.stats)
    if (this.#limits.maxSessionsPerHost > 0) this.#countHost(session.remoteAddress, -1)
    this.#finishIfDone()
  }

  // ── Closing ──────────────────────────────────────────────────────────────────────────────────────────────

  #beginClose(reason: string | undefined): void {
    this.#stopListening()
    const goodbye = { signal: this.#shutdown.signal, code: GOING_AWAY, reason }
    for (const session of this.#unopened) void session.shutdown(goodbye) // closed at once
    for (const session of this.#sessions) void session.shutdown(goodbye)
    this.#finishIfDone()
  }

  #destroyAll(): void {
    for (const session of this.#unopened) session.destroy()
    for (const session of this.#sessions) session.destroy()
    this.#finishIfDone()
  }

  /** Of a connection or acceptor that does not keep its word nobody knows more than that. */
  #abandonAll(): void {
    const left = [...this.#unopened, ...this.#sessions]
    this.#config.logger.error(
      `closed without ${left.length} sessions and ${this.#openAcceptors} addresses that never said they are closed`,
      { name: this.#options.name },
    )
    this.#openAcceptors = 0
    for (const session of left) session.onClose() // in the name of its connection
    this.#finishIfDone()
  }

  /** What a transport still has in its hands is not waited for: it is destroyed when it comes. */
  #finishIfDone(): void {
    if (!this.#shutdown.begun || this.#shutdown.finished) return
    if (this.#openAcceptors > 0 || this.#sessions.size > 0 || this.#unopened.size > 0) return
    this.#shutdown.finish()
    this.#status.emit({ type: 'closed' })
    this.#status.end()
  }
}

/** What every single peer would fail of is the program's mistake. @throws ERR_BAD_OPTION */
function requireLayersFor({ boundary, schemes }: Transport, layers: readonly Wrapper[] = []): void {
  if (boundary !== 'message' || !layers.some((layer) => layer.boundary === 'stream')) return
  throw badOption('wrap', `has a layer that needs a byte stream, and ${schemes.join(' and ')} carry messages`)
}

function tooMany(option: string, limit: number): HawserError<'ERR_TOO_MANY_SESSIONS'> {
  return new HawserError('ERR_TOO_MANY_SESSIONS', `${option} (${limit}) is reached`, { retryable: true })
}
