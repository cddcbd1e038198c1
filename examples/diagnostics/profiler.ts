import { Session } from 'node:inspector/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const LONGEST_MS = 60_000

/** What this process does with its time and memory, for Chromium's developer tools. One profile at a time. */
export class Profiler {
  #busy = false
  readonly #closing = new AbortController()

  /** Where time goes, as a `.cpuprofile`. Undefined while another one is taken. */
  cpu(durationMs: number): Promise<string | undefined> {
    return this.#take(async (inspector) => {
      await inspector.post('Profiler.enable')
      await inspector.post('Profiler.start')
      await this.#wait(durationMs)
      return (await inspector.post('Profiler.stop')).profile
    }, durationMs)
  }

  /** Who allocated what meanwhile is still alive, as a `.heapprofile`. Undefined while another one is taken. */
  heap(durationMs: number): Promise<string | undefined> {
    return this.#take(async (inspector) => {
      await inspector.post('HeapProfiler.startSampling')
      await this.#wait(durationMs)
      return (await inspector.post('HeapProfiler.stopSampling')).profile
    }, durationMs)
  }

  /** What is being taken is given up. */
  close(): void {
    this.#closing.abort()
  }

  #wait(durationMs: number): Promise<void> {
    return sleep(durationMs, undefined, { signal: this.#closing.signal })
  }

  async #take(profile: (inspector: Session) => Promise<unknown>, durationMs: number): Promise<string | undefined> {
    if (!(durationMs > 0 && durationMs <= LONGEST_MS)) throw new RangeError(`a profile takes up to ${LONGEST_MS} ms`)
    if (this.#busy) return undefined
    this.#busy = true
    const inspector = new Session()
    inspector.connect()
    try {
      return JSON.stringify(await profile(inspector))
    } finally {
      inspector.disconnect()
      this.#busy = false
    }
  }
}
