import { WaitList } from '../core/wait-list.ts'
import { Frame, FrameType } from './frame.ts'
import type { Outlet } from './outlet.ts'

/** What a Departure needs of its peer. */
export interface DepartureHost {
  readonly outlet: Outlet
  /** Our calls that are not answered yet. */
  readonly outgoing: number
  /** Theirs whose handlers run. */
  readonly running: number
  /** New calls may go to the peer, or may not any more. */
  callableChanged(): void
}

/**
 * How the two ends of a session part. Who leaves asks for no new calls; what is in progress ends, and a handler that runs
 * may still call back; when both know and nothing runs, the session may close.
 *
 *     leaving ── GO_AWAY ──▶ peer
 *             ◀── calls that were on the way, GO_AWAY_SEEN ──
 */
export class Departure {
  readonly #host: DepartureHost
  #leaving = false
  #peerLeaving = false
  /** The peer knows that we are leaving. */
  #seen = false
  #waits: WaitList<void> | undefined

  constructor(host: DepartureHost) {
    this.#host = host
  }

  /** One of the two is leaving. */
  get begun(): boolean {
    return this.#leaving || this.#peerLeaving
  }

  /** Asks the peer to make no new calls, and resolves when nothing is in progress. Never rejects. */
  async begin(signal: AbortSignal): Promise<void> {
    const { outlet } = this.#host
    const { env } = outlet
    if (!this.#leaving) {
      this.#leaving = true
      this.#host.callableChanged()
      outlet.notify(new Frame(FrameType.GO_AWAY, 0, '', undefined))
    }
    if (this.#isQuiet() || signal.aborted) return
    this.#waits ??= new WaitList<void>(env)
    try {
      await this.#waits.add('ending the calls in progress', { signal })
    } catch {
      // time is up: the session is closed with what is left
    }
  }

  /** GO_AWAY. */
  peerLeaves(): void {
    this.#peerLeaving = true
    this.#host.outlet.notify(new Frame(FrameType.GO_AWAY_SEEN, 0, '', undefined))
    this.#host.callableChanged()
  }

  /** GO_AWAY_SEEN. */
  peerKnows(): void {
    this.#seen = true
    this.callEnded()
  }

  /** One call less is in progress, or all of them are lost. */
  callEnded(): void {
    if (this.#leaving && this.#isQuiet()) this.#waits?.resolveAll(undefined)
  }

  #isQuiet(): boolean {
    const { outlet, outgoing, running } = this.#host
    const told = this.#seen || !outlet.wire.can(FrameType.GO_AWAY)
    return outlet.gone !== undefined || (told && outgoing === 0 && running === 0)
  }
}
