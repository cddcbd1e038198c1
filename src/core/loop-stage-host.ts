import type { Env } from './env.ts'
import type { ReceivingHalf } from './receiving-half.ts'
import type { StageHost } from './stage.ts'

/** What stages need of the receiving half. */
export type PausableLoop = Pick<ReceivingHalf<never>, 'pauseForStage'>

/** What one stage has of its session's receiving half. */
export class LoopStageHost implements StageHost {
  readonly env: Env
  readonly #loop: PausableLoop
  #undo: (() => void) | undefined

  constructor(env: Env, loop: PausableLoop) {
    this.env = env
    this.#loop = loop
  }

  pause(): void {
    this.#undo ??= this.#loop.pauseForStage?.()
  }

  resume(): void {
    const undo = this.#undo
    this.#undo = undefined
    undo?.()
  }
}
