import { badOption } from '../core/errors.ts'
import type { MetricsSink } from '../core/metrics.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireNumber } from '../core/session-options.ts'

/** How much `Metrics` keeps. */
export interface MetricsOptions {
  /** Sets of labels that one metric may have; what comes for further ones is left out and counted. @defaultValue 1 000 */
  readonly maxSeries?: number | undefined
}

/** What is told of a metric beside its figures. */
export interface MetricDescription {
  readonly help?: string | undefined
  /** Of a histogram: its upper bounds, rising. */
  readonly buckets?: readonly number[] | undefined
}

type Labels = Readonly<Record<string, string>>
type Kind = 'counter' | 'gauge' | 'histogram'

interface Histogram {
  /** One for each bucket, not yet added up. */
  readonly counts: number[]
  sum: number
  count: number
}

/** One metric, with a figure for each set of labels. */
interface Family {
  readonly kind: Kind
  readonly values: Map<string, number>
  readonly histograms: Map<string, Histogram>
  readonly buckets: readonly number[]
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const MAX_SERIES = 1_000
/** Metrics that one sink may hold: their names come from programs, not from peers. */
const MAX_FAMILIES = 1_000
/** Of seconds, where nothing else is said: those of Prometheus's own clients. */
const BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const OWN: Readonly<Record<string, MetricDescription>> = {
  hawser_sessions_open: { help: 'Sessions open now.' },
  hawser_sessions_opened_total: { help: 'Sessions that opened.' },
  hawser_sessions_refused_total: { help: 'Peers that were turned away, and attempts to reach one that failed.' },
  hawser_sessions_closed_total: { help: 'Sessions that closed, by whom, and with which error.' },
  hawser_session_duration_seconds: {
    help: 'How long sessions were open, told when they close.',
    buckets: [0.1, 1, 10, 60, 600, 3_600, 21_600, 86_400],
  },
  hawser_received_bytes_total: { help: 'Bytes received, framing included.' },
  hawser_sent_bytes_total: { help: 'Bytes sent, framing included.' },
  hawser_received_messages_total: { help: 'Messages received.' },
  hawser_sent_messages_total: { help: 'Messages sent.' },
  hawser_dropped_messages_total: { help: 'Messages that send did not take.' },
  hawser_buffered_bytes: { help: 'Bytes sent and not yet taken by the operating system.' },
  hawser_undecoded_bytes: { help: 'Bytes received and not yet decoded.' },
  hawser_metrics_left_out_total: { help: 'Figures left out, because their metric had too many sets of labels.' },
}

const LEFT_OUT = 'hawser_metrics_left_out_total'

/**
 * Counters, gauges and histograms in memory, and their text for Prometheus. For the option `metrics`, and for figures
 * of your own; several Servers and Clients may share one.
 */
export class Metrics implements MetricsSink {
  readonly #maxSeries: number
  readonly #families = new Map<string, Family>()
  readonly #descriptions = new Map<string, MetricDescription>(Object.entries(OWN))

  /** @throws ERR_BAD_OPTION */
  constructor(options: MetricsOptions = {}) {
    requireKnown('Metrics.', options, ['maxSeries'])
    const { maxSeries = MAX_SERIES } = options
    requireNumber('Metrics.maxSeries', maxSeries, 1)
    this.#maxSeries = maxSeries
  }

