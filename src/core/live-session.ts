import type { Address } from './address.ts'
import { AttributeMap, type Attributes } from './attributes.ts'
import { closeReasonOf } from './close-code.ts'
import type { Codec } from './codec.ts'
import type { CloseReason, Connection, ConnectionSink, Role } from './connection.ts'
import { ConnectionPeer, type Dialed } from './connection-peer.ts'
import {
  badOption,
  describe,
  HawserError,
  isHawserError,
  listenerFailed,
  type SessionError,
  sessionClosed,
} from './errors.ts'
import type { EventListener } from './event-listener.ts'
import { type Framing, framingFor } from './framing.ts'
import { HandlerLoop, type HandlerLoopHost } from './handler-loop.ts'
import { Outbound, type OutboundHost } from './outbound.ts'
import type { Peer } from './peer.ts'
import { OpeningPeer } from './opening-peer.ts'
import { Pipeline } from './pipeline.ts'
import { protocolHint } from './protocol-hint.ts'
import { notTaken, sendAll } from './send-all.ts'
import type { CloseCause, CloseOptions, Session } from './session.ts'
import { SessionClock, type SessionClockHost, type Verdict } from './session-clock.ts'
import type { SessionConfig } from './session-config.ts'
import type { SessionHost } from './session-host.ts'
import { requireNumber, resolveLimits, type ResolvedLimits } from './session-options.ts'
import { nextState, type SessionEvent, type SessionState } from './session-state.ts'
import type { SessionStats } from './stats.ts'
import { isThenable } from './thenable.ts'
import type { Wait } from './wait.ts'
import { waitFor } from './wait-list.ts'

/** After these nothing that we would still send can arrive, or should. */
const ABRUPT = new Set<string>([
  'ERR_OVERFLOW',
  'ERR_STALLED',
  'ERR_IDLE_TIMEOUT',
  'ERR_HEARTBEAT_TIMEOUT',
  'ERR_CONNECTION_RESET',
])

interface ClosedWait {
  readonly promise: Promise<CloseCause>
  readonly resolve: (cause: CloseCause) => void
}

/**
 * The Session that applications hold: it ties the receiving half (HandlerLoop), the sending half (Outbound) and the
 * clock to one Connection, calls the hooks, and keeps the order of a life:
 *
 *     start ─▶ data ─▶ onOpen ─▶ onMessage, onCron, onDrain … ─▶ onError? ─▶ signal aborts ─▶ onClose
 *
 * Hooks begin only in turns of the event loop, of Env.defer or of promises, never inside a call of the application;
 * where that is not certain, `#later` makes it so. What the methods beside Session's do is told where they are declared:
 * in the interfaces of the parts.
 */
