import type { Address } from './address.ts'
import { backoffMs, patientMs } from './backoff.ts'
import type { ResolvedReconnect } from './client-options.ts'
import type { Connection } from './connection.ts'
import type { Dialed } from './connection-peer.ts'
import type { Env, TimerHandle } from './env.ts'
import { type ErrorCode, type SessionError, sessionClosed } from './errors.ts'
import type { LiveSession } from './live-session.ts'
import type { CloseCause } from './session.ts'
import type { SessionHost } from './session-host.ts'

/** What will not change soon: a certificate, a login, a missing permission. */
const REFUSALS: ReadonlySet<ErrorCode> = /* @__PURE__ */ new Set<ErrorCode>([
  'ERR_REFUSED',
  'ERR_TLS',
  'ERR_PERMISSION',
  'ERR_PROXY',
  'ERR_BAD_ADDRESS',
])
type SlotSession = Pick<LiveSession<unknown, never, unknown>, 'start' | 'phase' | 'wantsReconnect'>

/** What a slot needs of its Client, and tells it. */
export interface SlotHost<S extends SlotSession> {
  /** Rejects at once when `attempt` is aborted, which it is over time, too. */
  slotDials(address: Address, attempt: AbortController): Promise<Connection>
  /** A session of this slot, not started yet. @throws what the setup's own functions throw; the connection is destroyed then */
  slotOpens(connection: Connection, host: SessionHost<S>, dialed: Dialed): S
  /** Whether, the attempts of this slot being used up, those of all others are, too. */
  slotsExhausted(): boolean
  slotDialing(slot: ClientSlot<S>, address: Address): void
  slotOpened(slot: ClientSlot<S>, address: Address, session: S): void
  /** `retryInMs`: Infinity where no attempt follows; then comes `slotEnded`. */
  slotFailed(slot: ClientSlot<S>, address: Address, error: SessionError, retryInMs: number): void
  /** The session is gone. `cause`: why, where it had been open. */
  slotGone(slot: ClientSlot<S>, address: Address, session: S, cause: CloseCause | undefined): void
  /** It dials no more, and has no session. `error`: why, unless the application wanted it so. */
  slotEnded(error: SessionError | undefined): void
}

/**
 * One session of a Client, kept: dialed, opened, replaced when lost. One attempt at a time, and a new one only when the
 * session before is gone, so that there is never more than one.
 *
 *             start             dialed               opened
 *     idle ──────────▶ dialing ───────────▶ opening ──────────▶ open
 *                       ▲   │ failed           │ refused, gone   │ gone
 *                 timer │   ▼                  │                 │
 *                      waiting ◀───────────────┴─────────────────┘
 *
 *     any ── stop, no attempt left ──▶ stopped
 */
export class ClientSlot<S extends SlotSession> {
  readonly index: number
  readonly #env: Env
  /** Taken in turn, so that a dead one does not hold the slot. */
  readonly #addresses: readonly Address[]
  readonly #reconnect: false | ResolvedReconnect
  readonly #host: SlotHost<S>
  #state: 'idle' | 'dialing' | 'opening' | 'open' | 'waiting' | 'stopped' = 'idle'
  #attempts = 0
  /** Attempts in a row that led to no stable session. */
  #failures = 0
  #generation = 0
  #session: S | undefined
  #attempt: AbortController | undefined
  #timer: TimerHandle | undefined

  constructor(
    index: number,
    env: Env,
    addresses: readonly Address[],
    reconnect: false | ResolvedReconnect,
    host: SlotHost<S>,
  ) {
    this.index = index
    this.#env = env
    this.#addresses = addresses
    this.#reconnect = reconnect
    this.#host = host
  }

  /** Opening, open or closing. */
  get session(): S | undefined {
    return this.#session
  }

  /** Not from the moment on that it closes. */
  get isOpen(): boolean {
    return this.#session?.phase === 'open'
  }

  get isStopped(): boolean {
    return this.#state === 'stopped'
  }

  /** How many sessions were open in this slot, before the present one. */
  get generation(): number {
    return this.#generation
  }