  /** Before its first figure. @throws ERR_BAD_OPTION for a name that Prometheus does not take, buckets that do not rise, or figures that are there */
  describe(name: string, description: MetricDescription): void {
    requireName(name)
    const { buckets = [] } = description
    const rising = buckets.every((bound, at) => Number.isFinite(bound) && bound > (buckets[at - 1] ?? -Infinity))
    if (!rising) throw badOption('buckets', 'must be finite numbers that rise')
    if (this.#families.has(name)) throw badOption('name', `${name} has figures already`)
    if (this.#descriptions.size >= 2 * MAX_FAMILIES) throw badOption('name', `${name} is one too many`)
    this.#descriptions.set(name, description)
  }

  /** @throws ERR_BAD_OPTION for a negative value, a bad name or label, or a name that is no counter */
  counter(name: string, value: number, labels: Labels): void {
    if (!(value >= 0 && value < Infinity)) throw badOption('value', `of the counter ${name} must not be negative`)
    const family = this.#family(name, 'counter')
    const key = this.#key(family.values, labels)
    if (key !== undefined) family.values.set(key, (family.values.get(key) ?? 0) + value)
  }

  /** @throws ERR_BAD_OPTION for a value that is no number, a bad name or label, or a name that is no gauge */
  gauge(name: string, value: number, labels: Labels): void {
    if (typeof value !== 'number') throw badOption('value', `of the gauge ${name} must be a number`)
    const family = this.#family(name, 'gauge')
    const key = this.#key(family.values, labels)
    if (key !== undefined) family.values.set(key, value)
  }

  /** @throws ERR_BAD_OPTION for a value that is not finite, a bad name or label, or a name that is no histogram */
  histogram(name: string, value: number, labels: Labels): void {
    if (!Number.isFinite(value)) throw badOption('value', `of the histogram ${name} must be finite`)
    if ('le' in labels) throw badOption('labels', 'of a histogram must not be called le')
    const family = this.#family(name, 'histogram')
    const key = this.#key(family.histograms, labels)
    if (key === undefined) return
    let histogram = family.histograms.get(key)
    if (histogram === undefined) {
      histogram = { counts: family.buckets.map(() => 0), sum: 0, count: 0 }
      family.histograms.set(key, histogram)
    }
    const at = family.buckets.findIndex((bound) => value <= bound)
    if (at >= 0) histogram.counts[at] = (histogram.counts[at] ?? 0) + 1
    histogram.sum += value
    histogram.count++
  }

  /** Everything, in Prometheus's text format (`Content-Type: text/plain; version=0.0.4`). */
  prometheus(): string {
    const lines: string[] = []
    for (const name of [...this.#families.keys()].toSorted()) this.#write(name, lines)
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`
  }

  #write(name: string, lines: string[]): void {
    const { kind, values, histograms, buckets } = this.#families.get(name) as Family // the caller has it from there
    if (values.size + histograms.size === 0) return // its first figure was refused
    const help = this.#descriptions.get(name)?.help
    if (help !== undefined) lines.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`)
    lines.push(`# TYPE ${name} ${kind}`)
    for (const [labels, value] of values) lines.push(`${name}${braced(labels)} ${shown(value)}`)
    for (const [labels, { counts, sum, count }] of histograms) {
      let below = 0
      for (const [at, bound] of buckets.entries()) {
        below += counts[at] ?? 0
        lines.push(`${name}_bucket${braced(labels, `le="${shown(bound)}"`)} ${below}`)
      }
      lines.push(`${name}_bucket${braced(labels, 'le="+Inf"')} ${count}`)
      lines.push(`${name}_sum${braced(labels)} ${shown(sum)}`, `${name}_count${braced(labels)} ${count}`)
    }
  }

  #family(name: string, kind: Kind): Family {
    let family = this.#families.get(name)
    if (family === undefined) {
      requireName(name)
      this.#requireUnambiguous(name, kind)
      if (this.#families.size >= MAX_FAMILIES) throw badOption('name', `${name} is one too many`)
      const buckets = this.#descriptions.get(name)?.buckets ?? BUCKETS
      family = { kind, values: new Map(), histograms: new Map(), buckets }
      this.#families.set(name, family)
    }
    if (family.kind !== kind) throw badOption('name', `${name} is a ${family.kind}, not a ${kind}`)
    return family
  }

  /** A histogram is written as three series, of which none may be somebody else's. */
  #requireUnambiguous(name: string, kind: Kind): void {
    const suffixes = ['_bucket', '_sum', '_count']
    const clash =
      kind === 'histogram'
        ? suffixes.map((suffix) => name + suffix).find((series) => this.#families.has(series))
        : suffixes
            .filter((suffix) => name.endsWith(suffix))
            .map((suffix) => name.slice(0, -suffix.length))
            .find((base) => this.#families.get(base)?.kind === 'histogram')
    if (clash !== undefined) throw badOption('name', `${name} would be written like a series of ${clash}`)
  }

  /** The labels as they will be written, or undefined where there is no place for them. */
  #key(known: ReadonlyMap<string, unknown>, labels: Labels): string | undefined {
    const key = Object.keys(labels)
      .toSorted()
      .map((label) => `${label}="${escaped(String(labels[label]))}"`)
      .join()
    if (known.has(key)) return key
    for (const label of Object.keys(labels)) {
      if (!LABEL.test(label) || label.startsWith('__')) throw badOption('labels', `must not be called ${label}`)
    }
    if (known.size < this.#maxSeries) return key
    const { values } = this.#family(LEFT_OUT, 'counter')
    values.set('', (values.get('') ?? 0) + 1)
    return undefined
  }
}

function requireName(name: string): void {
  if (!NAME.test(name)) throw badOption('name', `${name} is none that Prometheus takes`)
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function braced(labels: string, more = ''): string {
  const all = [labels, more].filter((part) => part !== '').join()
  return all === '' ? '' : `{${all}}`
}

function shown(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
