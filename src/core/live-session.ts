import type { Address } from './address.ts'
import { AttributeMap, type Attributes } from './attributes.ts'
import { closeReasonOf } from './close-code.ts'
import type { Clock, SessionClockHost } from './clock.ts'
import type { Codec } from './codec.ts'
import type { CloseReason, Connection, ConnectionSink, Role } from './connection.ts'
import { ConnectionPeer, type Dialed } from './connection-peer.ts'
import type { Env } from './env.ts'
import {
  describe,
  type HawserError,
  isHawserError,
  listenerFailed,
  notTaken,
  type SessionError,
  sessionClosed,
} from './errors.ts'
import type { HandlerLoopHost } from './handler-loop.ts'
import type { HeartbeatHost, Heartbeats } from './heartbeats.ts'
import { Hooks, type HooksHost } from './hooks.ts'
import type { Peer } from './peer.ts'
import type { OpeningHost } from './opening.ts'
import type { Pipeline } from './pipeline.ts'
import type { CloseCause, CloseOptions, Session } from './session.ts'
import { pushedToListener, type ReceivingHalf } from './receiving-half.ts'
import type { OutboundHost, SendingHalf } from './sending-half.ts'
import type { SessionConfig } from './session-config.ts'
import { SessionEnd } from './session-end.ts'
import type { SessionHost } from './session-host.ts'
import { requireNumber, resolveLimits, type ResolvedLimits } from './session-options.ts'
import { nextState, type SessionEvent, type SessionState } from './session-state.ts'
import type { SessionStats } from './stats.ts'
import { isThenable } from './thenable.ts'
import { type Wait, wrongWait } from './wait.ts'
import { waitFor } from './wait-list.ts'

/** After these nothing that we would still send can arrive, or should. Who is merely idle may well be listening. */
const ABRUPT = new Set<string>(['ERR_OVERFLOW', 'ERR_STALLED', 'ERR_HEARTBEAT_TIMEOUT', 'ERR_CONNECTION_RESET'])

/**
 * The Session that applications hold: it ties the receiving half, the sending half and the
 * clock to one Connection, calls the hooks, and keeps the order of a life:
 *
 *     start ─▶ data ─▶ onOpen ─▶ onMessage, onCron, onDrain … ─▶ onError? ─▶ signal aborts ─▶ onClose
 *
 * Hooks begin only in turns of the event loop, of Env.defer or of promises, never inside a call of the application;
 * where that is not certain, `#later` makes it so. What the methods beside Session's do is told where they are declared:
 * in the interfaces of the parts.
 */
