import type { Address } from './address.ts'
import type { SessionError } from './errors.ts'
import type { CloseCause, Session } from './session.ts'
import type { EndpointStats } from './stats.ts'
import type { Wait } from './wait.ts'

/**
 * What happens to a Client's slots, of which each keeps one session. Each comes in a later turn than its cause, in order.
 * `generation` counts the sessions that the slot had before.
 */
export type ClientStatus =
  | {
      readonly type: 'dialing' | 'open'
      readonly address: Address
      readonly slot: number
      readonly generation: number
    }
  /** A session that was open is gone; `cause` as its `onClose` has it. */
  | {
      readonly type: 'closed'
      readonly address: Address
      readonly slot: number
      readonly generation: number
      readonly cause: CloseCause
    }
  /** An attempt failed: dialing, `data` or `onOpen`. `retryInMs` is Infinity where none follows. */
  | {
      readonly type: 'failed'
      readonly address: Address
      readonly slot: number
      readonly error: SessionError
      readonly retryInMs: number
    }
  /** No attempt follows, and the Client closes; `error` is that of the last one. Last, at most once. */
  | { readonly type: 'gave-up'; readonly error: SessionError }

/** What `connect` gives: keeps sessions to one peer, or to several that are as good as each other. */
export interface Client<out In = unknown, in Out = never, out Data = unknown> extends AsyncDisposable {
  /** Those that are open, until their `onClose` was called; never more than `connections`. */
  readonly sessions: ReadonlySet<Session<In, Out, Data>>
  /** Added up anew each time it is read. */
  readonly stats: EndpointStats
  /** Resolves when every session is gone and each `onClose` was called; never rejects. */
  readonly closed: Promise<void>
  /**
   * Resolves when all `connections` are open (less those whose session was closed with `reconnect: false`).
   * @throws (as a rejection) the last error when it gave up; ERR_SESSION_CLOSED when closed; as any Wait
   */
  ready(options?: Wait): Promise<void>
  /** The least loaded open session, waiting for one. @throws (as a rejection) as `ready` */
  session(options?: Wait): Promise<Session<In, Out, Data>>
  /**
   * Through the least loaded open session, with the results of its `send`; false when there is none (counted in
   * `stats.droppedMessages`). With several connections, order holds within each only.
   */
  send(message: Out): boolean
  /** From now on. An iterator keeps the newest 1 000 that were not pulled; it ends when the Client is closed. */
  status(): AsyncIterable<ClientStatus>
  /**
   * Stops dialing at once; then `onShutdown` for each open session, graceful close, destroy. Idempotent; a later call can
   * only bring the end nearer.
   * @param options `timeoutMs`: until what is left is destroyed; 0: never. `signal` leaves the wait, closing goes on.
   *   @defaultValue timeoutMs 5 000
   */
  close(options?: Wait & { readonly reason?: string | undefined }): Promise<void>
  /** Ends all of it at once. */
  destroy(): void
}
