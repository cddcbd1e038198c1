import test from 'ava'
import { Metrics } from '../../src/stages/metrics.ts'
import { parsePrometheus } from '../support/prometheus.ts'

const BAD = { code: 'ERR_BAD_OPTION' } as never

test('counters add up, gauges are set, each by its labels in whatever order', (t) => {
  const metrics = new Metrics()
  t.is(metrics.prometheus(), '')
  metrics.describe('jobs_total', { help: 'Jobs that\nended \\ failed.' })
  metrics.counter('jobs_total', 2, { queue: 'mail', result: 'ok' })
  metrics.counter('jobs_total', 3, { result: 'ok', queue: 'mail' })
  metrics.counter('jobs_total', 1, {})
  metrics.gauge('load', 5, {})
  metrics.gauge('load', -0.5, {})
  t.is(
    metrics.prometheus(),
    `# HELP jobs_total Jobs that\\nended \\\\ failed.
# TYPE jobs_total counter
jobs_total{queue="mail",result="ok"} 5
jobs_total 1
# TYPE load gauge
load -0.5
`,
  )
  t.is(parsePrometheus(metrics.prometheus()).get('jobs_total')?.help, 'Jobs that\nended \\ failed.')
})

test('a histogram counts what is at most each bound, and everything', (t) => {
  const metrics = new Metrics()
  metrics.describe('wait_seconds', { buckets: [0.1, 1, 10] })
  for (const value of [0.05, 0.1, 0.5, 99]) metrics.histogram('wait_seconds', value, { a: 'b' })
  t.is(
    metrics.prometheus(),
    `# TYPE wait_seconds histogram
wait_seconds_bucket{a="b",le="0.1"} 2
wait_seconds_bucket{a="b",le="1"} 3
wait_seconds_bucket{a="b",le="10"} 3
wait_seconds_bucket{a="b",le="+Inf"} 4
wait_seconds_sum{a="b"} 99.65
wait_seconds_count{a="b"} 4
`,
  )
  parsePrometheus(metrics.prometheus())
})

test('whatever stands in a label comes back as it was', (t) => {
  const metrics = new Metrics()
  const values = ['', 'a"b', 'a\\b', 'a\nb', '\\n', '{}', ',x="y"', 'ünï', '"} 7\nevil 1', ' ']
  for (const [at, value] of values.entries()) metrics.gauge('g', at, { value })
  const samples = parsePrometheus(metrics.prometheus()).get('g')?.samples ?? []
  t.deepEqual(
    samples.map(({ labels, value }) => [labels['value'], value]),
    values.map((value, at) => [value, at]),
  )
})

test('numbers that are none in decimal are written as Prometheus has them', (t) => {
  const metrics = new Metrics()
  for (const [at, value] of [Infinity, -Infinity, Number.NaN, 1e300].entries())
    metrics.gauge('g', value, { at: `${at}` })
  const samples = parsePrometheus(metrics.prometheus()).get('g')?.samples ?? []
  t.deepEqual(
    samples.map(({ value }) => value),
    [Infinity, -Infinity, Number.NaN, 1e300],
  )
})

test('the sets of labels are bounded, each metric by itself; what is left out is counted', (t) => {
  const metrics = new Metrics({ maxSeries: 3 })
  for (let i = 0; i < 10; i++) metrics.counter('hits_total', 1, { user: `${i}` })
  for (let i = 0; i < 5; i++) metrics.histogram('h', 1, { user: `${i}` })
  metrics.counter('hits_total', 5, { user: '1' })
  const families = parsePrometheus(metrics.prometheus())
  t.is(families.get('hits_total')?.samples.length, 3)
  t.is(families.get('hits_total')?.samples[1]?.value, 6)
  t.is(families.get('hawser_metrics_left_out_total')?.samples[0]?.value, 7 + 2)
})

test('misuse is refused: values, names, labels, and one name for two kinds', (t) => {
  const metrics = new Metrics()
  metrics.counter('c_total', 1, {})
  t.throws(() => metrics.counter('c_total', -1, {}), BAD)
  t.throws(() => metrics.counter('c_total', Number.NaN, {}), BAD)
  t.throws(() => metrics.gauge('c_total', 1, {}), BAD)
  t.throws(() => metrics.histogram('h', Infinity, {}), BAD)
  t.throws(() => metrics.histogram('h', 1, { le: '1' }), BAD)
  t.throws(() => metrics.gauge('no-name', 1, {}), BAD)
  t.throws(() => metrics.gauge('g', 1, { 'no-label': 'x' }), BAD)
  t.throws(() => metrics.gauge('g', 1, { __name__: 'x' }), BAD)
  t.throws(() => metrics.describe('h2', { buckets: [1, 1] }), BAD)
  t.throws(() => metrics.describe('c_total', { help: 'late' }), BAD)
  t.throws(() => new Metrics({ maxSeries: 0 }), BAD)
  t.true(parsePrometheus(metrics.prometheus()).has('c_total'))
})
