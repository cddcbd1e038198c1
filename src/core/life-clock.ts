import { type Clock, type SessionClockHost, silentFor, unopenedFor } from './clock.ts'
import type { Env, TimerHandle } from './env.ts'
import type { ReceivingHalf } from './receiving-half.ts'
import type { ResolvedLimits } from './session-options.ts'

/** A timer that fires later than this was held up by ourselves, not by the peer. */
const LATENESS_MS = 100

/**
 * The Clock of a session that has neither heartbeats nor a limit of stalling, and no frames that could stay unfinished: one
 * of a page. It has a timer for each thing, where SessionClock has one deadline for all of many sessions.
 */
export class LifeClock implements Clock {
  readonly #env: Env
  readonly #limits: ResolvedLimits
  readonly #inbound: ReceivingHalf<unknown>
  readonly #host: SessionClockHost
  idleTimeoutMs: number
  /** Until it must be open, or closed. */
  #due: TimerHandle | undefined
  #cron: Disposable | undefined
  #idle: TimerHandle | undefined
  #openedAt = 0
  #watching = true

  constructor(env: Env, limits: ResolvedLimits, inbound: ReceivingHalf<unknown>, host: SessionClockHost) {
    this.#env = env
    this.#limits = limits
    this.#inbound = inbound
    this.#host = host
    this.idleTimeoutMs = limits.idleTimeoutMs
  }

  startOpening(): void {
    const { openTimeoutMs } = this.#limits
    if (openTimeoutMs > 0) {
      this.#due ??= this.#env.setTimer(openTimeoutMs, () => this.#host.clockExpired(unopenedFor(openTimeoutMs)))
    }
    this.look()
  }

  startOpen(hasCron: boolean): void {
    this.#openedAt = this.#env.now()
    this.#due?.cancel()
    if (hasCron) this.#cron = this.#env.every(this.#limits.cronIntervalMs, () => this.#host.clockCron())
    this.look()
  }

  startLinger(): void {
    this.#due = this.#env.setTimer(this.#limits.closeTimeoutMs, () => this.#host.clockCloseOver())
  }

  startClosing(): void {
    this.stop()
    this.startLinger()
  }

  stop(): void {
    this.#watching = false
    this.#due?.cancel()
    this.#cron?.[Symbol.dispose]()
    this.#idle?.cancel()
  }

  /** Idleness: activity moves no timer; when that fires, it looks how much is left. */
  look(): void {
    this.#idle?.cancel()
    if (this.idleTimeoutMs === 0 || !this.#watching) return
    const now = this.#env.now()
    // While we do not read, silence says nothing.
    const since = this.#inbound.readPaused ? now : Math.max(this.#inbound.activeAt, this.#openedAt)
    const dueAt = since + this.idleTimeoutMs
    if (dueAt <= now) this.#host.clockExpired(silentFor(this.idleTimeoutMs))
    else this.#lookAfter(dueAt - now)
  }

  #lookAfter(delayMs: number): void {
    const dueAt = this.#env.now() + delayMs
    this.#idle = this.#env.setTimer(delayMs, () => {
      const lateMs = this.#env.now() - dueAt
      if (lateMs > LATENESS_MS) this.#lookAfter(Math.min(lateMs, this.idleTimeoutMs))
      else this.look()
    })
  }
}
