import type { Env } from '../core/env.ts'
import { Frame, FrameType } from './frame.ts'

/** What a CallBatch needs of the calls of its peer. */
export interface CallBatchHost {
  readonly env: Env
  /** Somebody waits for it still, or never did. */
  isWanted(frame: Frame): boolean
  /** As Session.send. @throws what keeps it from being sent */
  sendFrame(frame: Frame): boolean
  /** It cannot be sent. Never throws. */
  notSent(frame: Frame, error: unknown): void
}

/** The calls of one turn of the event loop, gathered to leave as one BATCH. */
export class CallBatch {
  readonly #host: CallBatchHost
  readonly #mostFrames: number
  #frames: Frame[] = []
  readonly #onTurn = (): void => this.flush()

  constructor(host: CallBatchHost, mostFrames: number) {
    this.#host = host
    this.#mostFrames = mostFrames
  }

  add(frame: Frame): void {
    if (this.#frames.push(frame) === 1) this.#host.env.defer(this.#onTurn)
    else if (this.#frames.length === this.#mostFrames) this.flush()
  }

  /** What was gathered leaves now. */
  flush(): void {
    const frames = this.#frames.filter((frame) => this.#host.isWanted(frame))
    this.#frames = []
    if (frames.length < 2) return this.#sendEach(frames)
    try {
      this.#host.sendFrame(new Frame(FrameType.BATCH, 0, '', frames))
    } catch {
      this.#sendEach(frames) // one of them cannot be encoded, or all are too large together
    }
  }

  #sendEach(frames: readonly Frame[]): void {
    for (const frame of frames) {
      try {
        this.#host.sendFrame(frame)
      } catch (error) {
        this.#host.notSent(frame, error)
      }
    }
  }
}
