import { HawserError } from './errors.ts'
import type { HandlerLoop } from './handler-loop.ts'
import type { Outbound } from './outbound.ts'
import type { Runtime } from './runtime.ts'
import type { ResolvedLimits } from './session-options.ts'
import { Deadline } from './timer-queue.ts'

/** A deadline that fires later than this was held up by ourselves, not by the peer. */
const LATENESS_MS = 100

/** Verdicts about a peer, each of which ends the session. */
type Verdict = 'ERR_TIMEOUT' | 'ERR_FRAME_TIMEOUT' | 'ERR_IDLE_TIMEOUT' | 'ERR_HEARTBEAT_TIMEOUT' | 'ERR_STALLED'

/** What the clock tells its session. */
export interface SessionClockHost {
  /** `cronIntervalMs` is over. */
  clockCron(): void
  /** Nothing came in for `heartbeat.intervalMs`. */
  clockHeartbeat(): void
  /** The peer has used up its time: ERR_TIMEOUT while opening, ERR_FRAME_TIMEOUT and so on. */
  clockExpired(error: HawserError): void
  /** `closeTimeoutMs` is over, since `startClosing` or `startLinger`. */
  clockCloseOver(): void
}

/** What the clock looks after; 0 is off. */
export interface ClockSettings {
  readonly limits: ResolvedLimits
  readonly heartbeatIntervalMs: number
  readonly heartbeatTimeoutMs: number
}

