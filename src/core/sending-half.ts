import type { Codec } from './codec.ts'
import type { Wait } from './wait.ts'

/** What the sending half tells its session. */
export interface OutboundHost {
  /** Below the low-water mark again, after `writable` was false. Called in a later turn than any `put`. */
  outboundDrained(): void
  /** The connection's `write` threw: a fault of a layer. */
  outboundFailed(error: unknown): void
  /** Bytes were handed over and not taken at once, after all before had been. */
  outboundBehind(): void
}

/**
 * The sending half of a session, as session, stages, clock and broadcasts see it: `Outbound`, which frames and gathers, and
 * `MessageOutbound`, which need not.
 */
export interface SendingHalf<Out> {
  readonly codec: Codec<unknown, Out>
  readonly sentMessages: number
  readonly droppedMessages: number
  /** All that was ever given to `put`, framed. */
  readonly sentBytes: number
  /** Sent and not yet taken. */
  readonly bufferedBytes: number
  readonly writable: boolean
  /** What the connection has taken so far: as long as it rises, the peer is reading. */
  readonly takenBytes: number
  /** Changes while the peer takes parts of a large write. */
  readonly progress?: number
  /** Env time when the peer fell behind, or last took something since. */
  readonly progressAt: number
  /** Whether somebody looks at `wroteAt`. */
  stampsWrites?: boolean
  /** Env time when something was last handed to the connection. */
  readonly wroteAt: number
  /** Whether the last `put` or `putBody` took its message. Stages set it before they are run: they may keep theirs. */
  tookLast: boolean
  /**
   * Encodes `message` and keeps it for the flush. Gives whether there is room for more; `tookLast` says whether it was taken.
   * @throws ERR_ENCODE, ERR_MESSAGE_TOO_LARGE, and ERR_OVERFLOW where `overflow` is 'throw'
   */
  put(message: Out): boolean
  /** A body that was encoded before: broadcast. As `put`. */
  putBody(body: Uint8Array, text: boolean): boolean
  /** A message that was not taken, for `stats`. */
  drop(): false
  /** Around a `put` whose taking is to be known. */
  expectTaken(): void
  expectNothing(): void
  /** After `expectTaken` and a `put` that took: resolves when all that was put so far is taken. */
  delivered(wait: Wait | undefined): Promise<void>
  /** Resolves when `writable`. */
  drained(wait: Wait | undefined): Promise<void>
  /** The session takes no more messages: nobody has a reason to wait for room. */
  refuseMore(why: () => unknown): void
  /** Everything that is pending leaves now: the session ends. */
  flushAll(): void
  /** The connection is gone: nothing leaves any more, and who waits is told why. */
  close(why: () => unknown): void
}
