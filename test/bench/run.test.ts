import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const WORKLOADS = fileURLToPath(new URL('../support/bench-workloads.js', import.meta.url))
const KEYS = ['workload', 'subject', 'unit', 'median', 'min', 'max', 'n', 'ratio_to_baseline']

interface Figure {
  readonly workload: string
  readonly subject: string
  readonly unit: string
  readonly median: number
  readonly min: number
  readonly max: number
  readonly n: number
  readonly ratio_to_baseline: number | null
}

/** Runs the bench with rounds that are as short as can be. */
async function bench(...args: string[]): Promise<{ code: number | null; output: string; errors: string }> {
  const all = ['bench/run.mjs', '--quick', '--round-ms', '10', '--workloads', WORKLOADS, ...args]
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [[code], output, errors] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
  return { code: code as number | null, output, errors }
}

function figuresOf(output: string): Figure[] {
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Figure)
}

test.serial('every kind of workload gives figures, one JSON object a line', async (t) => {
  t.timeout(120_000)
  const { code, output, errors } = await bench('--only', 'tiny', '--json')
  t.is(errors, '')
  t.is(code, 0)
  const figures = figuresOf(output)
  for (const figure of figures) {
    t.deepEqual(Object.keys(figure), KEYS)
    t.true(figure.min <= figure.median && figure.median <= figure.max, JSON.stringify(figure))
    t.true(Number.isInteger(figure.n) && figure.n >= 1)
    if (figure.subject === 'baseline' && figure.median !== 0) t.is(figure.ratio_to_baseline, 1)
  }
  const headlines = {
    'tiny-echo': 'messages/s',
    'tiny-latency': 'p99.9 us',
    'tiny-json': 'messages/s',
    'tiny-protobuf': 'messages/s',
    'tiny-numbers': 'messages/s',
    'tiny-inproc': 'CPU ns/message',
    'tiny-udp': 'lost/million',
    'tiny-ws': 'server CPU ns/message',
    'tiny-tls': 'client CPU ns/message',
    'tiny-bulk': 'MB/s',
    'tiny-broadcast': 'us/delivery',
    'tiny-slow': 'owed KiB/stalled session',
    'tiny-idle': 'heap KiB/session',
    'tiny-churn': 'cycles/s',
  }
  for (const [workload, unit] of Object.entries(headlines)) {
    for (const subject of ['baseline', 'hawser']) {
      const found = figures.filter(
        (each) => each.workload === workload && each.subject === subject && each.unit === unit,
      )
      t.is(found.length, 1, `${workload} ${subject} ${unit}`)
    }
  }
})

test.serial(
  'a message that is changed, lost, swapped or doubled fails its run, and no figure comes of it',
  async (t) => {
    const { code, output, errors } = await bench('--only', 'echo-', '--only', 'oneway-', '--json')
    t.is(code, 1)
    for (const kind of ['echo', 'oneway']) {
      for (const fault of ['changed', 'lost', 'swapped', 'twice']) {
        const report = new RegExp(
          `^${kind}-${fault} \\S*bench-fault.js: .*message \\d+ (came back|arrived) wrong, or out of order`,
          'm',
        )
        t.regex(errors, report)
      }
    }
    // Whoever takes turns with it is not touched by its fault.
    const measured = figuresOf(output).map(({ workload, subject }) => `${workload} ${subject}`)
    t.deepEqual([...new Set(measured)], ['echo-changed baseline'])
  },
)

test.serial('the page has the machine, the figures and plots without holes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-bench-page-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { code, output, errors } = await bench('--only', 'tiny-echo', '--only', 'tiny-latency', '--page', folder)
  t.is(errors, '')
  t.is(code, 0)
  t.regex(output, /hawser, messages\/s: at least 1; it is/)
  const page = readFileSync(join(folder, 'benchmarks.md'), 'utf8')
  t.true(page.includes(process.version))
  t.regex(page, /\| tiny-echo \| baseline \| .*\/s \|/)
  t.regex(page, /\| tiny-latency \| hawser \| /)
  const plots = readdirSync(join(folder, 'benchmarks')).toSorted()
  t.deepEqual(plots, ['latency.svg', 'ratios.svg'])
  for (const plot of plots) {
    t.true(page.includes(`benchmarks/${plot}`))
    const picture = readFileSync(join(folder, 'benchmarks', plot), 'utf8')
    t.regex(picture, /^<svg [\s\S]*<\/svg>\n$/)
    t.notRegex(picture, /NaN|undefined|Infinity/)
  }
})

test.serial('what is not there is said, with status 2', async (t) => {
  const unknown = await bench('--only', 'no-such-workload')
  t.is(unknown.code, 2)
  t.regex(unknown.errors, /no workload is named so/)
  const wrong = await bench('--fast')
  t.is(wrong.code, 2)
  t.regex(wrong.errors, /Usage: npm run bench/)
})
