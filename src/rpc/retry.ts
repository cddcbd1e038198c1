import { backoffMs } from '../core/backoff.ts'
import { badOption } from '../core/errors.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireNumber, requireOneOf, withDefaults } from '../core/session-options.ts'
import { isRpcError } from './rpc-error.ts'
import { RPC_STATUSES, type RpcStatus } from './rpc-status.ts'

/**
 * When a failed call is made again: only where it certainly did not run, or its method is idempotent, and within a budget,
 * so that retries never add much to the load of those who cannot cope with it.
 */
export interface RetryOptions {
  /** In all, the first included. @defaultValue 3 */
  readonly attempts?: number | undefined
  /** Before the second attempt, at most; doubled each time, and a random part of it is waited. @defaultValue 50 */
  readonly initialMs?: number | undefined
  /** Never more than this. @defaultValue 1 000 */
  readonly maxMs?: number | undefined
  /** Share of calls that may be retries; ten more are granted at the start. @defaultValue 0.2 */
  readonly budget?: number | undefined
  /** Failures that may pass. @defaultValue ['unavailable'] */
  readonly on?: readonly RpcStatus[] | undefined
}

const RETRY_DEFAULTS = { attempts: 3, initialMs: 50, maxMs: 1_000, budget: 0.2 }
const DEFAULT_ON: readonly RpcStatus[] = ['unavailable']
/** Retries that may be saved up. */
const MOST_SAVED = 10

/** The retries of one client: what may be tried again, and whether there is budget for it. */
export class Retry {
  readonly #options: typeof RETRY_DEFAULTS
  readonly #on: readonly RpcStatus[]
  #saved = MOST_SAVED

  /** @throws ERR_BAD_OPTION */
  constructor(options: RetryOptions) {
    if (typeof options !== 'object' || options === null) throw badOption('retry', 'must be false or an object')
    requireKnown('retry.', options, [...Object.keys(RETRY_DEFAULTS), 'on'])
    this.#options = withDefaults(RETRY_DEFAULTS, options)
    this.#on = options.on ?? DEFAULT_ON
    const { attempts, initialMs, maxMs, budget } = this.#options
    requireNumber('retry.attempts', attempts, 1)
    requireNumber('retry.initialMs', initialMs, 0)
    requireNumber('retry.maxMs', maxMs, 0)
    if (!(typeof budget === 'number' && budget >= 0 && budget <= 1))
      throw badOption('retry.budget', 'must be from 0 to 1')
    if (!Array.isArray(this.#on)) throw badOption('retry.on', 'must be a list of statuses')
    for (const status of this.#on) requireOneOf('retry.on', status, RPC_STATUSES)
  }

  /** A call is made for the first time. */
  count(): void {
    this.#saved = Math.min(MOST_SAVED, this.#saved + this.#options.budget)
  }

  /**
   * Milliseconds until the next attempt; undefined where there shall be none. Takes from the budget.
   * @param attempts that were made
   * @param random 0 ≤ x < 1
   */
  delayMs(error: unknown, idempotent: boolean, attempts: number, random: number): number | undefined {
    if (attempts >= this.#options.attempts || !isRpcError(error, ...this.#on)) return undefined
    if ((error.sent !== 'no' && !idempotent) || this.#saved < 1) return undefined
    this.#saved--
    return backoffMs(attempts, this.#options, random)
  }
}
