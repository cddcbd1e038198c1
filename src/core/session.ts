import type { Address } from './address.ts'
import type { Attributes } from './attributes.ts'
import type { SessionError } from './errors.ts'
import type { Peer } from './peer.ts'
import type { SessionState } from './session-state.ts'
import type { SessionStats } from './stats.ts'
import type { Wait } from './wait.ts'

/** How to close: what the peer is told, and how long `close()` waits. */
export interface CloseOptions extends Wait {
  /** Told to the peer where the wire can (WebSocket), and to our own `onClose`. @defaultValue none; on WebSocket the peer is told 1000 */
  readonly code?: number | undefined
  /** The same in words; up to 123 bytes travel. @defaultValue none */
  readonly reason?: string | undefined
  /** On a Client's session: false also ends the Client's reconnecting. @defaultValue true */
  readonly reconnect?: boolean | undefined
}

/** Who ended it. The first cause wins. */
export type CloseCause =
  | { readonly by: 'local'; readonly code?: number | undefined; readonly reason?: string | undefined }
  | { readonly by: 'remote'; readonly code?: number | undefined; readonly reason?: string | undefined }
  | { readonly by: 'error'; readonly error: SessionError }

/** One conversation: a connection, its framing and codec, and your data. */
export interface Session<out In = unknown, in Out = never, out Data = unknown>
  extends AsyncIterable<In>,
    AsyncDisposable {
  /** Unique among processes, for logs. */
  readonly id: string
  /** Where in its life it is: it only ever moves on. */
  readonly phase: SessionState
  /** What the option `data` gave. */
  readonly data: Data
  /** Certificate, proxy, role: all that is known of the other side. Made when first asked for. */
  readonly peer: Peer
  /** Our end. */
  readonly localAddress: Address
  /** The peer's end; in a template string it prints as its URL. */
  readonly remoteAddress: Address
  /** A snapshot, made anew each time it is read. */
  readonly stats: SessionStats
  /** Aborts when the session closes: hand it to whatever you start for this peer. */
  readonly signal: AbortSignal
  /** Resolves when closed; never rejects. */
  readonly closed: Promise<CloseCause>
  /** False from `highWaterMarkBytes` on, and when not open: the moment to skip what can be skipped. */
  readonly writable: boolean

  /**
   * Encodes now, sends at the end of the tick. False with the message taken: `highWaterMarkBytes` is reached, wait for
   * `drained()`. False and not taken: closed, cut off by the fault that `onError` hears of, or dropped by
   * `overflow: 'drop'`; counted in `stats.droppedMessages`.
   * @throws ERR_ENCODE, ERR_MESSAGE_TOO_LARGE: the message's own fault, and no byte is left behind
   */
  send(message: Out): boolean
  /**
   * Resolves when the operating system has taken the bytes; rejects with ERR_SESSION_CLOSED if the session closes
   * first, ERR_OVERFLOW if it was dropped.
   */
  deliver(message: Out, options?: Wait): Promise<void>
  /** Sends all of them at the peer's pace; gives their number. */
  sendAll(messages: Iterable<Out> | AsyncIterable<Out>, options?: Wait): Promise<number>
  /** Resolves when writable again; rejects with ERR_SESSION_CLOSED. */
  drained(options?: Wait): Promise<void>
  /**
   * The next message, pulled; only where no listener is set. What was received before the end is still given; then it
   * rejects with ERR_SESSION_CLOSED. `for await` ends instead, and throws only where the cause is an error.
   */
  receive(options?: Wait): Promise<In>
  /** No further message until `resume()`. */
  pause(): void
  /** What came meanwhile comes first. */
  resume(): void

  /** Time of the last inbound byte or `touch()`, as Date.now() of the session's Env. */
  readonly activeAt: number
  /** Milliseconds since `activeAt`; 0 while we are behind and do not read, as silence then says nothing of the peer. */
  readonly idleMs: number
  /** Time of the last message that reached the listener (heartbeats do not count): for kicking idle users. */
  readonly lastMessageAt: number
  /** Counts as a sign of life, as a byte of the peer would: for those that live elsewhere, in another session of theirs. */
  touch(): void
  /** May be changed at any time (MQTT's keep-alive); 0 is off. */
  idleTimeoutMs: number

  /** For stages and libraries; applications use `data`. */
  readonly attributes: Attributes
  /** Flushes, then ends; idempotent. The cause is the one that `onClose` gets. */
  close(options?: CloseOptions): Promise<CloseCause>
  /** Ends at once; what was not taken is lost. */
  destroy(error?: Error): void
}

/** Any session at all, for helpers that log, count or close. */
export type AnySession = Session<unknown, never, unknown>
