import type { HandlerLoop } from './handler-loop.ts'
import type { Outbound } from './outbound.ts'
import type { Runtime } from './runtime.ts'
import type { ResolvedLimits } from './session-options.ts'
import { Deadline } from './timer-queue.ts'

/** A deadline that fires later than this was held up by ourselves, not by the peer. */
const LATENESS_MS = 100

/** Verdicts about a peer, each of which ends the session. */
export type Verdict = 'ERR_TIMEOUT' | 'ERR_FRAME_TIMEOUT' | 'ERR_IDLE_TIMEOUT' | 'ERR_HEARTBEAT_TIMEOUT' | 'ERR_STALLED'

export interface SessionClockHost {
  /** `cronIntervalMs` is over. */
  clockCron(): void
  /** Nothing came in for `heartbeat.intervalMs`. */
  clockHeartbeat(): void
  clockExpired(verdict: Verdict): void
  /** `closeTimeoutMs` is over. */
  clockCloseOver(): void
}

/** What the clock looks after; 0 is off. */
export interface ClockSettings {
  readonly limits: ResolvedLimits
  readonly heartbeatIntervalMs: number
  readonly heartbeatTimeoutMs: number
  /** There is something to do each `cronIntervalMs`. */
  readonly hasCron: boolean
}

/**
 * All that is due in one session, as one deadline: the earliest. Activity does not move it; when it fires, it looks
 * what has really run out, and sets itself again. A session where nothing is due has no clock.
 *
 * Before a peer is declared dead, one more poll round is run (its bytes may lie in the kernel since we were busy), and
 * our own lateness is forgiven: a deadline that fired late is put off once by as much.
 */
export class SessionClock extends Deadline {
  readonly #runtime: Runtime
  readonly #settings: ClockSettings
  readonly #inbound: HandlerLoop<unknown>
  readonly #outbound: Outbound<never>
  readonly #host: SessionClockHost
  idleTimeoutMs: number

  #openAt = Infinity
  #closeAt = Infinity
  #cronAt = Infinity
  #watching = false
  /** No verdict before this: our own lateness, or time that a peer is still owed. */
  #notBefore = 0
  #heartbeatSentAt = 0
  /** When the first heartbeat of this silence left. */
  #askedAt = 0
  #seenTakenBytes = 0
  #seenProgressAt = 0
  #polling = false
  #stopped = false

  constructor(
    runtime: Runtime,
    settings: ClockSettings,
    inbound: HandlerLoop<unknown>,
    outbound: Outbound<never>,
    host: SessionClockHost,
  ) {
    super()
    this.#runtime = runtime
    this.#settings = settings
    this.#inbound = inbound
    this.#outbound = outbound
    this.#host = host
    this.idleTimeoutMs = settings.limits.idleTimeoutMs
  }

  /** `openTimeoutMs` begins. */
  startOpening(): void {
    const { openTimeoutMs } = this.#settings.limits
    if (openTimeoutMs > 0) this.#openAt = this.#runtime.env.now() + openTimeoutMs
    this.#watching = true
    this.look()
  }

  /** Open: cron, heartbeat and idleness count from now. */
  startOpen(): void {
    const { limits, hasCron } = this.#settings
    this.#openAt = Infinity
    this.#watching = true
    const now = this.#runtime.env.now()
    if (hasCron && limits.cronIntervalMs > 0) this.#cronAt = now + limits.cronIntervalMs
    this.look()
  }

  /** Nothing but `closeTimeoutMs` counts any more. */
  startClosing(): void {
    this.#openAt = this.#cronAt = Infinity
    this.#watching = false
    this.#closeAt = this.#runtime.env.now() + this.#settings.limits.closeTimeoutMs
    this.look()
  }

  stop(): void {
    this.#stopped = true
    this.#runtime.timers.delete(this)
  }

