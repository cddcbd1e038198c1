/** One line of figures. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** One metric, as a scraper reads it. */
export interface ScrapedFamily {
  readonly type: string
  readonly help: string | undefined
  readonly samples: readonly Sample[]
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const NUMBER = /^(?:[+-]Inf|NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/

/**
 * Reads Prometheus's text format 0.0.4, and throws at whatever that does not allow: a metric in two places, a figure
 * before its TYPE, the same labels twice, buckets that fall or do not end in +Inf, a count that is not the last bucket.
 */
export function parsePrometheus(text: string): Map<string, ScrapedFamily> {
  const families = new Map<string, { type: string; help: string | undefined; samples: Sample[] }>()
  if (text === '') return families
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  let help: { name: string; text: string } | undefined
  let current: { name: string; type: string; samples: Sample[] } | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (kind === undefined) {
      const sample = parseSample(line)
      if (current === undefined || !belongs(sample.name, current)) throw new Error(`a figure without its TYPE: ${line}`)
      current.samples.push(sample)
    } else if (!NAME.test(name)) {
      throw new Error(`a bad name: ${line}`)
    } else if (kind === 'HELP') {
      if (/\\[^\\n]/.test(rest.replaceAll('\\\\', ''))) throw new Error(`a bad escape: ${line}`)
      help = { name, text: rest.replaceAll(/\\([\\n])/g, (_all, c) => (c === 'n' ? '\n' : '\\')) }
    } else {
      if (families.has(name)) throw new Error(`${name} stands in two places`)
      if (!['counter', 'gauge', 'histogram'].includes(rest)) throw new Error(`a bad type: ${line}`)
      if (help !== undefined && help.name !== name) throw new Error(`HELP of ${help.name} before TYPE of ${name}`)
      const family = { name, type: rest, help: help?.text, samples: [] }
      families.set(name, family)
      current = family
      help = undefined
    }
  }
  for (const [name, { type, samples }] of families) {
    if (samples.length === 0) throw new Error(`${name} has no figure`)
    const seen = new Set(samples.map((sample) => sample.name + keyOf(sample.labels)))
    if (seen.size !== samples.length) throw new Error(`${name} has the same labels twice`)
    if (type === 'histogram') checkHistogram(name, samples)
  }
  return families
}

/** The figure of one metric with these labels, and no others. */
export function figure(text: string, name: string, labels: Readonly<Record<string, string>>): number | undefined {
  const wanted = keyOf(labels)
  const all = [...parsePrometheus(text).values()].flatMap(({ samples }) => samples)
  return all.find((one) => one.name === name && keyOf(one.labels) === wanted)?.value
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(
    Object.keys(labels)
      .toSorted()
      .map((name) => [name, labels[name]]),
  )
}

function belongs(sample: string, { name, type }: { readonly name: string; readonly type: string }): boolean {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'].some((end) => sample === name + end) : sample === name
}

function parseSample(line: string): Sample {
  const [, name = '', , inside, value = ''] = /^([a-zA-Z_:][\w:]*)(\{(.*)\})? (\S+)$/.exec(line) ?? []
  if (!NAME.test(name)) throw new Error(`no figure: ${line}`)
  if (!NUMBER.test(value)) throw new Error(`no number: ${line}`)
  return {
    name,
    labels: inside === undefined ? {} : parseLabels(inside),
    value: Number(value.replace('Inf', 'Infinity')),
  }
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  const one = /([a-zA-Z_]\w*)="((?:[^"\\]|\\["\\n])*)"(,|$)/y
  while (one.lastIndex < text.length) {
    const at = one.lastIndex
    const [, name = '', value = ''] = one.exec(text) ?? []
    if (name === '') throw new Error(`bad labels: ${text.slice(at)}`)
    if (name in labels) throw new Error(`the label ${name} twice`)
    labels[name] = value.replaceAll(/\\(["\\n])/g, (_all, c: string) => (c === 'n' ? '\n' : c))
  }
  return labels
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const { le: _le, ...rest } = sample.labels
    const key = keyOf(rest)
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  for (const group of groups.values()) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) => Number(labels['le']?.replace('Inf', 'Infinity')))
    const rises = (values: readonly number[]) => values.every((value, at) => value >= (values[at - 1] ?? -Infinity))
    if (bounds.at(-1) !== Infinity || bounds.some(Number.isNaN) || !rises(bounds))
      throw new Error(`${name}: bad bounds`)
    if (!rises(buckets.map(({ value }) => value))) throw new Error(`${name}: buckets fall`)
    const count = group.filter((sample) => sample.name === `${name}_count`)
    const sum = group.filter((sample) => sample.name === `${name}_sum`)
    if (count.length !== 1 || sum.length !== 1) throw new Error(`${name}: not one count and one sum`)
    if (count[0]?.value !== buckets.at(-1)?.value) throw new Error(`${name}: the count is not the last bucket`)
  }
}
