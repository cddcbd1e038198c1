import { badOption } from './errors.ts'
import { type Heartbeat, requireNumbers } from './session-options.ts'

/** Whose heartbeats they are. */
export interface HeartbeatHost<Out> {
  send(message: Out): boolean
  /** A function of the application threw, or its message cannot be encoded. */
  heartbeatFailed(error: unknown): void
}

/** The heartbeats of one session, where the option asks for any. */
export function heartbeatsOf<In, Out>(
  heartbeat: Heartbeat<In, Out> | undefined,
  host: HeartbeatHost<Out>,
): Heartbeats<In, Out> | undefined {
  return heartbeat && new Heartbeats(heartbeat, host)
}

/** Says that we live, hears that the peer does. When is the clock's affair. */
export class Heartbeats<In, Out> {
  readonly #heartbeat: Heartbeat<In, Out>
  readonly #host: HeartbeatHost<Out>

  constructor(heartbeat: Heartbeat<In, Out>, host: HeartbeatHost<Out>) {
    this.#heartbeat = heartbeat
    this.#host = host
  }

  /** Each message is looked at, whether it is one. */
  get areSeen(): boolean {
    return this.#heartbeat.match !== undefined
  }

  beat(): void {
    try {
      this.#host.send(this.#heartbeat.message)
    } catch (error) {
      this.#host.heartbeatFailed(error)
    }
  }

  /** Whether it is one: the listener need not hear of it. */
  take(message: In): boolean {
    const { match, answer } = this.#heartbeat
    try {
      if (match?.(message) !== true) return false
      if (answer !== undefined) this.#host.send(answer(message))
    } catch (error) {
      this.#host.heartbeatFailed(error)
    }
    return true
  }
}

/** Its times. @throws ERR_BAD_OPTION */
export function checkHeartbeat(heartbeat: Heartbeat<never, unknown>): void {
  const { intervalMs, timeoutMs } = heartbeat
  requireNumbers('heartbeat.', { intervalMs, timeoutMs }, { intervalMs: 1 })
  if (timeoutMs <= intervalMs) throw badOption('heartbeat.timeoutMs', 'must exceed intervalMs')
}
