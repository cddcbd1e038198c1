import type { Role } from './connection.ts'
import type { Env, TimerHandle } from './env.ts'
import { badOption, describe } from './errors.ts'
import type { Logger } from './logger.ts'
import type { CloseCause } from './session.ts'
import type { SessionStats } from './stats.ts'

/** Who is told the figures: `Metrics` of `hawser/stages`, or a sink of your own. What it throws is logged, once. */
export interface MetricsSink {
  /** `value` more of it; never negative. */
  counter(name: string, value: number, labels: Readonly<Record<string, string>>): void
  /** It is `value` now. */
  gauge(name: string, value: number, labels: Readonly<Record<string, string>>): void
  /** One more observation. */
  histogram(name: string, value: number, labels: Readonly<Record<string, string>>): void
}

/** How old the figures of open sessions may be. What happens once in a session's life is told at once. */
const REPORT_INTERVAL_MS = 5_000

/** What metrics need of a session. */
interface Measured {
  readonly stats: SessionStats
  readonly remoteHref: string
}

type Labels = Readonly<Record<string, string>>
type Counted = Pick<
  SessionStats,
  'receivedBytes' | 'sentBytes' | 'receivedMessages' | 'sentMessages' | 'droppedMessages'
>

const NOTHING: Counted = { receivedBytes: 0, sentBytes: 0, receivedMessages: 0, sentMessages: 0, droppedMessages: 0 }

const COUNTERS: readonly (readonly [keyof Counted, string])[] = [
  ['receivedBytes', 'hawser_received_bytes_total'],
  ['sentBytes', 'hawser_sent_bytes_total'],
  ['receivedMessages', 'hawser_received_messages_total'],
  ['sentMessages', 'hawser_sent_messages_total'],
  ['droppedMessages', 'hawser_dropped_messages_total'],
]

/** The open sessions that share their labels, whichever Server or Client they belong to. */
class Series {
  readonly labels: Labels
  /** With what was told of each so far. */
  readonly sessions = new Map<Measured, Counted>()

  constructor(labels: Labels) {
    this.labels = labels
  }
}

/**
 * Tells one sink what all sessions of one Env do that name it. No message costs anything: open sessions are looked at
 * every 5 s, by one timer that runs only while there are any, and once more when they close.
 */
class Reporter {
  readonly #sink: MetricsSink
  readonly #env: Env
  readonly #series = new Map<string, Series>()
  #open = 0
  #timer: TimerHandle | undefined
  #hasFailed = false

  constructor(sink: MetricsSink, env: Env) {
    this.#sink = sink
    this.#env = env
  }

  opened(session: Measured, labels: Labels, logger: Logger): void {
    const key = Object.values(labels).join('\n')
    let series = this.#series.get(key)
    if (series === undefined) this.#series.set(key, (series = new Series(labels)))
    series.sessions.set(session, NOTHING)
    this.#open++
    this.tell(logger, (sink) => {
      sink.counter('hawser_sessions_opened_total', 1, labels)
      sink.gauge('hawser_sessions_open', series.sessions.size, labels)
    })
    this.#timer ??= this.#env.setTimer(REPORT_INTERVAL_MS, () => this.#report(logger))
  }