export class LiveSession<In, Out, Data>
  implements
    Session<In, Out, Data>,
    ConnectionSink,
    OpeningHost<In, Out, Data>,
    OutboundHost,
    HandlerLoopHost<In>,
    HeartbeatHost<Out>,
    SessionClockHost,
    HooksHost
{
  readonly #config: SessionConfig<In, Out, Data>
  readonly #limits: ResolvedLimits
  readonly #host: SessionHost<LiveSession<In, Out, Data>>
  readonly #role: Role
  readonly #dialed: Dialed | undefined
  readonly #connection: Connection
  readonly #loop: ReceivingHalf<In>
  readonly #outbound: SendingHalf<Out>
  readonly #pipeline: Pipeline<In, Out> | undefined
  readonly #heartbeats: Heartbeats<In, Out> | undefined
  readonly #hooks: Hooks<In, Out, Data>
  readonly #ending = new SessionEnd()
  #clock: Clock | undefined

  #state: SessionState = 'opening'
  #cause: CloseCause | undefined
  #closedWith: HawserError<'ERR_SESSION_CLOSED'> | undefined
  #data: Data | undefined
  /** Reading has begun. */
  #attached = false
  /** The host knows that it opened, or never will. */
  #announced = false
  /** `onError` decides whether it goes on. */
  #failing = false
  /** Nothing that is sent can arrive any more: what `onError` still sends is not taken. */
  #cutOff = false
  #handleRunning = false
  /** Calls of `send` in progress: what encoding throws is theirs. */
  #sending = 0
  #shuttingDown = false
  /** The peer ended while the session was opening. */
  #endedEarly = false
  #endReason: CloseReason | undefined
  #openedAt = 0
  #wantsReconnect = true

  // Made when first asked for: a session at rest has none of them.
  #id: string | undefined
  #peer: Peer | undefined
  #attributes: AttributeMap | undefined

  /** @throws what the options `wrap`, `limits`, `codec`, `framing` and `stages` throw for this peer; the connection is destroyed then */
  constructor(
    connection: Connection,
    config: SessionConfig<In, Out, Data>,
    host: SessionHost<LiveSession<In, Out, Data>>,
    role: Role,
    dialed?: Dialed,
  ) {
    const { setup, parts, env } = config
    this.#config = config
    this.#host = host
    this.#role = role
    this.#dialed = dialed
    this.#hooks = new Hooks(this, config, this)
    this.#connection = connection
    try {
      this.#connection = parts.layers?.(connection, setup.wrap, role, env) ?? connection
      this.#limits = setup.limits === undefined ? config.limits : resolveLimits(setup.limits(this.peer), config.limits)
      const codec = typeof setup.codec === 'function' ? setup.codec(this.peer) : setup.codec
      const { inbound, outbound } = parts.halves(this.#connection, codec, this.#limits, config, this)
      this.#loop = inbound
      this.#outbound = outbound
      this.#heartbeats = parts.heartbeats?.(setup.heartbeat, this)
      this.#pipeline = this.#makePipeline()
      this.#loop.direct = this.#heartbeats?.areSeen !== true && this.#pipeline === undefined
    } catch (error) {
      this.#connection.destroy()
      throw isHawserError(error) ? error : listenerFailed('setup', error, false)
    }
  }

  // ── What applications see ──────────────────────────────────────────────────────────────────────────────────

  get id(): string {
    this.#id ??= this.#config.runtime.nextId()
    return this.#id
  }

  get phase(): SessionState {
    return this.#state
  }

  get data(): Data {
    return this.#data as Data // set before the first hook that could look
  }

  get peer(): Peer {
    this.#peer ??= new ConnectionPeer(this.#connection, this.#role, this.#dialed, this.#config.addresses)
    return this.#peer
  }

  get localAddress(): Address {
    return this.peer.localAddress
  }

  get remoteAddress(): Address {
    return this.peer.remoteAddress
  }

  get stats(): SessionStats {
    const { sentBytes, sentMessages, droppedMessages, bufferedBytes } = this.#outbound
    const { receivedBytes, receivedMessages, undecodedBytes } = this.#loop
    return {
      receivedBytes,
      sentBytes,
      receivedMessages,
      sentMessages,
      droppedMessages,
      droppedDatagrams: this.#connection.droppedChunks ?? 0,
      bufferedBytes,
      undecodedBytes,
      openedAt: this.#openedAt,
    }
  }

  get signal(): AbortSignal {
    return this.#ending.signal
  }

  get closed(): Promise<CloseCause> {
    return this.#ending.closed
  }

  get writable(): boolean {
    return this.#state === 'open' && !this.#cutOff && this.#outbound.writable
  }

  send(message: Out): boolean {
    if (!this.maySend) return this.#outbound.drop()
    if (this.#pipeline?.hasOutbound !== true) return this.#outbound.put(message)
    return this.#sendStaged(this.#pipeline, message)
  }

  deliver(message: Out, options?: Wait): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    const { maySend } = this
    if (this.#pipeline?.hasOutbound === true && maySend) {
      return this.#pipeline.deliver(this.#config.env, this, this.#outbound, message, options)
    }
    this.#outbound.expectTaken()
    try {
      this.send(message)
    } catch (error) {
      this.#outbound.expectNothing()
      return Promise.reject(error)
    }
    if (this.#outbound.tookLast) return this.#outbound.delivered(options)
    this.#outbound.expectNothing()
    return Promise.reject(notTaken(maySend))
  }

  sendAll(messages: Iterable<Out> | AsyncIterable<Out>, options?: Wait): Promise<number> {
    const { env, parts } = this.#config
    return parts.sendAll(env, this, messages, options)
  }

  drained(options?: Wait): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    if (!this.maySend) return Promise.reject(this.#closedError())
    return this.#outbound.drained(options)
  }

  receive(options?: Wait): Promise<In> {
    return this.#loop.receive(options)
  }

  [Symbol.asyncIterator](): AsyncIterator<In, void, undefined> {
    return this.#loop.messages?.(() => this.#cause) ?? { next: pushedToListener }
  }

  pause(): void {
    this.#loop.pause()
  }

  resume(): void {
    this.#loop.resume()
  }

  get activeAt(): number {
    return this.#loop.activeAt
  }

  get idleMs(): number {
    return this.#loop.readPaused ? 0 : this.#config.env.now() - this.#loop.activeAt
  }

  get lastMessageAt(): number {
    return this.#loop.lastMessageAt
  }

  touch(): void {
    this.#loop.activeAt = this.#config.env.now()
  }

  get idleTimeoutMs(): number {
    return this.#clock?.idleTimeoutMs ?? this.#limits.idleTimeoutMs
  }

  set idleTimeoutMs(value: number) {
    requireNumber('idleTimeoutMs', value, 0)
    if (!this.maySend) return
    const clock = this.#makeClock()
    clock.idleTimeoutMs = value
    clock.look()
  }

  get attributes(): Attributes {
    this.#attributes ??= new AttributeMap()
    return this.#attributes
  }

  close(options: CloseOptions = {}): Promise<CloseCause> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    const { code, reason, reconnect = true } = options
    if (this.#state === 'open' || this.#state === 'opening') {
      this.#wantsReconnect = reconnect
      this.#cause ??= { by: 'local', code, reason }
      this.#end(this.#cause.by === 'local' ? { code: this.#cause.code, text: this.#cause.reason } : {})
    }
    return waitFor(this.#config.env, 'close()', this.closed, options)
  }

  destroy(error?: Error): void {
    if (this.#state === 'closed') return
    this.#cause ??= error === undefined ? { by: 'local' } : { by: 'error', error: asSessionError(error) }
    this.#loop.discard()
    this.#abandon(error)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => undefined)
  }

  // ── What its owner, broadcasts and libraries see ───────────────────────────────────────────────────────────

  get env(): Env {
    return this.#config.env
  }

  get codec(): Codec<In, Out> {
    return this.#outbound.codec as Codec<In, Out> // it was made from one
  }

  /** As it stands in `peer.remoteAddress`, without making a Peer. */
  get remoteHref(): string {
    return this.#connection.remoteAddress
  }

  get hasOutboundStages(): boolean {
    return this.#pipeline?.hasOutbound === true
  }

  get closeTimeoutMs(): number {
    return this.#limits.closeTimeoutMs
  }

  /** As in `stats`, without making all of them: a Client looks at it for each message. */
  get bufferedBytes(): number {
    return this.#outbound.bufferedBytes
  }

  /** Whether the last `send` or `sendBody` took its message: false may also mean "taken, and now wait". */
  get tookLast(): boolean {
    return this.#outbound.tookLast
  }

  /** From `data` on, until it closes or its peer is beyond reach. */
  get maySend(): boolean {
    return this.#mayEnd() && !this.#cutOff
  }

  /** False after `close({ reconnect: false })`. */
  get wantsReconnect(): boolean {
    return this.#wantsReconnect
  }

  /** A body that was encoded for several sessions; as `send`, past the stages. */
  sendBody(body: Uint8Array, text: boolean): boolean {
    if (!this.maySend) return this.#outbound.drop()
    return this.#outbound.putBody(body, text)
  }

  /** `run` is called once when the session is closed, before `onClose`; at once if it is. */
  onGone(run: () => void): void {
    this.#ending.onGone(run)
  }

  offGone(run: () => void): void {
    this.#ending.offGone(run)
  }

  /**
   * Begins opening: `data`, reading, `onOpen`. To be called once, not inside of a call of the application.
   * @param since `openTimeoutMs` counts from then on; absent: from now on, where anybody has to wait
   */
  start(since?: number): void {
    if (since !== undefined) this.#makeClock().startOpening(since)
    const { data } = this.#config.setup
    if (this.#state !== 'opening') return this.#attach() // a stage or layer closed it already
    if (data === undefined) {
      this.#attach()
      this.#begin()
      return
    }
    this.#loop.setPull(true)
    this.#loop.release()
    this.#config.parts.open?.(data, this)
  }

  /** `onShutdown`, running handlers finish and send, then a graceful close. Resolves when closed; never rejects. */
  async shutdown(options: {
    readonly signal: AbortSignal
    readonly code?: number | undefined
    readonly reason?: string | undefined
  }): Promise<void> {
    const { signal, code, reason } = options
    if (this.#state === 'open') {
      this.#shuttingDown = true
      await this.#turn() // the application called close() just now
      if (this.phase === 'open') await Promise.race([this.#hooks.shutdown({ signal }), this.closed])
      if (this.phase === 'open') await this.#finishHandlers({ by: 'local', code, reason })
    }
    await this.close({ code, reason })
  }

  // ── Opening ────────────────────────────────────────────────────────────────────────────────────────────────

  #makePipeline(): Pipeline<In, Out> | undefined {
    const { setup, parts, env } = this.#config
    return parts.stages?.(setup.stages, this, env, this.#loop, {
      inbound: (message) => this.#loop.hand(message),
      outbound: (message) => this.#leaveStages(message),
    })
  }

  #attach(): void {
    if (this.#attached) return
    this.#attached = true
    this.#connection.attach(this)
  }

  openingReads(): void {
    this.#attach()
  }

  openingReceive(wait: Wait | undefined): Promise<In> {
    return this.#loop.receive(wait)
  }

  openingWaits(): void {
    this.#makeClock().startOpening()
  }

  openingReady(data: Data): void {
    if (this.#state !== 'opening') return
    this.#data = data
    this.#attach()
    this.#begin()
  }

  openingFailed(error: unknown): void {
    this.#refuse('data', error)
  }

  /** `data` is there: the listener takes over. */
  #begin(): void {
    this.#loop.hold()
    if (this.#config.setup.data !== undefined) this.#loop.turnAway(() => sessionClosed('the opening is over'))
    this.#loop.setPull(this.#pulls())
    try {
      this.#hooks.choose()
    } catch (error) {
      this.#refuse('listener', error)
      return
    }
    if (this.#state !== 'opening') return
    this.#hooks.open(() => this.#opened())
    if (this.#state === 'opening' && !this.#failing) this.openingWaits()
  }

  #opened(): void {
    if (this.#state !== 'opening' || this.#failing) return
    this.#step('opened')
    this.#openedAt = this.#config.env.now()
    this.#startClock()
    this.#announced = true
    this.#config.metrics?.opened(this, this.#role)
    this.#host.sessionOpened(this)
    if (this.#endedEarly) {
      this.#closeRemotely()
      return
    }
    const { handle } = this.#config.setup
    if (handle !== undefined) void this.#runHandle(handle)
    this.#loop.release()
    this.#lingerIfEnded()
  }

  /** Turned away before `onOpen`: no hook hears of it, the host does. */
  #refuse(hook: string, thrown: unknown): void {
    if (this.#state !== 'opening' || this.#announced) return
    const error = isHawserError(thrown) ? (thrown as SessionError) : listenerFailed(hook, thrown, false)
    this.#cause ??= { by: 'error', error: asSessionError(error) }
    this.#announceRefusal(asSessionError(error))
    this.#end(closeReasonOf(error))
  }

  #announceRefusal(error: SessionError): void {
    if (this.#announced) return
    this.#announced = true
    this.#host.sessionRefused(this, error)
  }

  #makeClock(): Clock {
    this.#clock ??= this.#config.parts.clock(this.#config, this.#limits, this.#loop, this.#outbound, this)
    return this.#clock
  }

  #startClock(): void {
    const { cronIntervalMs, idleTimeoutMs } = this.#limits
    const hasCron = cronIntervalMs > 0 && (this.#hooks.hasCron || this.#connection.ping !== undefined)
    const needed = hasCron || idleTimeoutMs > 0 || this.#config.setup.heartbeat !== undefined
    if (needed) this.#makeClock()
    this.#clock?.startOpen(hasCron)
  }

  // ── The connection ─────────────────────────────────────────────────────────────────────────────────────────

  /** The passes of its chunks become one, which ends with one flush. */
  beginBatch(bytes: number): void {
    this.#config.runtime.beginPass(bytes)
    this.#loop.beginBatch()
  }

  endBatch(): void {
    this.#loop.endBatch()
    this.#config.runtime.endPass()
  }

  onChunk(chunk: Uint8Array, text = false): void {
    const { runtime } = this.#config
    runtime.beginPass(chunk.length)
    try {
      this.#loop.onChunk(chunk, text)
    } finally {
      runtime.endPass()
    }
  }

  onActivity(): void {
    this.#loop.onActivity()
  }

  onEnd(reason?: CloseReason): void {
    this.#endReason = reason
    if (!this.#mayEnd()) return
    this.#loop.onEnd()
    this.#lingerIfEnded()
  }

  onClose(error?: Error): void {
    if (this.#state === 'closed') return
    this.#cutOff = true
    if (error !== undefined && this.#cause === undefined) {
      const reason = asSessionError(error)
      this.#cause = { by: 'error', error: reason }
      if (this.#hooks.begun) this.#hooks.tell(reason)
    }
    this.#gone()
  }

  // ── Receiving ──────────────────────────────────────────────────────────────────────────────────────────────

  loopDecoded(message: In): void {
    if (this.#heartbeats?.take(message) === true) {
      this.#loop.receivedMessages++
      return
    }
    if (this.#pipeline === undefined) {
      this.#loop.hand(message)
      return
    }
    try {
      this.#pipeline.inbound(message)
    } catch (error) {
      this.fail(isHawserError(error) ? error : listenerFailed('stage', error, true))
    }
  }

  loopHandle(message: In): unknown {
    return this.#hooks.message(message)
  }

  loopRejected(error: unknown): void {
    this.fail(listenerFailed('onMessage', error, true))
  }

  loopFailed(error: HawserError): void {
    this.fail(error)
  }

  /** A fault that costs no more than what it happened in: `onError` hears of it in a later turn, or else the log. */
  loopReported(error: HawserError): void {
    this.#later(() => {
      if (this.#hooks.begun && this.#state !== 'closed') this.#hooks.tell(error)
      else this.#hooks.log(error)
    })
  }

  loopAwaitsFrame(): void {
    if (this.#limits.frameTimeoutMs > 0) this.#makeClock().look()
  }

  loopEnded(): void {
    if (this.#state === 'opening') {
      this.#endedEarly = true
      this.#loop.finish(() => sessionClosed('the peer has ended'))
    } else if (this.#handleRunning) {
      this.#cause ??= this.#remoteCause() // it may still answer, and the session closes when it returns
      this.#loop.finish(() => sessionClosed('the peer has ended'))
    } else {
      this.#closeRemotely()
    }
  }

  async #runHandle(handle: (session: Session<In, Out, Data>) => Promise<unknown>): Promise<void> {
    this.#handleRunning = true
    let failure: HawserError | undefined
    try {
      await handle(this)
    } catch (error) {
      const ended = this.#state !== 'open' || this.#cause !== undefined
      if (!ended || !isHawserError(error, 'ERR_SESSION_CLOSED')) failure = listenerFailed('handle', error, false)
    }
    this.#handleRunning = false
    if (failure === undefined) void this.close()
    else this.fail(failure)
  }

  /** Messages are pulled: nobody need be there when the last one was. */
  #pulls(): boolean {
    return this.#config.setup.listener === undefined
  }

  /** The peer has ended and nobody may be pulling: what is left stays for `receive`, the session does not. */
  #lingerIfEnded(): void {
    if (!this.#loop.ended || this.#state !== 'open' || !this.#pulls() || this.#handleRunning) return
    if (this.#loop.undecodedBytes === 0) this.#closeRemotely()
    else this.#makeClock().startLinger()
  }

  // ── Sending ────────────────────────────────────────────────────────────────────────────────────────────────

  /** What stages do with it is theirs: without a word from them it counts as taken. */
  #sendStaged(pipeline: Pipeline<In, Out>, message: Out): boolean {
    this.#outbound.tookLast = true
    this.#sending++
    try {
      pipeline.outbound(message)
    } finally {
      this.#sending--
    }
    return this.#outbound.tookLast && this.#outbound.writable
  }

  /** Behind the last stage, which may have kept the message for a while. */
  #leaveStages(message: Out): void {
    if (!this.maySend) {
      this.#outbound.drop()
      return
    }
    try {
      this.#outbound.put(message)
    } catch (error) {
      if (this.#sending > 0) throw error
      this.fail(listenerFailed('stage', error, true)) // nobody's call
    }
  }

  outboundDrained(): void {
    if (this.#state === 'open') this.#hooks.drain()
  }

  outboundFailed(error: unknown): void {
    this.fail(isHawserError(error) ? error : listenerFailed('wrap', error, false))
  }

  outboundBehind(): void {
    if (this.#limits.stallTimeoutMs > 0 && this.maySend) this.#makeClock().look()
  }

  // ── The clock ──────────────────────────────────────────────────────────────────────────────────────────────

  clockCron(): void {
    this.#connection.ping?.()
    if (!this.#failing) this.#hooks.cron()
  }

  clockHeartbeat(): void {
    this.#heartbeats?.beat()
  }

  /** With `overflow: 'throw'` one more that finds no room is nobody's call, and no fault: enough waits for the peer. */
  heartbeatFailed(error: unknown): void {
    if (!isHawserError(error, 'ERR_OVERFLOW')) this.fail(listenerFailed('heartbeat', error, true))
  }

  clockExpired(error: HawserError): void {
    if (this.#mayEnd()) this.fail(error)
  }

  clockCloseOver(): void {
    if (this.#state === 'open' && !this.#failing) this.#closeRemotely()
    else this.#connection.destroy()
  }

  // ── Hooks and errors ───────────────────────────────────────────────────────────────────────────────────────

  hookFailed(error: HawserError): void {
    this.fail(error)
  }

  /** The one place where a fault becomes `onError` and, unless it is kept, the end. */
  fail(error: HawserError): void {
    const reason = asSessionError(error)
    if (this.#failing || !this.#mayEnd()) {
      this.#hooks.log(error)
      if (this.#mayEnd() && !error.keepable) this.#endBecauseOf(reason) // whatever onError is still thinking about
      return
    }
    if (!this.#hooks.begun) {
      this.#refuse('data', error)
      return
    }
    this.#failing = true
    this.#loop.hold()
    if (!error.keepable) {
      this.#cause ??= { by: 'error', error: reason }
      this.#cutOff = ABRUPT.has(error.code)
      this.#makeClock().startClosing() // an onError that never settles must not keep the session
    }
    this.#later(() => {
      if (this.#state === 'closed') this.#hooks.log(error)
      else this.#decide(reason)
    })
  }

  #decide(error: SessionError): void {
    const answer = this.#hooks.report(error)
    const settle = (kept: unknown): void => {
      this.#failing = false
      if (!this.#mayEnd()) return
      if (kept !== 'keep' || !error.keepable || this.#state !== 'open') this.#endBecauseOf(error)
      else if (!this.#shuttingDown) this.#loop.release()
    }
    if (!isThenable(answer)) {
      settle(answer)
      return
    }
    Promise.resolve(answer).then(settle, (thrown: unknown) => {
      this.#hooks.log(listenerFailed('onError', thrown, false))
      settle(undefined)
    })
  }

  #endBecauseOf(error: SessionError): void {
    this.#cause ??= { by: 'error', error }
    this.#announceRefusal(error)
    if (ABRUPT.has(error.code)) this.#abandon(error)
    else this.#end(closeReasonOf(error))
  }

  #later(run: () => void): void {
    this.#config.env.defer(run)
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#later(resolve)
    })
  }

  // ── Closing ────────────────────────────────────────────────────────────────────────────────────────────────

  #mayEnd(): boolean {
    return this.#state === 'open' || this.#state === 'opening'
  }

  /** No further message; those that are being handled are handled to their end. */
  async #finishHandlers(cause: CloseCause): Promise<void> {
    if (this.#handleRunning) {
      this.#cause ??= cause
      this.#loop.finish(() => sessionClosed('the session is shutting down'))
      await this.closed // `handle` returns, and that closes it
      return
    }
    this.#loop.hold()
    if (this.#loop.running === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#loop.onIdle = resolve
    })
    await Promise.race([idle, this.closed])
  }

  #closeRemotely(): void {
    if (!this.#mayEnd()) return
    this.#cause ??= this.#remoteCause()
    this.#end({})
  }

  #remoteCause(): CloseCause {
    return { by: 'remote', code: this.#endReason?.code, reason: this.#endReason?.text }
  }

  /** What was sent is flushed, our side ends; what still comes is read and forgotten. */
  #end(reason: CloseReason): void {
    this.#step('close')
    if (this.#state !== 'closing') return
    this.#stopReceiving()
    this.#outbound.refuseMore(() => this.#closedError())
    this.#makeClock().startClosing()
    this.#outbound.flushAll()
    this.#connection.end(reason)
    this.#attach() // where it was never read, it is from now on: who is turned away must be heard leaving
  }

  /** Ends at once. */
  #abandon(error: Error | undefined): void {
    this.#step('failed')
    this.#stopReceiving()
    this.#connection.destroy(error)
    this.#attach()
  }

  /** Who pulls is still given what came before the end, unless it was the application that ended it. */
  #stopReceiving(): void {
    if (this.#cause?.by === 'local') this.#loop.discard()
    this.#loop.finish(() => this.#closedError())
  }

  /** The connection is closed, and so are we. */
  #gone(): void {
    this.#cause ??= this.#remoteCause()
    const cause = this.#cause
    const why = (): HawserError => this.#closedError()
    this.#step('gone')
    this.#clock?.stop()
    if (!this.#announced) this.#announceRefusal(cause.by === 'error' ? cause.error : this.#closedError())
    this.#ending.abort(why)
    this.#outbound.close(why)
    this.#stopReceiving()
    this.#pipeline?.dispose((thrown) => this.#hooks.log(listenerFailed('stage', thrown, false)))
    this.#ending.tellGone()
    if (this.#hooks.begun) this.#hooks.close(cause)
    this.#ending.tellClosed(cause)
    if (this.#openedAt > 0) this.#config.metrics?.closed(this, this.#role, cause)
    this.#host.sessionGone(this, cause)
  }

  /** Made once: the stack of an error costs more than all else that closing does. */
  #closedError(): HawserError<'ERR_SESSION_CLOSED'> {
    if (this.#cause === undefined) return sessionClosed('the session is closed')
    this.#closedWith ??= closedBy(this.#cause)
    return this.#closedWith
  }

  #step(event: SessionEvent): void {
    this.#state = nextState(this.#state, event)
  }
}

function closedBy(cause: CloseCause): HawserError<'ERR_SESSION_CLOSED'> {
  if (cause.by === 'error') return sessionClosed(`the session closed: ${cause.error.message}`, cause.error)
  return sessionClosed(`the session was closed by the ${cause.by === 'local' ? 'application' : 'peer'}`)
}

function asSessionError(error: Error): SessionError {
  return isHawserError(error) ? error : sessionClosed(describe(error), error)
}
