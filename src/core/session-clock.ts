import { type Clock, type SessionClockHost, silentFor, unopenedFor } from './clock.ts'
import { HawserError } from './errors.ts'
import { protocolHint } from './protocol-hint.ts'
import type { ReceivingHalf } from './receiving-half.ts'
import type { Runtime } from './runtime.ts'
import type { SendingHalf } from './sending-half.ts'
import type { MakeClock } from './session-parts.ts'
import type { ResolvedLimits } from './session-options.ts'
import { Deadline, TimerQueue } from './timer-queue.ts'

/** A deadline that fires later than this was held up by ourselves, not by the peer. */
const LATENESS_MS = 100

/** Verdicts about a peer, each of which ends the session. */
type Verdict = 'ERR_TIMEOUT' | 'ERR_FRAME_TIMEOUT' | 'ERR_IDLE_TIMEOUT' | 'ERR_HEARTBEAT_TIMEOUT' | 'ERR_STALLED'

/** What the clock looks after; 0 is off. */
export interface ClockSettings {
  readonly limits: ResolvedLimits
  readonly heartbeatIntervalMs: number
  readonly heartbeatTimeoutMs: number
}

/** The part `clock` of sessions in which anything can be due. */
export const sessionClock: MakeClock = ({ setup, runtime }, limits, inbound, outbound, host) => {
  const { intervalMs = 0, timeoutMs = 0 } = setup.heartbeat ?? {}
  const settings = { limits, heartbeatIntervalMs: intervalMs, heartbeatTimeoutMs: timeoutMs }
  return new SessionClock(runtime, settings, inbound, outbound, host)
}

/**
 * All that is due in one session, as one deadline: the earliest. Activity does not move it; when it fires, it looks
 * what has really run out, and sets itself again. A session where nothing is due has no clock.
 *
 * Before a peer is declared dead, one more poll round is run (its bytes may lie in the kernel since we were busy), and
 * our own lateness is forgiven: a deadline that fired late is put off once by as much, and at most by its own
 * length.
 */
export class SessionClock extends Deadline implements Clock {
  readonly #runtime: Runtime
  readonly #timers: TimerQueue
  readonly #settings: ClockSettings
  readonly #inbound: ReceivingHalf<unknown>
  readonly #outbound: SendingHalf<never>
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
    inbound: ReceivingHalf<unknown>,
    outbound: SendingHalf<never>,
    host: SessionClockHost,
  ) {
    super()
    runtime.timers ??= new TimerQueue(runtime.env)
    this.#runtime = runtime
    this.#timers = runtime.timers
    this.#settings = settings
    this.#inbound = inbound
    this.#outbound = outbound
    this.#host = host
    this.idleTimeoutMs = settings.limits.idleTimeoutMs
    outbound.stampsWrites = settings.heartbeatIntervalMs > 0
  }

  startOpening(since: number = this.#runtime.env.now()): void {
    const { openTimeoutMs } = this.#settings.limits
    if (openTimeoutMs > 0 && this.#openAt === Infinity) this.#openAt = since + openTimeoutMs
    this.look()
  }

  startOpen(hasCron: boolean): void {
    const { cronIntervalMs } = this.#settings.limits
    this.#openedAt = this.#runtime.env.now()
    this.#openAt = Infinity
    if (hasCron && cronIntervalMs > 0) this.#cronAt = this.#openedAt + cronIntervalMs
    this.look()
  }

  startLinger(): void {
    this.#closeAt = this.#runtime.env.now() + this.#settings.limits.closeTimeoutMs
    this.look()
  }

  startClosing(): void {
    this.#openAt = this.#cronAt = Infinity
    this.#watching = false
    this.#closeAt = this.#runtime.env.now() + this.#settings.limits.closeTimeoutMs
    this.look()
  }

  stop(): void {
    this.#stopped = true
    this.#timers.delete(this)
  }

  /** Sets the deadline. */
  look(): void {
    if (this.#stopped) return
    const dueAt = this.#nextDue(this.#runtime.env.now())
    if (dueAt === Infinity) this.#timers.delete(this)
    else if (this.place < 0 || dueAt < this.dueAt) this.#timers.set(this, dueAt)
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
    if (verdict !== undefined) this.#host.clockExpired(this.#errorOf(verdict))
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
    const { takenBytes, progress = 0, progressAt } = this.#outbound
    if (takenBytes !== this.#seenTakenBytes || progress !== this.#seenProgress) {
      this.#seenTakenBytes = takenBytes
      this.#seenProgress = progress
      this.#seenProgressAt = now
    }
    return Math.max(progressAt, this.#seenProgressAt)
  }

  /** Of a peer that never said a whole thing: what its first bytes look like. */
  #hint(): string {
    const { waiting, receivedMessages } = this.#inbound
    return waiting === undefined || receivedMessages > 0 ? '' : protocolHint(waiting)
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

  #errorOf(verdict: Verdict): HawserError {
    const { limits, heartbeatTimeoutMs } = this.#settings
    switch (verdict) {
      case 'ERR_TIMEOUT':
        return unopenedFor(limits.openTimeoutMs)
      case 'ERR_FRAME_TIMEOUT':
        return new HawserError(verdict, `a frame was not finished within ${limits.frameTimeoutMs} ms${this.#hint()}`)
      case 'ERR_IDLE_TIMEOUT':
        return silentFor(this.idleTimeoutMs)
      case 'ERR_HEARTBEAT_TIMEOUT':
        return new HawserError(verdict, `nothing came in for ${heartbeatTimeoutMs} ms, in spite of heartbeats`)
      case 'ERR_STALLED':
        return new HawserError(verdict, `the peer took nothing for ${limits.stallTimeoutMs} ms`)
    }
  }
}
