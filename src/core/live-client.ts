import { addAbortHook, removeAbortHook } from './abort-hooks.ts'
import type { Address, AddressLike, AddressReader } from './address.ts'
import type { Client, ClientStatus } from './client.ts'
import {
  CLIENT_OPTION_NAMES,
  type ClientOptions,
  type ResolvedClientOptions,
  resolveClientOptions,
} from './client-options.ts'
import { ClientSlot, type SlotHost } from './client-slot.ts'
import type { Connection } from './connection.ts'
import type { Dialed } from './connection-peer.ts'
import type { Env } from './env.ts'
import { EndpointTotals } from './endpoint-totals.ts'
import { badOption, type SessionError, sessionClosed } from './errors.ts'
import { LiveSession } from './live-session.ts'
import { LogLimit } from './log-limit.ts'
import { dialConnection } from './outbound-link.ts'
import type { CloseCause, Session } from './session.ts'
import type { SessionHost } from './session-host.ts'
import { type Bindings, resolveSetup, type SessionConfig } from './session-config.ts'
import { Shutdown } from './shutdown.ts'
import type { EndpointStats } from './stats.ts'
import { StatusFeed } from './status-feed.ts'
import { linkOptions, TransportTable } from './transport-table.ts'
import { type Wait, wrongWait } from './wait.ts'
import { WaitList, waitFor } from './wait-list.ts'

/**
 * A Client of one address or of several that are as good as each other; it dials from now on.
 * @throws ERR_BAD_OPTION, ERR_BAD_ADDRESS
 */
export function connect<In, Out, Data>(
  bindings: Bindings,
  where: AddressLike | readonly AddressLike[],
  options: ClientOptions<In, Out, Data>,
): Client<In, Out, Data> {
  return new LiveClient(bindings, where, options)
}

/** The Client that applications hold: its slots, who waits for a session, and its end. */
export class LiveClient<In, Out, Data> implements Client<In, Out, Data>, SlotHost<LiveSession<In, Out, Data>> {
  readonly #options: ClientOptions<In, Out, Data>
  readonly #own: ResolvedClientOptions
  readonly #config: SessionConfig<In, Out, Data>
  readonly #table: TransportTable
  readonly #groups: Readonly<Record<string, unknown>>
  readonly #status: StatusFeed<ClientStatus>
  readonly #logs: LogLimit
  readonly #totals: EndpointTotals
  readonly #shutdown: Shutdown
  readonly #sessions = new Set<LiveSession<In, Out, Data>>()
  readonly #slots: readonly ClientSlot<LiveSession<In, Out, Data>>[]
  readonly #readyWaits: WaitList<undefined>
  readonly #sessionWaits: WaitList<Session<In, Out, Data>>
  readonly #onAbort = (): void => void this.close()
  /** A slot ended by it, so that `ready` can never be. */
  #failure: SessionError | undefined
  /** Where the search for the least loaded begins, so that equals take turns. */
  #turn = 0

