import type { Address } from './address.ts'
import type { BroadcastOptions } from './broadcast.ts'
import type { SessionError } from './errors.ts'
import type { Session } from './session.ts'
import type { EndpointStats } from './stats.ts'
import type { Wait } from './wait.ts'

/** What happens to a Server beside its sessions. Each comes in a later turn than its cause, in order. */
export type ServerStatus =
  | { readonly type: 'listening'; readonly address: Address }
  /** A peer was turned away: by `admit`, a limit, a failed handshake, `data` or `onOpen`. */
  | { readonly type: 'refused'; readonly remoteAddress: Address; readonly error: SessionError }
  /** The operating system could not accept; the server goes on. */
  | { readonly type: 'accept-error'; readonly error: SessionError }
  /** Last, exactly once. */
  | { readonly type: 'closed' }

/** What `listen` gives: accepts peers, and owns their sessions. */
export interface Server<out In = unknown, in Out = never, out Data = unknown> extends AsyncDisposable {
  /** Where it really listens, port filled in; the first of `addresses`. */
  readonly address: Address
  /** In the order that `listen` was given. */
  readonly addresses: readonly Address[]
  /** Those that are open, until their `onClose` was called. */
  readonly sessions: ReadonlySet<Session<In, Out, Data>>
  /** Added up anew each time it is read. */
  readonly stats: EndpointStats
  /** Resolves when the ports are free, every session is gone and each `onClose` was called; never rejects. */
  readonly closed: Promise<void>
  /**
   * Encodes once per codec and frames per session (with outbound stages: encoded once a session); never waits for a slow
   * one. Gives the number that took it.
   * @throws where the message cannot be encoded, or is too large for all of them
   */
  broadcast(message: Out, options?: BroadcastOptions<Session<In, Out, Data>>): number
  /**
   * No new sessions, `onShutdown` for each open one, graceful close, then destroy. Idempotent; a later call can only
   * bring the end nearer.
   * @param options `timeoutMs`: until what is left is destroyed; 0: never. `signal` leaves the wait, closing goes on.
   *   @defaultValue timeoutMs 5 000
   */
  close(options?: Wait & { readonly reason?: string | undefined }): Promise<void>
  /** Ends all of it at once. */
  destroy(): void
  /**
   * Certificates for handshakes from now on; sessions stay. What `tls` leaves out keeps its value.
   * @throws ERR_BAD_OPTION where nothing listens with TLS
   */
  reloadTls(tls: object): void
}
