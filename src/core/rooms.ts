import type { BroadcastOptions } from './broadcast.ts'
import type { AnySession, Session } from './session.ts'
import { SessionGroup } from './session-group.ts'

const NO_KEYS: ReadonlySet<never> = /* @__PURE__ */ new Set<never>()

/** Groups by name, compared as a Map does. A closed session leaves all of them; an empty one is gone. */
export class Rooms<Key, in out Out> {
  readonly #rooms = new Map<Key, SessionGroup<Out>>()
  readonly #keys = new Map<AnySession, Set<Key>>()

  /** How many have somebody in them. */
  get size(): number {
    return this.#rooms.size
  }

  /** Does nothing for a session that is closing or closed. */
  join(key: Key, session: Session<unknown, Out, unknown>): void {
    const room = this.#rooms.get(key) ?? this.#newRoom(key)
    room.add(session)
  }

  leave(key: Key, session: AnySession): void {
    this.#rooms.get(key)?.delete(session)
  }

  leaveAll(session: AnySession): void {
    for (const key of this.keysOf(session)) this.leave(key, session)
  }

  /** As it is now: once empty, it is no longer the room of this name. */
  get(key: Key): SessionGroup<Out> | undefined {
    return this.#rooms.get(key)
  }

  /** Gives the number that took it: 0 where there is no such room. */
  broadcast(key: Key, message: Out, options?: BroadcastOptions<Session<unknown, Out, unknown>>): number {
    return this.#rooms.get(key)?.broadcast(message, options) ?? 0
  }

  /** Where it is in, as of now and live. */
  keysOf(session: AnySession): ReadonlySet<Key> {
    return this.#keys.get(session) ?? NO_KEYS
  }

  /** It stands in the map from its first member to its last, whoever adds and deletes them. */
  #newRoom(key: Key): SessionGroup<Out> {
    const room = new SessionGroup<Out>({
      joined: (session) => {
        if (!this.#rooms.has(key)) this.#rooms.set(key, room)
        if (this.#rooms.get(key) === room) this.#remember(session, key)
      },
      left: (session) => {
        if (this.#rooms.get(key) !== room) return
        if (room.size === 0) this.#rooms.delete(key)
        this.#forget(session, key)
      },
    })
    return room
  }

  #remember(session: AnySession, key: Key): void {
    const keys = this.#keys.get(session)
    if (keys === undefined) this.#keys.set(session, new Set([key]))
    else keys.add(key)
  }

  #forget(session: AnySession, key: Key): void {
    const keys = this.#keys.get(session)
    keys?.delete(key)
    if (keys?.size === 0) this.#keys.delete(session)
  }
}