  /** Something that is due may have come up: sets the deadline. */
  look(): void {
    if (this.#stopped) return
    const dueAt = this.#nextDue(this.#runtime.env.now())
    if (dueAt === Infinity) this.#runtime.timers.delete(this)
    else if (this.place < 0 || dueAt < this.dueAt) this.#runtime.timers.set(this, dueAt)
  }

  run(now: number): void {
    const lateMs = now - this.dueAt
    if (now >= this.#closeAt) {
      this.#closeAt = Infinity
      this.#host.clockCloseOver()
    }
    if (now >= this.#openAt) {
      this.#openAt = lateMs > LATENESS_MS ? now + lateMs : Infinity
      if (this.#openAt === Infinity) this.#pollThen(() => this.#host.clockExpired('ERR_TIMEOUT'))
    }
    if (now >= this.#cronAt) {
      const { cronIntervalMs } = this.#settings.limits
      this.#cronAt += cronIntervalMs
      if (this.#cronAt <= now) this.#cronAt = now + cronIntervalMs // missed ones are not made up for
      this.#host.clockCron()
    }
    if (this.#watching) this.#watch(now, lateMs)
    this.look()
  }

  #watch(now: number, lateMs: number): void {
    const { heartbeatIntervalMs } = this.#settings
    if (heartbeatIntervalMs > 0 && now >= this.#heartbeatDue()) {
      if (this.#askedAt <= this.#inbound.activeAt) this.#askedAt = now
      this.#heartbeatSentAt = now
      this.#host.clockHeartbeat()
    }
    if (this.#polling || this.#verdict(now) === undefined) return
    if (lateMs > LATENESS_MS) {
      this.#notBefore = now + lateMs
      return
    }
    this.#pollThen(() => {
      const verdict = this.#watching ? this.#verdict(this.#runtime.env.now()) : undefined
      if (verdict !== undefined) this.#host.clockExpired(verdict)
    })
  }

  /** Two turns of the event loop, in which what lies in the kernel is read. */
  #pollThen(decide: () => void): void {
    this.#polling = true
    const { env } = this.#runtime
    env.yield(() =>
      env.yield(() => {
        this.#polling = false
        if (this.#stopped) return
        decide()
        this.look()
      }),
    )
  }

  #verdict(now: number): Verdict | undefined {
    if (now < this.#notBefore) return undefined
    if (now >= this.#stallDue(now)) return 'ERR_STALLED'
    if (now >= this.#frameDue()) return 'ERR_FRAME_TIMEOUT'
    if (now >= this.#heartbeatOver(now)) return 'ERR_HEARTBEAT_TIMEOUT'
    if (now >= this.#idleDue()) return 'ERR_IDLE_TIMEOUT'
    return undefined
  }

  #nextDue(now: number): number {
    let dueAt = Math.min(this.#openAt, this.#closeAt, this.#cronAt)
    if (!this.#watching) return dueAt
    dueAt = Math.min(dueAt, this.#heartbeatDue())
    if (this.#polling) return dueAt
    const verdictAt = Math.min(this.#frameDue(), this.#idleDue(), this.#heartbeatOver(now), this.#stallDue(now))
    return Math.min(dueAt, Math.max(verdictAt, this.#notBefore))
  }

  #heartbeatDue(): number {
    const { heartbeatIntervalMs } = this.#settings
    if (heartbeatIntervalMs === 0) return Infinity
    return Math.max(this.#inbound.activeAt, this.#heartbeatSentAt) + heartbeatIntervalMs
  }

  #heartbeatOver(now: number): number {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#settings
    if (heartbeatTimeoutMs === 0) return Infinity
    const { activeAt, readPaused } = this.#inbound
    // While we do not read, silence says nothing: only whether it takes what we send.
    if (readPaused) return heartbeatTimeoutMs + (this.#outbound.bufferedBytes > 0 ? this.#progressAt(now) : now)
    // From our first heartbeat of this silence on, the peer has all the rest of its time, even where that left late.
    const askedOver = this.#askedAt > activeAt ? this.#askedAt + heartbeatTimeoutMs - heartbeatIntervalMs : 0
    return Math.max(activeAt + heartbeatTimeoutMs, askedOver)
  }

  #frameDue(): number {
    const { frameTimeoutMs } = this.#settings.limits
    const { frameSince } = this.#inbound
    return frameTimeoutMs === 0 || frameSince === 0 ? Infinity : frameSince + frameTimeoutMs
  }

  #idleDue(): number {
    if (this.idleTimeoutMs === 0) return Infinity
    return (this.#inbound.readPaused ? this.#runtime.env.now() : this.#inbound.activeAt) + this.idleTimeoutMs
  }

  #stallDue(now: number): number {
    const { stallTimeoutMs } = this.#settings.limits
    if (stallTimeoutMs === 0 || this.#outbound.bufferedBytes === 0) return Infinity
    return this.#progressAt(now) + stallTimeoutMs
  }

  /** When the peer was last seen to take something. */
  #progressAt(now: number): number {
    const { takenBytes, progressAt } = this.#outbound
    if (takenBytes !== this.#seenTakenBytes) {
      this.#seenTakenBytes = takenBytes
      this.#seenProgressAt = now
    }
    return Math.max(progressAt, this.#seenProgressAt)
  }
}
