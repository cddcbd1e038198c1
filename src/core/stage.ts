import type { Session } from './session.ts'

/**
 * One step between codec and listener. It keeps the types; `mapCodec` changes them. `next` may be called at once,
 * later, several times or never; a stage that waits pauses its session meanwhile, since nothing else bounds it.
 */
export interface Stage<In, Out = In> {
  /** A throw is ERR_LISTENER with hook 'stage'. */
  inbound?(message: In, next: (message: In) => void): void
  /** A throw goes to the caller of `send`. */
  outbound?(message: Out, next: (message: Out) => void): void
  /** When the session has closed; at most once. */
  dispose?(): void
}

/** Makes the stage of one session, before it opens. */
export type StageFactory<In, Out> = (session: Session<In, Out, unknown>) => Stage<In, Out>

/** A stage that does not look into the messages. */
export type AnyStageFactory = <In, Out>(session: Session<In, Out, unknown>) => Stage<In, Out>
