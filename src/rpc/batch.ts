import { type Frame, FrameType } from './frame.ts'

/** The answers to the calls of one BATCH, which go back together when the last of them is there. */
export class Batch {
  readonly #answers: Frame[] = []
  readonly #send: (answers: Frame[]) => void
  #missing: number

  /** @param missing how many calls are to be answered */
  constructor(missing: number, send: (answers: Frame[]) => void) {
    this.#missing = missing
    this.#send = send
  }

  /** How many of these frames are answered, each with one frame. */
  static answersTo(frames: readonly Frame[]): number {
    return frames.filter(({ type, body }) =>
      type === FrameType.MALFORMED ? body !== undefined : type < FrameType.RESULT && type !== FrameType.ONE_WAY,
    ).length
  }

  add(answer: Frame): void {
    this.#answers.push(answer)
    if (--this.#missing === 0) this.#send(this.#answers)
  }
}