/**
 * All that is due in one session, as one deadline: the earliest. Activity does not move it; when it fires, it looks
 * what has really run out, and sets itself again. A session where nothing is due has no clock.
 *
 * Before a peer is declared dead, one more poll round is run (its bytes may lie in the kernel since we were busy), and
 * our own lateness is forgiven: a deadline that fired late is put off once by as much, and at most by its own
 * length.
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
  /** Not closing: the peer is looked after. */
  #watching = true
  /** Env time when it opened; Infinity before. */
  #openedAt = Infinity
  /** No verdict before this: our own lateness, or time that a peer is still owed. */
  #notBefore = 0
  #heartbeatSentAt = 0
  /** When the first heartbeat of this silence left. */
  #askedAt = 0
  #seenTakenBytes = 0
  #seenProgress = 0
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
    outbound.stampsWrites = settings.heartbeatIntervalMs > 0
  }

  /** `openTimeoutMs` begins, unless it has begun. */
  startOpening(): void {
    const { openTimeoutMs } = this.#settings.limits
    if (openTimeoutMs > 0 && this.#openAt === Infinity) this.#openAt = this.#runtime.env.now() + openTimeoutMs
    this.look()
  }

  /** Open: cron, heartbeat and idleness count from now. @param hasCron there is something to do each `cronIntervalMs` */
  startOpen(hasCron: boolean): void {
    const { cronIntervalMs } = this.#settings.limits
    this.#openedAt = this.#runtime.env.now()
    this.#openAt = Infinity
    if (hasCron && cronIntervalMs > 0) this.#cronAt = this.#openedAt + cronIntervalMs
    this.look()
  }

  /** The peer has ended and nobody may be pulling what it left: `closeTimeoutMs` for that. */
  startLinger(): void {
    this.#closeAt = this.#runtime.env.now() + this.#settings.limits.closeTimeoutMs
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
    if (now >= this.#heartbeatDue()) {
      if (this.#askedAt <= this.#lastHeardAt()) this.#askedAt = now
      this.#heartbeatSentAt = now
      this.#host.clockHeartbeat()
    }
    if (this.#polling) return
    const verdict = this.#verdict(now)
    if (verdict === undefined) return
    if (lateMs > LATENESS_MS) {
      // However long a machine slept, a peer needs no more than its whole time anew.
      this.#notBefore = now + Math.min(lateMs, this.#allowedMs(verdict))
      return
    }
    // Two turns of the event loop, in which what lies in the kernel is read.
    this.#polling = true
    const { env } = this.#runtime
    env.yield(() => env.yield(() => this.#decide()))
  }

  #decide(): void {
    this.#polling = false
    if (this.#stopped) return
    const verdict = this.#watching ? this.#verdict(this.#runtime.env.now()) : undefined
    if (verdict !== undefined) this.#host.clockExpired(new HawserError(verdict, this.#explain(verdict)))
    this.look()
  }

  #verdict(now: number): Verdict | undefined {
    if (now < this.#notBefore) return undefined
    if (now >= this.#openAt) return 'ERR_TIMEOUT'
    if (now >= this.#stallDue(now)) return 'ERR_STALLED'
    if (now >= this.#frameDue()) return 'ERR_FRAME_TIMEOUT'
    if (now >= this.#heartbeatOver(now)) return 'ERR_HEARTBEAT_TIMEOUT'
    if (now >= this.#idleDue()) return 'ERR_IDLE_TIMEOUT'
    return undefined
  }

  #nextDue(now: number): number {
    let dueAt = Math.min(this.#closeAt, this.#cronAt)
    if (!this.#watching) return dueAt
    dueAt = Math.min(dueAt, this.#heartbeatDue())
    if (this.#polling) return dueAt
    const silenceAt = Math.min(this.#idleDue(), this.#heartbeatOver(now))
    const verdictAt = Math.min(this.#openAt, silenceAt, this.#frameDue(), this.#stallDue(now))
    return Math.min(dueAt, Math.max(verdictAt, this.#notBefore))
  }

  #heartbeatDue(): number {
    const { heartbeatIntervalMs } = this.#settings
    if (heartbeatIntervalMs === 0) return Infinity
    const silentSince = Math.min(this.#lastHeardAt(), this.#lastWroteAt())
    return Math.max(silentSince, this.#heartbeatSentAt) + heartbeatIntervalMs
  }

  #heartbeatOver(now: number): number {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#settings
    if (heartbeatTimeoutMs === 0 || this.#openedAt === Infinity) return Infinity
    // While we do not read, or when it has said its last, silence says nothing: only whether it takes what we send.
    if (this.#inbound.readPaused || this.#inbound.ended) {
      return heartbeatTimeoutMs + (this.#outbound.bufferedBytes > 0 ? this.#progressAt(now) : now)
    }
    const heardAt = this.#lastHeardAt()
    // From our first heartbeat of this silence on, the peer has all the rest of its time, even where that left late.
    const askedOver = this.#askedAt > heardAt ? this.#askedAt + heartbeatTimeoutMs - heartbeatIntervalMs : 0
    return Math.max(heardAt + heartbeatTimeoutMs, askedOver)
  }

  #frameDue(): number {
    const { frameTimeoutMs } = this.#settings.limits
    const { frameSince } = this.#inbound
    return frameTimeoutMs === 0 || frameSince === 0 ? Infinity : frameSince + frameTimeoutMs
  }

  #idleDue(): number {
    if (this.idleTimeoutMs === 0) return Infinity
    return (this.#inbound.readPaused ? this.#runtime.env.now() : this.#idleSince()) + this.idleTimeoutMs
  }

  /** For heartbeats, which begin when it is open: Infinity before. */
  #lastHeardAt(): number {
    return Math.max(this.#inbound.activeAt, this.#openedAt)
  }

  /** A peer that says much and hears nothing would think us dead: its heartbeats are not answered, either. */
  #lastWroteAt(): number {
    return Math.max(this.#outbound.wroteAt, this.#openedAt)
  }

  #idleSince(): number {
    return this.#openedAt === Infinity ? this.#inbound.activeAt : this.#lastHeardAt()
  }

  #stallDue(now: number): number {
    const { stallTimeoutMs } = this.#settings.limits
    if (stallTimeoutMs === 0 || this.#outbound.bufferedBytes === 0) return Infinity
    return this.#progressAt(now) + stallTimeoutMs
  }

  /** When the peer was last seen to take something. */
  #progressAt(now: number): number {
    const { takenBytes, progress, progressAt } = this.#outbound
    if (takenBytes !== this.#seenTakenBytes || progress !== this.#seenProgress) {
      this.#seenTakenBytes = takenBytes
      this.#seenProgress = progress
      this.#seenProgressAt = now
    }
    return Math.max(progressAt, this.#seenProgressAt)
  }

  #allowedMs(verdict: Verdict): number {
    const { limits, heartbeatTimeoutMs } = this.#settings
    switch (verdict) {
      case 'ERR_TIMEOUT':
        return limits.openTimeoutMs
      case 'ERR_FRAME_TIMEOUT':
        return limits.frameTimeoutMs
      case 'ERR_IDLE_TIMEOUT':
        return this.idleTimeoutMs
      case 'ERR_HEARTBEAT_TIMEOUT':
        return heartbeatTimeoutMs
      case 'ERR_STALLED':
        return limits.stallTimeoutMs
    }
  }

  #explain(verdict: Verdict): string {
    const { limits, heartbeatTimeoutMs } = this.#settings
    switch (verdict) {
      case 'ERR_TIMEOUT':
        return `the session was not open within ${limits.openTimeoutMs} ms`
      case 'ERR_FRAME_TIMEOUT':
        return `a frame was not finished within ${limits.frameTimeoutMs} ms`
      case 'ERR_IDLE_TIMEOUT':
        return `nothing came in for ${this.idleTimeoutMs} ms`
      case 'ERR_HEARTBEAT_TIMEOUT':
        return `nothing came in for ${heartbeatTimeoutMs} ms, in spite of heartbeats`
      case 'ERR_STALLED':
        return `the peer took nothing for ${limits.stallTimeoutMs} ms`
    }
  }
}
