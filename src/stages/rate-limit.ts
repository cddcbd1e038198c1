import type { TimerHandle } from '../core/env.ts'
import { badOption, HawserError } from '../core/errors.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireOneOf } from '../core/session-options.ts'
import type { AnySession } from '../core/session.ts'
import type { AnyStageFactory, Stage, StageHost } from '../core/stage.ts'
import { TokenBucket } from '../core/token-bucket.ts'

/** What one session may send us. At least one of the rates. */
export interface RateLimitOptions {
  /** On average. @defaultValue Infinity */
  readonly messagesPerSecond?: number | undefined
  /** On average, as the wire has them, framing included. @defaultValue Infinity */
  readonly bytesPerSecond?: number | undefined
  /** Messages that may come at once, after silence. @defaultValue messagesPerSecond, and at least 1 */
  readonly burst?: number | undefined
  /** Bytes that may come at once, after silence. @defaultValue bytesPerSecond */
  readonly burstBytes?: number | undefined
  /** 'delay' reads no further until the peer has earned it; 'close' closes with ERR_RATE_LIMIT. @defaultValue 'delay' */
  readonly over?: 'delay' | 'close' | undefined
}

/** As RateLimitOptions, checked; a rate of Infinity is none. */
interface Limit {
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  readonly burst: number
  readonly burstBytes: number
  readonly over: 'delay' | 'close'
}

const NAMES = ['messagesPerSecond', 'bytesPerSecond', 'burst', 'burstBytes', 'over']

/**
 * Bounds what a peer sends, by a token bucket of its own. With 'delay' no message is lost or late for long in our
 * memory: reading stops, and the peer feels it. Heartbeats that `heartbeat.match` recognises do not count as messages.
 * @throws ERR_BAD_OPTION
 */
export function rateLimit(options: RateLimitOptions): AnyStageFactory {
  const limit = resolve(options)
  return (session, host) => new RateLimit(session, host, limit)
}

function resolve(options: RateLimitOptions): Limit {
  requireKnown('rateLimit.', options, NAMES)
  const { messagesPerSecond = Infinity, bytesPerSecond = Infinity, over = 'delay' } = options
  if (messagesPerSecond === Infinity && bytesPerSecond === Infinity) {
    throw badOption('rateLimit', 'needs messagesPerSecond or bytesPerSecond')
  }
  requireRate('messagesPerSecond', messagesPerSecond)
  requireRate('bytesPerSecond', bytesPerSecond)
  const { burst = Math.max(1, messagesPerSecond), burstBytes = bytesPerSecond } = options
  requireRate('burst', burst)
  requireRate('burstBytes', burstBytes)
  if (burst < 1) throw badOption('rateLimit.burst', 'must be at least 1')
  requireOneOf('rateLimit.over', over, ['delay', 'close'])
  return { messagesPerSecond, bytesPerSecond, burst, burstBytes, over }
}

/** Less than one a second is a rate, too. */
function requireRate(name: string, value: unknown): void {
  if (value === Infinity) return
  if (typeof value !== 'number' || !(value > 0)) throw badOption(`rateLimit.${name}`, 'must be a number above 0')
}

class RateLimit<M> implements Stage<M, never> {
  readonly #session: AnySession
  readonly #host: StageHost
  readonly #over: 'delay' | 'close'
  readonly #messages: TokenBucket | undefined
  readonly #bytes: TokenBucket | undefined
  #countedBytes = 0
  #timer: TimerHandle | undefined

  constructor(session: AnySession, host: StageHost, limit: Limit) {
    this.#session = session
    this.#host = host
    this.#over = limit.over
    const now = host.env.now()
    const { messagesPerSecond, bytesPerSecond, burst, burstBytes } = limit
    if (messagesPerSecond < Infinity) this.#messages = new TokenBucket(messagesPerSecond, burst, now)
    if (bytesPerSecond < Infinity) this.#bytes = new TokenBucket(bytesPerSecond, burstBytes, now)
  }

  inbound(message: M, next: (message: M) => void): void {
    const now = this.#host.env.now()
    this.#messages?.take(1, now)
    if (this.#bytes !== undefined) this.#bytes.take(this.#newBytes(), now)
    if (this.#over === 'close') {
      this.#requireWithin(now)
      next(message)
      return
    }
    next(message) // the one that uses up the rate still passes: it is here, and to keep it would cost memory
    const waitMs = this.#waitMs(now)
    if (waitMs > 0) this.#pause(waitMs)
  }

  dispose(): void {
    this.#timer?.cancel()
  }

  #requireWithin(now: number): void {
    if ((this.#messages?.available(now) ?? 0) >= 0 && (this.#bytes?.available(now) ?? 0) >= 0) return
    throw new HawserError('ERR_RATE_LIMIT', 'the peer sends more than its rate limit allows')
  }

  /** Until another message may come: one is there, and no byte is owed. */
  #waitMs(now: number): number {
    return Math.max(this.#messages?.waitMs(1, now) ?? 0, this.#bytes?.waitMs(0, now) ?? 0)
  }

  /** Those of the messages since the last look: what came in, less what is not decoded. */
  #newBytes(): number {
    const { receivedBytes, undecodedBytes } = this.#session.stats
    const bytes = Math.max(0, receivedBytes - undecodedBytes - this.#countedBytes)
    this.#countedBytes += bytes
    return bytes
  }

  #pause(waitMs: number): void {
    this.#host.pause()
    this.#timer ??= this.#host.env.setTimer(waitMs, () => {
      this.#timer = undefined
      this.#host.resume()
    })
  }
}
