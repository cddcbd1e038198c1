import type { Sample } from './page/messages.ts'

/** What only whoever takes the sample knows. */
export type Measured = Pick<Sample, 'sessions' | 'queuedBytes'> & {
  /** So far. */
  readonly receivedMessages: number
  readonly sentMessages: number
}

const MOST_LATENCIES = 10_000
const MOST_SAMPLES = 300

/** Counts, and remembers five minutes of it. */
export class Statistics {
  readonly #samples: Sample[] = []
  #reports = 0
  #latencies: number[] = []
  #before = { at: 0, received: 0, sent: 0, cpuMicros: cpuMicros() }

  /** Accepted so far. */
  get reports(): number {
    return this.#reports
  }

  get samples(): readonly Sample[] {
    return this.#samples
  }

  onReport(): void {
    this.#reports++
  }

  onLatency(latencyMs: number): void {
    if (this.#latencies.length < MOST_LATENCIES) this.#latencies.push(latencyMs)
  }

  /** Once a second. */
  sample(at: number, { sessions, queuedBytes, receivedMessages, sentMessages }: Measured): Sample {
    const before = this.#before
    const seconds = before.at === 0 ? 1 : Math.max((at - before.at) / 1_000, 0.001)
    this.#before = { at, received: receivedMessages, sent: sentMessages, cpuMicros: cpuMicros() }
    const { rss, heapUsed } = process.memoryUsage()
    const sample: Sample = {
      at,
      sessions,
      received: Math.round((receivedMessages - before.received) / seconds),
      sent: Math.round((sentMessages - before.sent) / seconds),
      queuedBytes,
      latencyMs: percentiles(this.#latencies),
      cpu: (this.#before.cpuMicros - before.cpuMicros) / 1e6 / seconds,
      residentBytes: rss,
      heapBytes: heapUsed,
    }
    this.#latencies = []
    this.#samples.push(sample)
    if (this.#samples.length > MOST_SAMPLES) this.#samples.shift()
    return sample
  }
}

function percentiles(values: readonly number[]): Sample['latencyMs'] {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { median: at(0.5), p99: at(0.99) }
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
