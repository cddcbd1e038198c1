import { RpcError } from 'hawser/rpc'
import type { Report } from './service-contract.ts'

/** Reports that may wait for one reader. */
const MOST_WAITING = 100_000

/** Reports on their way to one service, which reads them at its own pace. */
export class Feed implements AsyncIterable<Report> {
  #waiting: Report[] = []
  #isTooSlow = false
  #isEnded = false
  #wake = (): void => {}

  push(report: Report): void {
    if (this.#isTooSlow || this.#isEnded) return
    if (this.#waiting.length >= MOST_WAITING) this.#isTooSlow = true
    else this.#waiting.push(report)
    this.#wake()
  }

  /** Nothing comes any more; what waits is still read. */
  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Report> {
    for (;;) {
      const batch = this.#waiting
      this.#waiting = []
      yield* batch
      if (this.#waiting.length > 0) continue
      if (this.#isTooSlow) throw new RpcError('resource_exhausted', `${MOST_WAITING} reports wait: you read too slowly`)
      if (this.#isEnded) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