  /** Its attempts are used up, and no session could still turn out well. */
  get isExhausted(): boolean {
    const reconnect = this.#reconnect
    if (this.#session !== undefined) return false
    return reconnect !== false && reconnect.maxAttempts > 0 && this.#failures >= reconnect.maxAttempts
  }

  start(): void {
    const addresses = this.#addresses
    const address = addresses[(this.index + this.#attempts++) % addresses.length] as Address // there is at least one
    const attempt = new AbortController()
    this.#timer = undefined
    this.#attempt = attempt
    this.#state = 'dialing'
    this.#host.slotDialing(this, address)
    const onConnection = (connection: Connection): void => {
      this.#attempt = undefined // its signal is for dialing: whoever still listens to it is not told of a close
      if (this.#state === 'stopped') connection.destroy()
      else this.#onConnection(connection, address)
    }
    const onFailed = (error: unknown): void => {
      if (this.#state !== 'stopped') this.#onFailed(address, error as SessionError)
    }
    this.#host.slotDials(address, attempt).then(onConnection, onFailed)
  }

  /** Dials no more. A session goes on, and its end is still told. */
  stop(): void {
    this.#state = 'stopped'
    this.#timer?.cancel()
    this.#attempt?.abort()
  }

  #onConnection(connection: Connection, address: Address): void {
    let openedAt: number | undefined
    let refusal: SessionError | undefined
    const env = this.#env
    const host: SessionHost<S> = {
      sessionOpened: (session) => {
        openedAt = env.now()
        if (this.#state === 'opening') this.#state = 'open'
        this.#host.slotOpened(this, address, session)
      },
      sessionRefused: (_session, error) => {
        refusal = error
      },
      sessionGone: (session, cause) => {
        this.#session = undefined
        this.#host.slotGone(this, address, session, openedAt === undefined ? undefined : cause)
        if (openedAt !== undefined) this.#onLost(session, cause, env.now() - openedAt)
        else if (this.#state !== 'stopped') this.#onFailed(address, refusal ?? errorOf(cause))
      },
    }
    this.#state = 'opening'
    try {
      this.#session = this.#host.slotOpens(connection, host, { slot: this.index, generation: this.#generation })
    } catch (error) {
      this.#onFailed(address, error as SessionError)
      return
    }
    this.#session.start()
  }

  /** An open session is gone: replaced, unless somebody said otherwise. */
  #onLost(session: S, cause: CloseCause, livedMs: number): void {
    this.#generation++
    if (this.#state === 'stopped') return
    const reconnect = this.#reconnect
    if (reconnect === false || !session.wantsReconnect) return this.#end(undefined)
    const wasStable = livedMs >= reconnect.stableAfterMs
    this.#failures = wasStable ? 0 : this.#failures + 1
    if (this.#isLastChance()) this.#end(errorOf(cause))
    // A peer may let the session open before it says no: with TLS 1.3 it sees our certificate last.
    else this.#retryIn(wasStable ? this.#backoffMs(reconnect) : this.#delayAfter(errorOf(cause), reconnect))
  }

  #onFailed(address: Address, error: SessionError): void {
    this.#failures++
    const reconnect = this.#reconnect
    const isOurMistake = error.code === 'ERR_BAD_OPTION' // of an option that only the transport knows
    if (reconnect === false || isOurMistake || this.#isLastChance()) {
      this.#host.slotFailed(this, address, error, Infinity)
      this.#end(error)
      return
    }
    const delayMs = this.#delayAfter(error, reconnect)
    this.#retryIn(delayMs)
    this.#host.slotFailed(this, address, error, delayMs)
  }

  #delayAfter(error: SessionError, reconnect: ResolvedReconnect): number {
    if (!REFUSALS.has(error.code) || error.retryable) return this.#backoffMs(reconnect)
    return patientMs(reconnect, this.#env.random())
  }

  #backoffMs(reconnect: ResolvedReconnect): number {
    return backoffMs(this.#failures, reconnect, this.#env.random())
  }

  #isLastChance(): boolean {
    return this.isExhausted && this.#host.slotsExhausted()
  }

  #retryIn(delayMs: number): void {
    this.#state = 'waiting'
    this.#timer = this.#env.setTimer(delayMs, () => this.start(), true) // a Client that reconnects is awaited
  }

  #end(error: SessionError | undefined): void {
    this.stop()
    this.#host.slotEnded(error)
  }
}

function errorOf(cause: CloseCause): SessionError {
  if (cause.by === 'error') return cause.error
  const complaint = cause.by === 'remote' ? 'the peer closed the session' : 'the session was closed'
  return sessionClosed(cause.reason === undefined || cause.reason === '' ? complaint : `${complaint}: ${cause.reason}`)
}
