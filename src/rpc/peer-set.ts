import { WaitList } from '../core/wait-list.ts'
import type { Env } from '../core/env.ts'
import type { Wait } from '../core/wait.ts'

/** Who waits for a peer that may be called, among the sessions that one `rpc()` made. */
export class PeerSet {
  #waits: WaitList<void> | undefined

  /** One more can be called, or one less. */
  changed(): void {
    this.#waits?.resolveAll(undefined)
  }

  /** Until `changed`. */
  next(env: Env, wait: Wait): Promise<void> {
    this.#waits ??= new WaitList(env)
    return this.#waits.add('waiting for a peer', wait)
  }
}
