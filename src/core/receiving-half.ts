import { badOption } from './errors.ts'
import type { CloseCause } from './session.ts'
import type { Wait } from './wait.ts'

/**
 * The receiving half of a session, as session, stages and clock see it: `HandlerLoop`, which cuts streams into frames and
 * can be pulled at, and `MessageLoop`, which need not.
 */
export interface ReceivingHalf<In> {
  /** Neither heartbeat nor stages look at what was decoded: it may go to `loopHandle` as it is. */
  direct: boolean
  readonly receivedBytes: number
  /** Heartbeats included. */
  receivedMessages: number
  /** Received and not yet decoded. */
  readonly undecodedBytes: number
  /** Env time of the last byte. */
  activeAt: number
  /** Env time of the chunk that brought the last message which reached the listener. */
  readonly lastMessageAt: number
  /** Env time when the frame that waits for its rest was begun; 0: none does. */
  readonly frameSince: number
  /** The first bytes that wait for their rest, for an error message. */
  readonly waiting?: Uint8Array
  /** Handlers that have begun and not settled. */
  readonly running: number
  /** The peer sends no more. */
  readonly ended: boolean
  /** The connection was asked to pause, because we are behind. */
  readonly readPaused: boolean
  /** Called when the last running handler has settled: for a shutdown that waits for it. */
  onIdle: (() => void) | undefined
  /** Several chunks follow, of one read: one look at the clock is enough. */
  beginBatch(): void
  endBatch(): void
  onChunk(chunk: Uint8Array, text: boolean): void
  /** Life without a chunk, as of the connection. */
  onActivity(): void
  /** The peer sends no more. */
  onEnd(): void
  /** Messages are pulled by `receive`, or pushed to the listener. */
  setPull(pull: boolean): void
  /** Nothing is handed out until `release`. */
  hold(): void
  release(): void
  pause(): void
  /** What waits is handed out in a later turn: the application called this. */
  resume(): void
  /** For one stage, beside the application's own pause; gives what undoes it. */
  pauseForStage?(): () => void
  /** The next message. @throws (as a rejection) ERR_BAD_OPTION where messages are pushed */
  receive(wait: Wait | undefined): Promise<In>
  /** The messages one after another, until the session closes. @param cause why it did @throws (as a rejection) the error that closed it */
  messages?(cause: () => CloseCause | undefined): AsyncIterableIterator<In, void, undefined>
  /** Whoever waits in `receive` is told why. */
  turnAway(why: () => unknown): void
  /** From the last stage, or straight from the decoder. A stage may give more messages than it got, or later. */
  hand(message: In): void
  /** Whatever came or comes is forgotten: the session closes. Reading goes on, so that nothing unread resets the link. */
  discard(): void
  /** No chunk follows. Who pulls is still given what was received, then told why; nobody else is given anything. */
  finish(why: () => unknown): void
}

/** For `receive`, where messages go to a listener. */
export function pushedToListener(): Promise<never> {
  return Promise.reject(badOption('listener', 'is set: messages go to it, not to receive()'))
}
