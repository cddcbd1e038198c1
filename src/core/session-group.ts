import { addAbortHook, removeAbortHook } from './abort-hooks.ts'
import { type BroadcastOptions, broadcast } from './broadcast.ts'
import { LiveSession } from './live-session.ts'
import type { AnySession, Session } from './session.ts'

/** Who wants to know of joining and leaving: Rooms. */
export interface GroupWatcher {
  joined(session: AnySession): void
  left(session: AnySession): void
}

/**
 * Sessions of any server, transport and codec that understand `Out`. A closed one leaves by itself, before its
 * `onClose`; one that is closing or closed cannot be added.
 */
export class SessionGroup<in out Out> implements Iterable<Session<unknown, Out, unknown>> {
  readonly #sessions = new Set<Session<unknown, Out, unknown>>()
  /** What each session is told to run when it closes. */
  readonly #leaves = new Map<AnySession, () => void>()
  readonly #watcher: GroupWatcher | undefined

  /** @internal The parameter is for Rooms. */
  constructor(watcher?: GroupWatcher) {
    this.#watcher = watcher
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Does nothing for one that is in it already, or is closing. */
  add(session: Session<unknown, Out, unknown>): void {
    if (this.#sessions.has(session) || session.phase === 'closing' || session.phase === 'closed') return
    const leave = (): void => void this.delete(session)
    this.#sessions.add(session)
    this.#leaves.set(session, leave)
    if (session instanceof LiveSession) session.onGone(leave)
    else addAbortHook(session.signal, leave)
    this.#watcher?.joined(session)
  }

  /** Whether it was in it. */
  delete(session: AnySession): boolean {
    const leave = this.#leaves.get(session)
    if (leave === undefined) return false
    this.#leaves.delete(session)
    this.#sessions.delete(session as Session<unknown, Out, unknown>)
    if (session instanceof LiveSession) session.offGone(leave)
    else removeAbortHook(session.signal, leave)
    this.#watcher?.left(session)
    return true
  }

  has(session: AnySession): boolean {
    return this.#leaves.has(session)
  }

  /** Encodes once per codec and frames per session; never waits for a slow one. Gives the number that took it. */
  broadcast(message: Out, options?: BroadcastOptions<Session<unknown, Out, unknown>>): number {
    return broadcast(this.#sessions, message, options)
  }

  [Symbol.iterator](): Iterator<Session<unknown, Out, unknown>> {
    return this.#sessions.values()
  }
}
