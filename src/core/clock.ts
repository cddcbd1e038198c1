import { HawserError } from './errors.ts'

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

/** What looks after the time of one session: `SessionClock`, which knows all that can be due, and `LifeClock`. */
export interface Clock {
  idleTimeoutMs: number
  /** `openTimeoutMs` begins, unless it has begun. @param since Env time when it began; absent: now */
  startOpening(since?: number): void
  /** Open: cron, heartbeat and idleness count from now. @param hasCron there is something to do each `cronIntervalMs` */
  startOpen(hasCron: boolean): void
  /** The peer has ended and nobody may be pulling what it left: `closeTimeoutMs` for that. */
  startLinger(): void
  /** Nothing but `closeTimeoutMs` counts any more. */
  startClosing(): void
  /** Something that is due may have come up. */
  look(): void
  stop(): void
}

/** It took longer to open than `openTimeoutMs`. */
export function unopenedFor(openTimeoutMs: number): HawserError<'ERR_TIMEOUT'> {
  return new HawserError('ERR_TIMEOUT', `the session was not open within ${openTimeoutMs} ms`)
}

/** Nothing came in for `idleTimeoutMs`. */
export function silentFor(idleTimeoutMs: number): HawserError<'ERR_IDLE_TIMEOUT'> {
  return new HawserError('ERR_IDLE_TIMEOUT', `nothing came in for ${idleTimeoutMs} ms`)
}
