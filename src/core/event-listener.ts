import type { SessionError } from './errors.ts'
import type { CloseCause, Session } from './session.ts'

/**
 * What the application does with a session. A returned promise is awaited, any other result is ignored. Hooks of one
 * session are never called from inside another hook of it, nor from inside a call that the application made. A throw or
 * rejection is ERR_LISTENER, and costs that session alone.
 */
export interface EventListener<In, Out = In, Data = unknown> {
  /** Before the first `onMessage`, awaited. A throw closes the session. */
  readonly onOpen?: ((session: Session<In, Out, Data>) => unknown) | undefined
  /** In order of arrival; awaited before the next (see the limit `concurrency`). */
  readonly onMessage?: ((session: Session<In, Out, Data>, message: In) => unknown) | undefined
  /** Every `cronIntervalMs`, never overlapping itself. */
  readonly onCron?: ((session: Session<In, Out, Data>) => unknown) | undefined
  /** The outgoing buffer is below its mark again. */
  readonly onDrain?: ((session: Session<In, Out, Data>) => unknown) | undefined
  /** The server or client is closing: say goodbye; the session closes when this is done or its time is up. */
  readonly onShutdown?:
    | ((session: Session<In, Out, Data>, options: { readonly signal: AbortSignal }) => unknown)
    | undefined
  /**
   * The session closes after this, unless it returns 'keep' and `error.keepable` (a throw in a hook other than onOpen).
   * An undecodable datagram is reported and never closes.
   */
  readonly onError?: ((session: Session<In, Out, Data>, error: SessionError) => unknown) | undefined
  /** Last, exactly once for each session whose `onOpen` was begun. */
  readonly onClose?: ((session: Session<In, Out, Data>, cause: CloseCause) => unknown) | undefined
}