  /** It was `opened` before. */
  closed(session: Measured, labels: Labels, cause: CloseCause, logger: Logger): void {
    const series = this.#series.get(Object.values(labels).join('\n'))
    const told = series?.sessions.get(session)
    if (series === undefined || told === undefined) return
    series.sessions.delete(session)
    this.#open--
    const { stats } = session
    const code = cause.by === 'error' ? cause.error.code : ''
    this.tell(logger, (sink) => {
      sink.counter('hawser_sessions_closed_total', 1, { ...labels, by: cause.by, code })
      sink.histogram('hawser_session_duration_seconds', (this.#env.now() - stats.openedAt) / 1000, labels)
      sink.gauge('hawser_sessions_open', series.sessions.size, labels)
      count(sink, difference(stats, told), labels)
      if (series.sessions.size === 0) gauges(sink, 0, 0, labels)
    })
    if (this.#open > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** A sink of somebody's own must not hurt a session. */
  tell(logger: Logger, run: (sink: MetricsSink) => void): void {
    try {
      run(this.#sink)
    } catch (error) {
      if (!this.#hasFailed) logger.error(`the metrics sink threw: ${describe(error)}`, { error })
      this.#hasFailed = true
    }
  }

  #report(logger: Logger): void {
    this.#timer = this.#env.setTimer(REPORT_INTERVAL_MS, () => this.#report(logger))
    for (const series of this.#series.values()) {
      if (series.sessions.size > 0) this.tell(logger, (sink) => reportSeries(sink, series))
    }
  }
}

function reportSeries(sink: MetricsSink, { labels, sessions }: Series): void {
  const sum = { ...NOTHING }
  let bufferedBytes = 0
  let undecodedBytes = 0
  for (const [session, told] of sessions) {
    const { stats } = session
    for (const [key] of COUNTERS) sum[key] += stats[key] - told[key]
    bufferedBytes += stats.bufferedBytes
    undecodedBytes += stats.undecodedBytes
    sessions.set(session, stats)
  }
  count(sink, sum, labels)
  gauges(sink, bufferedBytes, undecodedBytes, labels)
}

function difference(stats: Counted, told: Counted): Counted {
  const more = { ...NOTHING }
  for (const [key] of COUNTERS) more[key] = stats[key] - told[key]
  return more
}

function count(sink: MetricsSink, counted: Counted, labels: Labels): void {
  for (const [key, name] of COUNTERS) if (counted[key] > 0) sink.counter(name, counted[key], labels)
}

function gauges(sink: MetricsSink, bufferedBytes: number, undecodedBytes: number, labels: Labels): void {
  sink.gauge('hawser_buffered_bytes', bufferedBytes, labels)
  sink.gauge('hawser_undecoded_bytes', undecodedBytes, labels)
}

/** One for each sink and Env, so that the gauges of several Servers add up. */
const reporters = /* @__PURE__ */ new WeakMap<MetricsSink, WeakMap<Env, Reporter>>()

function reporterOf(sink: MetricsSink, env: Env): Reporter {
  let byEnv = reporters.get(sink)
  if (byEnv === undefined) reporters.set(sink, (byEnv = new WeakMap()))
  let reporter = byEnv.get(env)
  if (reporter === undefined) byEnv.set(env, (reporter = new Reporter(sink, env)))
  return reporter
}

/** What the sessions of one Server, Client, dial or attach tell their sink: the option `metrics`. */
export class SessionMetrics {
  readonly #reporter: Reporter
  readonly #name: string
  readonly #logger: Logger

  /** @throws ERR_BAD_OPTION where `sink` is none */
  constructor(sink: MetricsSink, env: Env, name: string, logger: Logger) {
    for (const method of ['counter', 'gauge', 'histogram'] as const) {
      const given = (sink as Partial<MetricsSink> | null)?.[method]
      if (typeof given !== 'function') throw badOption('metrics', `must have a function ${method}`)
    }
    this.#reporter = reporterOf(sink, env)
    this.#name = name
    this.#logger = logger
  }

  opened(session: Measured, role: Role): void {
    this.#reporter.opened(session, this.#labels(role, transportOf(session)), this.#logger)
  }

  /** One that had opened. */
  closed(session: Measured, role: Role, cause: CloseCause): void {
    this.#reporter.closed(session, this.#labels(role, transportOf(session)), cause, this.#logger)
  }

  /** A peer was turned away, or an attempt to reach one failed. */
  refused(role: Role, transport: string, code: string): void {
    const labels = { ...this.#labels(role, transport), code }
    this.#reporter.tell(this.#logger, (sink) => sink.counter('hawser_sessions_refused_total', 1, labels))
  }

  #labels(role: Role, transport: string): Labels {
    return { name: this.#name, role, transport }
  }
}

/** What the entry points bind. @throws ERR_BAD_OPTION where `sink` is none */
export function sessionMetrics(sink: MetricsSink, env: Env, name: string, logger: Logger): SessionMetrics {
  return new SessionMetrics(sink, env, name, logger)
}

function transportOf({ remoteHref }: Measured): string {
  return /^(\w+):/.exec(remoteHref)?.[1] ?? 'stream'
}