export class LiveSession<In, Out, Data>
  implements Session<In, Out, Data>, ConnectionSink, OutboundHost, HandlerLoopHost<In>, SessionClockHost
{
  readonly #config: SessionConfig<In, Out, Data>
  readonly #limits: ResolvedLimits
  readonly #host: SessionHost<LiveSession<In, Out, Data>>
  readonly #role: Role
  readonly #dialed: Dialed | undefined
  readonly #connection: Connection
  readonly #loop: HandlerLoop<In>
  readonly #outbound: Outbound<Out>
  readonly #pipeline: Pipeline<In, Out> | undefined
  readonly #match: ((message: In) => boolean) | undefined
  #listener: EventListener<In, Out, Data> | undefined
  #clock: SessionClock | undefined

  #state: SessionState = 'opening'
  #cause: CloseCause | undefined
  #data: Data | undefined
  /** Reading has begun. */
  #attached = false
  /** `onOpen` was begun, so `onClose` will be called. */
  #hooksBegun = false
  /** The host knows that it opened, or never will. */
  #announced = false
  /** `onError` decides whether it goes on. */
  #failing = false
  #cronRunning = false
  #handleRunning = false
  /** The peer ended while the session was opening. */
  #endedEarly = false
  #endReason: CloseReason | undefined
  #openedAt = 0
  #wantsReconnect = true

  // Made when first asked for: a session at rest has none of them.
  #id: string | undefined
  #peer: Peer | undefined
  #attributes: AttributeMap | undefined
  #abort: AbortController | undefined
  #closedWait: ClosedWait | undefined
  #goneHooks: Set<() => void> | undefined

  /** @throws what the options `wrap`, `limits`, `codec`, `framing` and `stages` throw for this peer; the connection is destroyed then */
  constructor(
    connection: Connection,
    config: SessionConfig<In, Out, Data>,
    host: SessionHost<LiveSession<In, Out, Data>>,
    role: Role,
    dialed?: Dialed,
  ) {
    const { setup, runtime, env } = config
    this.#config = config
    this.#host = host
    this.#role = role
    this.#dialed = dialed
    this.#connection = connection
    try {
      for (const wrap of setup.wrap ?? []) this.#connection = wrap(this.#connection, role)
      this.#limits = setup.limits === undefined ? config.limits : resolveLimits(setup.limits(this.peer), config.limits)
      const codec = typeof setup.codec === 'function' ? setup.codec(this.peer) : setup.codec
      const framing = this.#makeFraming()
      this.#outbound = new Outbound(this.#connection, codec, framing, this.#limits, runtime, this)
      this.#loop = new HandlerLoop(this.#connection, codec, framing, this.#limits, env, this)
      this.#match = setup.heartbeat?.match
      this.#pipeline = this.#makePipeline()
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
    this.#peer ??= new ConnectionPeer(this.#connection, this.#role, this.#dialed)
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
      bufferedBytes,
      undecodedBytes,
      openedAt: this.#openedAt,
    }
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#state === 'closed') this.#abort.abort(this.#closedError())
    }
    return this.#abort.signal
  }

  get closed(): Promise<CloseCause> {
    if (this.#closedWait === undefined) {
      if (this.#state === 'closed' && this.#cause !== undefined) return Promise.resolve(this.#cause)
      this.#closedWait = closedWait()
    }
    return this.#closedWait.promise
  }

  get writable(): boolean {
    return this.#state === 'open' && this.#outbound.writable
  }

  send(message: Out): boolean {
    if (this.#state !== 'open' && this.#state !== 'opening') return this.#outbound.drop()
    if (this.#pipeline?.hasOutbound !== true) return this.#outbound.put(message)
    this.#pipeline.outbound(message)
    return this.#outbound.writable
  }

  deliver(message: Out, options?: Wait): Promise<void> {
    const { phase } = this
    this.#outbound.expectTaken()
    try {
      this.send(message)
    } catch (error) {
      this.#outbound.expectNothing()
      return Promise.reject(error)
    }
    if (this.#outbound.tookLast) return this.#outbound.delivered(options)
    this.#outbound.expectNothing()
    return Promise.reject(notTaken(phase))
  }

  sendAll(messages: Iterable<Out> | AsyncIterable<Out>, options?: Wait): Promise<number> {
    return sendAll(this.#config.env, this, messages, options)
  }

  drained(options?: Wait): Promise<void> {
    if (this.#state !== 'open' && this.#state !== 'opening') return Promise.reject(this.#closedError())
    return this.#outbound.drained(options)
  }

  receive(options?: Wait): Promise<In> {
    if (this.#config.setup.listener !== undefined) {
      return Promise.reject(badOption('listener', 'is set: messages go to it, not to receive()'))
    }
    return this.#loop.receive(options)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<In, void, undefined> {
    for (;;) {
      let message: In
      try {
        message = await this.receive()
      } catch (error) {
        if (this.#cause?.by === 'error') throw this.#cause.error
        if (isHawserError(error, 'ERR_SESSION_CLOSED')) return
        throw error
      }
      yield message
    }
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
    return this.#config.env.now() - this.#loop.activeAt
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
    if (this.#state === 'closed') return
    const clock = this.#makeClock()
    clock.idleTimeoutMs = value
    clock.look()
  }

  get attributes(): Attributes {
    this.#attributes ??= new AttributeMap()
    return this.#attributes
  }

  close(options: CloseOptions = {}): Promise<CloseCause> {
    const { code, reason, reconnect = true } = options
    if (this.#state === 'open' || this.#state === 'opening') {
      this.#wantsReconnect = reconnect
      this.#cause ??= { by: 'local', code, reason }
      this.#end({ code, text: reason })
    }
    return waitFor(this.#config.env, 'close()', this.closed, options)
  }

  destroy(error?: Error): void {
    if (this.#state === 'closed') return
    this.#cause ??= error === undefined ? { by: 'local' } : { by: 'error', error: asSessionError(error) }
    this.#abandon(error)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => undefined)
  }

  // ── What its owner and broadcasts see ──────────────────────────────────────────────────────────────────────

  get codec(): Codec<In, Out> {
    return this.#outbound.codec as Codec<In, Out> // it was made from one
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

  /** False after `close({ reconnect: false })`. */
  get wantsReconnect(): boolean {
    return this.#wantsReconnect
  }

  /** A body that was encoded for several sessions; as `send`, past the stages. */
  sendBody(body: Uint8Array, text: boolean): boolean {
    if (this.#state !== 'open' && this.#state !== 'opening') return this.#outbound.drop()
    return this.#outbound.putBody(body, text)
  }

  /** `run` is called once when the session is closed, before `onClose`; at once if it is. */
  onGone(run: () => void): void {
    if (this.#state === 'closed') return run()
    this.#goneHooks ??= new Set()
    this.#goneHooks.add(run)
  }

  offGone(run: () => void): void {
    this.#goneHooks?.delete(run)
  }

  /** Begins opening: `data`, reading, `onOpen`. To be called once, not inside of a call of the application. */
  start(): void {
    const { data } = this.#config.setup
    if (data === undefined) {
      this.#attach()
      this.#begin()
      return
    }
    this.#loop.setPull(true)
    this.#loop.release()
    let result: Data | Promise<Data>
    try {
      result = data(
        new OpeningPeer(
          this,
          (wait) => this.#receiveOpening(wait),
          (message) => this.#sendOpening(message),
        ),
      )
    } catch (error) {
      this.#refuse('data', error)
      return
    }
    if (!isThenable(result)) {
      this.#dataReady(result)
      return
    }
    this.#makeClock().startOpening()
    result.then(
      (value) => this.#dataReady(value),
      (error: unknown) => this.#refuse('data', error),
    )
  }

  /** `onShutdown`, running handlers finish and send, then a graceful close. Resolves when closed; never rejects. */
  async shutdown(options: {
    readonly signal: AbortSignal
    readonly code?: number | undefined
    readonly reason?: string | undefined
  }): Promise<void> {
    const { signal, code, reason } = options
    if (this.#state === 'open') {
      await this.#turn() // the application called close() just now
      await this.#sayGoodbye(signal)
      await this.#finishHandlers()
    }
    await this.close({ code, reason })
  }

  // ── Opening ────────────────────────────────────────────────────────────────────────────────────────────────

  #makeFraming(): Framing | undefined {
    const { setup, framing: defaultFraming } = this.#config
    if (this.#connection.boundary === 'message' && setup.boundary !== 'stream') return undefined
    return framingFor(setup.framing ?? defaultFraming, this.peer)
  }

  #makePipeline(): Pipeline<In, Out> | undefined {
    const { stages } = this.#config.setup
    if (stages === undefined || stages.length === 0) return undefined
    return new Pipeline<In, Out>(stages, this, {
      inbound: (message) => this.#loop.hand(message),
      outbound: (message) => void this.#outbound.put(message),
    })
  }

  #attach(): void {
    if (this.#attached) return
    this.#attached = true
    this.#connection.attach(this)
  }

  #receiveOpening(wait: Wait | undefined): Promise<In> {
    if (this.#announced || this.#hooksBegun) return Promise.reject(sessionClosed('the opening is over'))
    this.#attach()
    return this.#loop.receive(wait)
  }

  #sendOpening(message: Out): boolean {
    this.#attach()
    return this.send(message)
  }

  #dataReady(data: Data): void {
    if (this.#state !== 'opening') return
    this.#data = data
    this.#attach()
    this.#begin()
  }

  /** `data` is there: the listener takes over. */
  #begin(): void {
    const { listener } = this.#config.setup
    this.#loop.hold()
    this.#loop.setPull(listener === undefined)
    let result: unknown
    try {
      this.#listener = typeof listener === 'function' ? listener(this) : listener
    } catch (error) {
      this.#refuse('listener', error)
      return
    }
    this.#hooksBegun = true
    try {
      result = this.#listener?.onOpen?.(this)
    } catch (error) {
      this.#fail(listenerFailed('onOpen', error, false))
      return
    }
    if (!isThenable(result)) {
      this.#opened()
      return
    }
    if (this.#clock === undefined) this.#makeClock().startOpening()
    result.then(
      () => this.#opened(),
      (error: unknown) => this.#fail(listenerFailed('onOpen', error, false)),
    )
  }

  #opened(): void {
    if (this.#state !== 'opening' || this.#failing) return
    this.#step('opened')
    this.#openedAt = this.#config.env.now()
    this.#startClock()
    this.#announced = true
    this.#host.sessionOpened(this)
    if (this.#endedEarly) {
      this.#closeRemotely()
      return
    }
    this.#loop.release()
    if (this.#config.setup.handle !== undefined) this.#runHandle(this.#config.setup.handle)
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

  #makeClock(): SessionClock {
    const { setup, runtime } = this.#config
    this.#clock ??= new SessionClock(
      runtime,
      {
        limits: this.#limits,
        heartbeatIntervalMs: setup.heartbeat?.intervalMs ?? 0,
        heartbeatTimeoutMs: setup.heartbeat?.timeoutMs ?? 0,
        hasCron: this.#listener?.onCron !== undefined || this.#connection.ping !== undefined,
      },
      this.#loop as HandlerLoop<unknown>,
      this.#outbound,
      this,
    )
    return this.#clock
  }

  #startClock(): void {
    const { heartbeat } = this.#config.setup
    const needed =
      this.#clock !== undefined ||
      heartbeat !== undefined ||
      this.#limits.idleTimeoutMs > 0 ||
      (this.#limits.cronIntervalMs > 0 && (this.#listener?.onCron !== undefined || this.#connection.ping !== undefined))
    if (needed) this.#makeClock().startOpen()
  }

  // ── The connection ─────────────────────────────────────────────────────────────────────────────────────────

  onChunk(chunk: Uint8Array, text = false): void {
    const { runtime } = this.#config
    runtime.beginPass()
    try {
      this.#loop.onChunk(chunk, text)
    } finally {
      runtime.endPass()
    }
  }

  onActivity(): void {
    this.touch()
  }

  onEnd(reason?: CloseReason): void {
    this.#endReason = reason
    if (this.#state === 'closing' || this.#state === 'closed') return
    this.#loop.onEnd()
    if (this.#state === 'open' && this.#config.setup.listener === undefined && !this.#handleRunning) this.#linger()
  }

  onClose(error?: Error): void {
    if (this.#state === 'closed') return
    if (error !== undefined && this.#cause === undefined) {
      const reason = asSessionError(error)
      this.#cause = { by: 'error', error: reason }
      if (this.#hooksBegun) this.#report(reason)
    }
    this.#gone()
  }

  // ── Receiving ──────────────────────────────────────────────────────────────────────────────────────────────

  loopDecoded(message: In): void {
    if (this.#match !== undefined && this.#isHeartbeat(message)) return
    if (this.#pipeline === undefined) {
      this.#loop.hand(message)
      return
    }
    try {
      this.#pipeline.inbound(message)
    } catch (error) {
      this.#fail(isHawserError(error) ? error : listenerFailed('stage', error, true))
    }
  }

  loopHandle(message: In): unknown {
    try {
      return this.#listener?.onMessage?.(this, message)
    } catch (error) {
      this.#fail(listenerFailed('onMessage', error, true))
      return undefined
    }
  }

  loopRejected(error: unknown): void {
    this.#fail(listenerFailed('onMessage', error, true))
  }

  loopFailed(error: HawserError): void {
    this.#fail(error)
  }

  loopReported(error: HawserError): void {
    if (this.#hooksBegun) this.#later(() => void this.#report(asSessionError(error)))
  }

  loopAwaitsFrame(): void {
    if (this.#limits.frameTimeoutMs > 0) this.#makeClock().look()
  }

  loopEnded(leftBytes: number): void {
    if (leftBytes > 0) {
      this.#fail(
        new HawserError('ERR_TRUNCATED', `the peer ended in the middle of a frame, ${leftBytes} B of which had come`),
      )
    } else if (this.#state === 'opening') {
      this.#endedEarly = true
      this.#loop.finish(sessionClosed('the peer has ended'))
    } else {
      this.#closeRemotely()
    }
  }

  #isHeartbeat(message: In): boolean {
    const { heartbeat } = this.#config.setup
    try {
      if (heartbeat?.match?.(message) !== true) return false
      if (heartbeat.answer !== undefined) this.send(heartbeat.answer(message))
    } catch (error) {
      this.#fail(listenerFailed('heartbeat', error, true))
    }
    return true
  }

  #runHandle(handle: (session: Session<In, Out, Data>) => Promise<unknown>): void {
    this.#handleRunning = true
    const finished = (thrown?: { readonly error: unknown }): void => {
      this.#handleRunning = false
      if (thrown === undefined || (this.#state !== 'open' && isHawserError(thrown.error, 'ERR_SESSION_CLOSED'))) {
        void this.close()
      } else {
        this.#fail(listenerFailed('handle', thrown.error, false))
      }
    }
    let result: unknown
    try {
      result = handle(this)
    } catch (error) {
      finished({ error })
      return
    }
    Promise.resolve(result).then(
      () => finished(),
      (error: unknown) => finished({ error }),
    )
  }

  /** The peer has ended and nobody may be pulling: what is left stays for `receive`, the session does not. */
  #linger(): void {
    this.#config.env.setTimer(this.#limits.closeTimeoutMs, () => {
      if (this.#state === 'open') this.#closeRemotely()
    })
  }

  // ── Sending ────────────────────────────────────────────────────────────────────────────────────────────────

  outboundDrained(): void {
    if (this.#state === 'open' && this.#listener?.onDrain !== undefined) this.#call('onDrain', this.#listener.onDrain)
  }

  outboundFailed(error: unknown): void {
    this.#fail(isHawserError(error) ? error : listenerFailed('wrap', error, false))
  }

  outboundBehind(): void {
    if (this.#limits.stallTimeoutMs > 0 && this.#state !== 'closing') this.#makeClock().look()
  }

  // ── The clock ──────────────────────────────────────────────────────────────────────────────────────────────

  clockCron(): void {
    this.#connection.ping?.()
    const onCron = this.#listener?.onCron
    if (onCron === undefined || this.#cronRunning || this.#failing) return
    this.#cronRunning = true
    this.#call('onCron', onCron, () => {
      this.#cronRunning = false
    })
  }

  clockHeartbeat(): void {
    const { heartbeat } = this.#config.setup
    if (heartbeat === undefined) return
    try {
      this.send(heartbeat.message)
    } catch (error) {
      this.#fail(listenerFailed('heartbeat', error, true))
    }
  }

  clockExpired(verdict: Verdict): void {
    if (this.#state !== 'open' && !(verdict === 'ERR_TIMEOUT' && this.#state === 'opening')) return
    const error = expired(verdict, this.#limits, this.#config.setup.heartbeat?.timeoutMs ?? 0)
    if (verdict === 'ERR_FRAME_TIMEOUT' && this.#loop.receivedMessages === 0) {
      error.message += protocolHint(this.#loop.waiting)
    }
    if (this.#hooksBegun) this.#fail(error)
    else this.#refuse('data', error)
  }

  clockCloseOver(): void {
    this.#connection.destroy()
  }

  // ── Hooks and errors ───────────────────────────────────────────────────────────────────────────────────────

  /** The one place where a fault becomes `onError` and, unless it is kept, the end. */
  #fail(error: HawserError): void {
    if (this.#failing || this.#state === 'closing' || this.#state === 'closed') {
      this.#log(error)
      return
    }
    if (!this.#hooksBegun) {
      this.#refuse('data', error)
      return
    }
    this.#failing = true
    this.#loop.hold()
    const reason = asSessionError(error)
    if (!error.keepable) {
      this.#cause ??= { by: 'error', error: reason }
      this.#makeClock().startClosing() // an onError that never settles must not keep the session
    }
    this.#later(() => {
      if (this.#state !== 'closed') this.#decide(reason)
    })
  }

  #decide(error: SessionError): void {
    const answer = this.#report(error)
    const settle = (kept: unknown): void => {
      this.#failing = false
      if (this.#state === 'closed' || this.#state === 'closing') return
      if (kept === 'keep' && error.keepable && this.#state === 'open') {
        this.#loop.release()
        return
      }
      this.#cause ??= { by: 'error', error }
      this.#announceRefusal(error)
      if (ABRUPT.has(error.code)) this.#abandon(error)
      else this.#end(closeReasonOf(error))
    }
    if (!isThenable(answer)) {
      settle(answer)
      return
    }
    answer.then(settle, (thrown: unknown) => {
      this.#log(listenerFailed('onError', thrown, false))
      settle(undefined)
    })
  }

  /** Calls `onError`; gives what it gave. Never throws. */
  #report(error: SessionError): unknown {
    const onError = this.#listener?.onError
    if (onError === undefined) {
      this.#log(error)
      return undefined
    }
    try {
      return onError.call(this.#listener, this, error)
    } catch (thrown) {
      this.#log(listenerFailed('onError', thrown, false))
      return undefined
    }
  }

  /** Calls a hook that gives nothing; what it throws is ERR_LISTENER. @param settled when it is over, either way */
  #call(hook: 'onDrain' | 'onCron', run: (session: Session<In, Out, Data>) => unknown, settled?: () => void): void {
    let result: unknown
    try {
      result = run.call(this.#listener, this)
    } catch (error) {
      settled?.()
      this.#fail(listenerFailed(hook, error, true))
      return
    }
    if (!isThenable(result)) {
      settled?.()
      return
    }
    result.then(settled, (error: unknown) => {
      settled?.()
      this.#fail(listenerFailed(hook, error, true))
    })
  }

  #later(run: () => void): void {
    this.#config.env.defer(run)
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#later(resolve)
    })
  }

  /** Faults that no hook hears of. */
  #log(error: HawserError): void {
    const { runtime, logger, setup } = this.#config
    if (!runtime.mayLog(error.code)) return
    const fields = { session: this.id, server: setup.name, code: error.code, cause: describe(error.cause) }
    logger.warn(`session ${this.id}: ${error.message}`, fields)
  }

  // ── Closing ────────────────────────────────────────────────────────────────────────────────────────────────

  async #sayGoodbye(signal: AbortSignal): Promise<void> {
    const onShutdown = this.#listener?.onShutdown
    if (onShutdown === undefined || this.#state !== 'open') return
    try {
      const result = onShutdown.call(this.#listener, this, { signal })
      if (isThenable(result)) await Promise.race([result, this.closed])
    } catch (error) {
      this.#log(listenerFailed('onShutdown', error, false))
    }
  }

  /** No further message; those that are being handled are handled to their end. */
  async #finishHandlers(): Promise<void> {
    if (this.#state !== 'open') return
    if (this.#handleRunning) {
      this.#cause ??= { by: 'local' }
      this.#loop.finish(sessionClosed('the session is shutting down'))
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
    if (this.#state !== 'open' && this.#state !== 'opening') return
    const { code, text } = this.#endReason ?? {}
    this.#cause ??= { by: 'remote', code, reason: text }
    this.#end({})
  }

  /** What was sent is flushed, our side ends; what still comes is read and forgotten. */
  #end(reason: CloseReason): void {
    this.#step('close')
    if (this.#state !== 'closing') return
    this.#stopReceiving()
    this.#outbound.refuseMore(this.#closedError())
    this.#makeClock().startClosing()
    this.#outbound.flush()
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

  #stopReceiving(): void {
    // Who pulls is still given what came before the peer's end; in every other case nothing follows.
    if (this.#cause?.by !== 'remote') this.#loop.discard()
    this.#loop.finish(this.#closedError())
  }

  /** The connection is closed, and so are we. */
  #gone(): void {
    this.#cause ??= { by: 'remote', code: this.#endReason?.code, reason: this.#endReason?.text }
    const cause = this.#cause
    const error = this.#closedError()
    this.#step('gone')
    this.#clock?.stop()
    this.#announceRefusal(cause.by === 'error' ? cause.error : asSessionError(error))
    this.#abort?.abort(error)
    this.#outbound.close(error)
    this.#stopReceiving()
    this.#pipeline?.dispose((thrown) => this.#log(listenerFailed('stage', thrown, false)))
    for (const run of this.#goneHooks ?? []) run()
    this.#goneHooks = undefined
    if (this.#hooksBegun) this.#sayClosed(cause)
    this.#closedWait?.resolve(cause)
    this.#host.sessionGone(this, cause)
  }

  #sayClosed(cause: CloseCause): void {
    try {
      const result = this.#listener?.onClose?.(this, cause)
      if (isThenable(result))
        result.then(undefined, (error: unknown) => this.#log(listenerFailed('onClose', error, false)))
    } catch (error) {
      this.#log(listenerFailed('onClose', error, false))
    }
  }

  #closedError(): HawserError<'ERR_SESSION_CLOSED'> {
    const cause = this.#cause
    if (cause === undefined) return sessionClosed('the session is closed')
    if (cause.by === 'error') return sessionClosed(`the session closed: ${cause.error.message}`, cause.error)
    return sessionClosed(`the session was closed by the ${cause.by === 'local' ? 'application' : 'peer'}`)
  }

  #step(event: SessionEvent): void {
    this.#state = nextState(this.#state, event)
  }
}

function closedWait(): ClosedWait {
  const wait: { resolve?: ClosedWait['resolve'] } = {}
  const promise = new Promise<CloseCause>((resolve) => {
    wait.resolve = resolve
  })
  return { promise, resolve: (cause) => wait.resolve?.(cause) }
}

function asSessionError(error: Error): SessionError {
  return isHawserError(error) ? error : sessionClosed(describe(error), error)
}

function expired(verdict: Verdict, limits: ResolvedLimits, heartbeatTimeoutMs: number): HawserError {
  switch (verdict) {
    case 'ERR_TIMEOUT':
      return new HawserError(verdict, `the session was not open within ${limits.openTimeoutMs} ms`)
    case 'ERR_FRAME_TIMEOUT':
      return new HawserError(verdict, `a frame was not finished within ${limits.frameTimeoutMs} ms`)
    case 'ERR_IDLE_TIMEOUT':
      return new HawserError(verdict, 'nothing came in for idleTimeoutMs')
    case 'ERR_HEARTBEAT_TIMEOUT':
      return new HawserError(verdict, `nothing came in for ${heartbeatTimeoutMs} ms, in spite of heartbeats`)
    case 'ERR_STALLED':
      return new HawserError(verdict, `the peer took nothing for ${limits.stallTimeoutMs} ms`)
  }
}
