import type { EndpointStats, SessionStats } from './stats.ts'

type Counters = Pick<
  SessionStats,
  'receivedBytes' | 'sentBytes' | 'receivedMessages' | 'sentMessages' | 'droppedMessages' | 'droppedDatagrams'
>

const NO_COUNTERS = {
  receivedBytes: 0,
  sentBytes: 0,
  receivedMessages: 0,
  sentMessages: 0,
  droppedMessages: 0,
  droppedDatagrams: 0,
} satisfies Counters

/** Adds up what the sessions of a Server or Client did; of those that are gone only the sum is kept. */
export class EndpointTotals {
  totalSessions = 0
  refusedSessions = 0
  /** Messages that found no session to go through. */
  droppedMessages = 0
  readonly #openedAt: number
  readonly #gone = { ...NO_COUNTERS }

  /** @param openedAt Env time */
  constructor(openedAt: number) {
    this.#openedAt = openedAt
  }

  /** A session is gone: its figures stay. */
  keep(stats: SessionStats): void {
    addCounters(this.#gone, stats)
  }

  /** The sum as of now; takes time in proportion to the number of sessions. */
  snapshot(openSessions: number, live: Iterable<{ readonly stats: SessionStats }>): EndpointStats {
    const sum = { ...this.#gone, bufferedBytes: 0, undecodedBytes: 0 }
    sum.droppedMessages += this.droppedMessages
    for (const { stats } of live) {
      addCounters(sum, stats)
      sum.bufferedBytes += stats.bufferedBytes
      sum.undecodedBytes += stats.undecodedBytes
    }
    const { totalSessions, refusedSessions } = this
    return { ...sum, openedAt: this.#openedAt, openSessions, totalSessions, refusedSessions }
  }
}

function addCounters(sum: { -readonly [K in keyof Counters]: number }, stats: SessionStats): void {
  for (const name of Object.keys(NO_COUNTERS) as (keyof Counters)[]) sum[name] += stats[name]
}
