import type { Wait } from '../core/wait.ts'
import { WaitList } from '../core/wait-list.ts'
import { Frame, FrameType } from './frame.ts'
import { MAX_ANNOUNCED_SERVICES } from './limits.ts'
import type { Outlet } from './outlet.ts'

/** Which services the two ends of a session have told each other of. The service '' has no name to tell. */
export class Announcements {
  readonly #outlet: Outlet
  /** How often each service is served by us; a name is announced once. */
  readonly #ours = new Map<string, number>()
  readonly #theirs = new Set<string>()
  #waits: WaitList<void> | undefined

  constructor(outlet: Outlet) {
    this.#outlet = outlet
  }

  /** We serve it, once more. */
  announce(name: string): void {
    const count = this.#ours.get(name) ?? 0
    this.#ours.set(name, count + 1)
    if (count === 0) this.#tell(FrameType.REGISTER, name)
  }

  /** We serve it once less. */
  withdraw(name: string): void {
    const count = (this.#ours.get(name) ?? 1) - 1
    if (count > 0) {
      this.#ours.set(name, count)
      return
    }
    this.#ours.delete(name)
    this.#tell(FrameType.UNREGISTER, name)
  }

  /** REGISTER. */
  peerServes(name: string): void {
    if (this.#theirs.size >= MAX_ANNOUNCED_SERVICES) {
      this.#outlet.fault('the peer announces too many services')
      return
    }
    this.#theirs.add(name)
    this.#waits?.resolveAll(undefined)
  }

  /** UNREGISTER. */
  peerServesNoMore(name: string): void {
    this.#theirs.delete(name)
  }

  /** Resolves when the peer serves them all. @throws (as a rejection) as any Wait, and when the session is lost */
  async all(names: readonly string[], { signal, timeoutMs = 0 }: Wait = {}): Promise<void> {
    const { env } = this.#outlet
    const dueAt = env.now() + timeoutMs
    while (names.some((name) => name !== '' && !this.#theirs.has(name))) {
      if (this.#outlet.gone !== undefined) throw this.#outlet.gone
      this.#waits ??= new WaitList<void>(env)
      const leftMs = timeoutMs === 0 ? 0 : Math.max(1, dueAt - env.now())
      await this.#waits.add('waiting for services', { signal, timeoutMs: leftMs })
    }
  }

  /** The session is closed. */
  lost(error: unknown): void {
    this.#waits?.rejectAll(error)
  }

  #tell(type: FrameType, name: string): void {
    if (name !== '' && this.#outlet.gone === undefined) this.#outlet.notify(new Frame(type, 0, name, undefined))
  }
}
