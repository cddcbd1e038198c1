import type { SessionError } from './errors.ts'
import type { CloseCause } from './session.ts'

/**
 * Who owns a session: a Server, a Client, or one `dial`. Called in a later turn than any call of the application, and
 * never from inside a hook.
 *
 *     sessionOpened ──▶ sessionGone          onOpen is done … onClose was called
 *     sessionRefused ──▶ sessionGone         never opened … its connection is closed
 */
export interface SessionHost<S> {
  /** `data` and `onOpen` are done; messages follow. At most once. */
  sessionOpened(session: S): void
  /** It will never open: `data` or `onOpen` threw, time was up, or the peer left. Instead of sessionOpened. */
  sessionRefused(session: S, error: SessionError): void
  /** Closed, and `onClose` was called if `onOpen` was begun. Exactly once, last. */
  sessionGone(session: S, cause: CloseCause): void
}
