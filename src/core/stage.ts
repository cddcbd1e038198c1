import type { Env } from './env.ts'
import type { Session } from './session.ts'

/**
 * One step between codec and listener. It keeps the types; `mapCodec` changes them. `next` may be called at once,
 * later, several times or never; a stage that waits pauses its session meanwhile (`StageHost.pause`), since nothing else
 * bounds it.
 */
export interface Stage<In, Out = In> {
  /** A throw is ERR_LISTENER with hook 'stage'; a HawserError is what it is. */
  inbound?(message: In, next: (message: In) => void): void
  /** A throw goes to the caller of `send`. */
  outbound?(message: Out, next: (message: Out) => void): void
  /** When the session has closed; at most once. */
  dispose?(): void
}

/** What a stage has beside its session. */
export interface StageHost {
  /** Its time and chance. */
  readonly env: Env
  /**
   * No further message until `resume()`. Each stage has a pause of its own, which `session.resume()` of the application
   * does not undo, nor the other way round. Bytes wait, and past `inboundHighWaterMarkBytes` in the peer.
   */
  pause(): void
  /** What came meanwhile comes in a later turn. */
  resume(): void
}

/** Makes the stage of one session, before it opens. */
export type StageFactory<In, Out> = (session: Session<In, Out, unknown>, host: StageHost) => Stage<In, Out>

/** A stage that does not look into the messages. */
export type AnyStageFactory = <In, Out>(session: Session<In, Out, unknown>, host: StageHost) => Stage<In, Out>