  constructor(bindings: Bindings, where: AddressLike | readonly AddressLike[], options: ClientOptions<In, Out, Data>) {
    const config = resolveSetup(options, bindings, CLIENT_OPTION_NAMES)
    bindings.checks.client(options)
    const { env, logger } = config
    this.#options = options
    this.#config = config
    this.#own = resolveClientOptions(options)
    this.#table = new TransportTable(bindings, options.transports)
    this.#groups = this.#table.groupsOf(options)
    this.#status = new StatusFeed(env, logger, options.onStatus)
    this.#logs = new LogLimit(env)
    this.#totals = new EndpointTotals(env.now())
    this.#shutdown = new Shutdown(env, {
      shutdownExpired: () => this.#destroyAll(),
      shutdownAbandons: () => this.#abandonAll(),
    })
    this.#readyWaits = new WaitList(env)
    this.#sessionWaits = new WaitList(env)
    const addresses = addressesOf(where, config.addresses)
    for (const address of addresses) this.#table.find(address)
    const { connections, reconnect } = this.#own
    this.#slots = Array.from(
      { length: connections },
      (_, index) => new ClientSlot(index, env, addresses, reconnect, this),
    )
    this.#begin()
  }

  get sessions(): ReadonlySet<Session<In, Out, Data>> {
    return this.#sessions
  }

  /** For libraries beside it. */
  get env(): Env {
    return this.#config.env
  }

  get stats(): EndpointStats {
    const live = this.#slots.flatMap(({ session }) => session ?? [])
    return this.#totals.snapshot(this.#sessions.size, live)
  }

  get closed(): Promise<void> {
    return this.#shutdown.closed
  }

  ready(options?: Wait): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#shutdown.begun) return Promise.reject(clientClosed())
    if (this.#isReady()) return Promise.resolve()
    return this.#readyWaits.add('connecting', options)
  }

  session(options?: Wait): Promise<Session<In, Out, Data>> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    if (this.#shutdown.begun) return Promise.reject(this.#failure ?? clientClosed())
    const session = this.#leastLoaded()
    if (session !== undefined) return Promise.resolve(session)
    return this.#sessionWaits.add('connecting', options)
  }

  send(message: Out): boolean {
    const session = this.#leastLoaded()
    if (session !== undefined) return session.send(message)
    this.#totals.droppedMessages++
    return false
  }

  status(): AsyncIterable<ClientStatus> {
    return this.#status.read()
  }

  close(options: Wait & { readonly reason?: string | undefined } = {}): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    const { signal, timeoutMs, reason } = options
    if (this.#shutdown.begin(timeoutMs)) this.#beginClose(reason)
    return waitFor(this.#config.env, 'closing the client', this.closed, { signal })
  }

  destroy(): void {
    if (this.#shutdown.finished) return
    if (this.#shutdown.begin(0)) this.#stopDialing()
    this.#shutdown.expire()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ── Slots ────────────────────────────────────────────────────────────────────────────────────────────────

  slotDials(address: Address, attempt: AbortController): Promise<Connection> {
    const { dialTimeoutMs: timeoutMs } = this.#own
    const link = { role: 'dialed', timeoutMs, groups: this.#groups, signal: attempt.signal } as const
    return dialConnection(this.#table.find(address), address, attempt, linkOptions(this.#config, link), this.#config)
  }

  slotOpens(
    connection: Connection,
    host: SessionHost<LiveSession<In, Out, Data>>,
    dialed: Dialed,
  ): LiveSession<In, Out, Data> {
    return new LiveSession(connection, this.#config, host, 'dialed', dialed)
  }

  slotsExhausted(): boolean {
    return this.#slots.every((slot) => slot.isExhausted || slot.isStopped)
  }

  slotDialing({ index, generation }: ClientSlot<LiveSession<In, Out, Data>>, address: Address): void {
    this.#status.emit({ type: 'dialing', address, slot: index, generation })
  }

  #begin(): void {
    const { signal } = this.#options
    if (signal?.aborted) return this.#onAbort()
    if (signal !== undefined) addAbortHook(signal, this.#onAbort)
    for (const slot of this.#slots) slot.start()
  }

  slotOpened(
    { index, generation }: ClientSlot<LiveSession<In, Out, Data>>,
    address: Address,
    session: LiveSession<In, Out, Data>,
  ): void {
    this.#sessions.add(session)
    this.#totals.totalSessions++
    this.#status.emit({ type: 'open', address, slot: index, generation })
    if (this.#shutdown.begun) return // it is being shut down
    this.#sessionWaits.resolveAll(session)
    if (this.#isReady()) this.#readyWaits.resolveAll(undefined)
  }

  slotFailed(
    { index }: ClientSlot<LiveSession<In, Out, Data>>,
    address: Address,
    error: SessionError,
    retryInMs: number,
  ): void {
    this.#totals.refusedSessions++
    this.#readyWaits.lastFailure = this.#sessionWaits.lastFailure = error
    this.#config.metrics?.refused('dialed', address.scheme, error.code)
    this.#status.emit({ type: 'failed', address, slot: index, error, retryInMs })
    if (this.#options.onStatus !== undefined) return // somebody hears of it
    this.#logs.log(`${index} ${error.code}`, (suppressed) => {
      const { name } = this.#options
      const fields = { name, address: address.href, slot: index, code: error.code, retryInMs, suppressed }
      this.#config.logger.warn(`connecting failed: ${error.message}`, fields)
    })
  }

  slotGone(
    { index, generation }: ClientSlot<LiveSession<In, Out, Data>>,
    address: Address,
    session: LiveSession<In, Out, Data>,
    cause: CloseCause | undefined,
  ): void {
    this.#sessions.delete(session)
    this.#totals.keep(session.stats)
    if (cause !== undefined) this.#status.emit({ type: 'closed', address, slot: index, generation, cause })
    this.#finishIfDone()
  }

  /** A slot that will never be open again. Without any other the Client is of no more use. */
  slotEnded(error: SessionError | undefined): void {
    if (this.#shutdown.begun) return
    this.#failure ??= error
    const gaveUp = this.#failure !== undefined && (this.#own.reconnect === false ? this.#allStopped() : true)
    if (this.#failure !== undefined) this.#readyWaits.rejectAll(this.#failure)
    else if (this.#isReady()) this.#readyWaits.resolveAll(undefined)
    if (gaveUp && this.#failure !== undefined) this.#status.emit({ type: 'gave-up', error: this.#failure })
    if (gaveUp || this.#allStopped()) void this.close()
  }

  #allStopped(): boolean {
    return this.#slots.every((slot) => slot.isStopped)
  }

  #isReady(): boolean {
    const kept = this.#slots.filter((slot) => !slot.isStopped)
    return kept.length > 0 && kept.every((slot) => slot.isOpen)
  }

  /** The one that owes its peer the least; equals take turns. */
  #leastLoaded(): LiveSession<In, Out, Data> | undefined {
    const slots = this.#slots
    let best: LiveSession<In, Out, Data> | undefined
    let bestBytes = Infinity
    this.#turn = (this.#turn + 1) % slots.length
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[(this.#turn + i) % slots.length]
      const session = slot?.session
      if (session?.phase !== 'open') continue
      const { bufferedBytes } = session
      if (bufferedBytes >= bestBytes) continue
      best = session
      bestBytes = bufferedBytes
      if (bufferedBytes === 0) break
    }
    return best
  }

  // ── Closing ──────────────────────────────────────────────────────────────────────────────────────────────

  #beginClose(reason: string | undefined): void {
    this.#stopDialing()
    const { signal } = this.#shutdown
    for (const { session } of this.#slots) void session?.shutdown({ signal, reason }) // one that is still opening is closed at once
    this.#finishIfDone()
  }

  #stopDialing(): void {
    const { signal } = this.#options
    if (signal !== undefined) removeAbortHook(signal, this.#onAbort)
    for (const slot of this.#slots) slot.stop()
    const error = this.#failure ?? clientClosed()
    this.#readyWaits.rejectAll(error)
    this.#sessionWaits.rejectAll(error)
  }

  #destroyAll(): void {
    for (const { session } of this.#slots) session?.destroy()
    this.#finishIfDone()
  }

  /** Of a connection that does not keep its word nobody knows more than that. */
  #abandonAll(): void {
    const left = this.#slots.flatMap(({ session }) => session ?? [])
    const { name } = this.#options
    this.#config.logger.error(`${left.length} sessions never closed`, { name })
    for (const session of left) session.onClose() // in the name of its connection
  }

  #finishIfDone(): void {
    if (!this.#shutdown.begun || this.#shutdown.finished) return
    if (this.#slots.some(({ session }) => session !== undefined)) return
    this.#shutdown.finish()
    this.#status.end()
  }
}

/** @throws ERR_BAD_ADDRESS; ERR_BAD_OPTION where it is an empty list */
function addressesOf(where: AddressLike | readonly AddressLike[], reader: AddressReader): Address[] {
  const list: readonly AddressLike[] = Array.isArray(where) ? where : [where as AddressLike]
  if (list.length === 0) throw badOption('where', 'names no address')
  return list.map((each) => reader.toDial(each))
}

function clientClosed(): Error {
  return sessionClosed('the client is closed')
}
