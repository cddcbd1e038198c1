import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { growthOf, growthTable } from './growth.mjs'
import { describe, isBusy } from './machine.mjs'
import { barChart, lineChart } from './plot.mjs'
import { goalsOf } from './statistics.mjs'
import { ratioText, short } from './text.mjs'

/** Of the page's plots, beside it. */
const PLOTS = 'benchmarks'

/** The cells of a subject without figures. */
const BLANKS = ['', '', '', '', '', '']

/** Writes `benchmarks.md` and its plots into the directory. */
export function writePage(directory, evaluated, run) {
  mkdirSync(join(directory, PLOTS), { recursive: true })
  const plots = plotsOf(evaluated)
  for (const { file, picture } of plots) writeFileSync(join(directory, PLOTS, file), picture)
  writeFileSync(join(directory, 'benchmarks.md'), pageOf(evaluated, run, plots))
}

function pageOf(evaluated, run, plots) {
  const plot = (file) => {
    const found = plots.find((each) => each.file === file)
    return found === undefined ? [] : [`![${found.title}](${PLOTS}/${file})`, '']
  }
  const growth = growthTable(evaluated)
  return [
    '# Benchmarks',
    '',
    'Hawser beside the best that can be written by hand on the public interfaces of Node, beside a first version of such a program, and beside others.',
    'What is measured, and how, says [bench/README.md](../bench/README.md). `npm run bench -- --page docs` writes this page.',
    '',
    '**Only ratios travel**: absolute figures belong to the machine below, and loopback is no network.',
    '',
    '```',
    ...describe(run),
    peers(),
    '```',
    '',
    ...(isBusy
      ? [
          '**The machine was busy with other work during this run.** Take from it the ratios of CPU and of memory; its rates and round trips are not to be quoted.',
          '',
        ]
      : []),
    ...plot('ratios.svg'),
    ...plot('echo.svg'),
    ...plot('latency.svg'),
    ...goalsSection(evaluated),
    ...(growth.length === 0
      ? []
      : [
          '## Cost of growth',
          '',
          'Every session has one message on the way; or one broadcast goes to all; or all are silent.',
          '',
          ...plot('growth.svg'),
          ...markdownTable(growth),
          '',
        ]),
    '## All figures',
    '',
    'Medians, with the least and the largest round, and each ratio to the first subject of the workload. CPU is that of client and server together,',
    'or of the server where it says so: on a machine that had more to do, it is the figure to trust.',
    '',
    ...markdownTable([
      ['workload', 'subject', 'median', 'least', 'largest', 'rounds', 'ratio', 'CPU', 'ratio'],
      ...evaluated.filter(({ workload }) => workload.growth === undefined).flatMap(rowsOf),
    ]),
    '',
    ...latencyTable(evaluated),
  ].join('\n')
}

/** The packages it is measured beside. */
function peers() {
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))
  const versions = Object.entries(dependencies).map(([name, version]) => `${name} ${version}`)
  return `Beside ${versions.join(', ')}`
}

function goalsSection(evaluated) {
  const goals = evaluated.flatMap(({ workload, results }) =>
    goalsOf(workload, results).map((goal) => ({ workload, goal })),
  )
  if (goals.length === 0) return []
  return [
    '## What it should reach',
    '',
    ...markdownTable([
      ['workload', 'subject', 'figure', 'goal', 'it is', ''],
      ...goals.map(({ workload, goal: { subject, to, unit, atLeast, atMost, reached, isReached } }) => [
        workload.name,
        subject,
        unit,
        `${atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`}${to === undefined ? '' : ` × ${to}`}`,
        ratioText(reached),
        isReached ? '✔' : '✘',
      ]),
    ]),
    '',
  ]
}

function rowsOf({ workload, results }) {
  return results.map(({ subject, failure, unavailable, figures }, i) => {
    const name = i === 0 ? workload.name : ''
    const [first] = figures
    if (first === undefined) return [name, subject, failure === undefined ? (unavailable ?? '') : 'failed', ...BLANKS]
    const cpu = figures.find(({ unit }) => unit.includes('CPU'))
    return [
      name,
      subject,
      `${short(first.median)} ${first.unit}`,
      short(first.min),
      short(first.max),
      String(first.n),
      first.ratio === null ? '' : ratioText(first.ratio),
      ...(cpu === undefined
        ? ['', '']
        : [`${short(cpu.median)} ${cpu.unit.replace('CPU ', '')}`, cpu.ratio === null ? '' : ratioText(cpu.ratio)]),
    ]
  })
}

function latencyTable(evaluated) {
  const rows = evaluated.flatMap(({ workload, results }) =>
    results
      .filter(({ figures }) => figures.some(({ unit }) => unit === 'p50 us'))
      .map(({ subject, figures }) => [
        workload.name,
        subject,
        ...['p50 us', 'p99 us', 'p99.9 us'].map((unit) => short(figures.find((figure) => figure.unit === unit).median)),
      ]),
  )
  if (rows.length === 0) return []
  return [
    '## Round trips',
    '',
    'Percentiles of each round in µs, and of those the median over the rounds. With one message on the way they are mostly the wake-up of an idle core.',
    '',
    ...markdownTable([['workload', 'subject', 'p50', 'p99', 'p99.9'], ...rows]),
    '',
  ]
}

const row = (cells) => `| ${cells.join(' | ')} |`

function markdownTable([head, ...rows]) {
  return [row(head), row(head.map((_, i) => (i < 2 ? '---' : '---:'))), ...rows.map(row)]
}

/** Those for which something was measured. */
function plotsOf(evaluated) {
  return [ratios(evaluated), echoes(evaluated), latencies(evaluated), growthLines(evaluated)].filter(
    (plot) => plot !== undefined,
  )
}

/** Hawser's headline by that of hand-written code, where more is better. */
function ratios(evaluated) {
  const groups = evaluated.flatMap(({ workload, results }) => {
    if (workload.growth !== undefined) return []
    const headline = (name) => results.find(({ subject }) => subject === name)?.figures[0]
    const [ours, base] = [headline('hawser'), headline('baseline')]
    if (ours === undefined || base === undefined || !ours.unit.endsWith('/s')) return []
    const mark = workload.goals?.find(
      ({ subject, to, unit }) => subject === 'hawser' && to === 'baseline' && !unit,
    )?.atLeast
    return [{ label: workload.name, bars: [{ name: 'hawser', value: ours.median / base.median, mark }] }]
  })
  if (groups.length === 0) return undefined
  const title = 'Rate of Hawser, as a share of the best hand-written Node (red: the goal)'
  return { file: 'ratios.svg', title, picture: barChart({ title, unit: '×', groups }) }
}

/** What 64-byte messages reach with each subject. */
function echoes(evaluated) {
  const names = [
    'tcp-echo-64b-4x256-raw',
    'tcp-echo-64b-1x256-raw',
    'tcp-oneway-64b-raw',
    'ws-echo-64b-1x256',
    'udp-echo-64b-64',
  ]
  const groups = names.flatMap((name) => {
    const found = evaluated.find(({ workload }) => workload.name === name)
    const bars = (found?.results ?? []).flatMap(({ subject, figures: [first] }) =>
      first === undefined ? [] : [{ name: subject, value: first.median, min: first.min, max: first.max }],
    )
    return bars.length === 0 ? [] : [{ label: name, bars }]
  })
  if (groups.length === 0) return undefined
  const title = 'Messages of 64 bytes a second, by powers of ten'
  return { file: 'echo.svg', title, picture: barChart({ title, unit: '/s', log: true, groups }) }
}

function latencies(evaluated) {
  const groups = evaluated.flatMap(({ workload, results }) => {
    const bars = results.flatMap(({ subject, figures }) => {
      const p99 = figures.find(({ unit }) => unit === 'p99 us')
      return p99 === undefined ? [] : [{ name: subject, value: p99.median, min: p99.min, max: p99.max }]
    })
    return bars.length === 0 ? [] : [{ label: workload.name, bars }]
  })
  if (groups.length === 0) return undefined
  const title = 'Round trip, 99th percentile'
  return { file: 'latency.svg', title, picture: barChart({ title, unit: 'µs', groups }) }
}

function growthLines(evaluated) {
  const rows = growthOf(evaluated)
  if (rows.length === 0) return undefined
  const labels = [...new Set(rows.flatMap(({ costs }) => [...costs.keys()]))]
  const panels = labels.map((label) => ({
    label,
    lines: ['baseline', 'hawser'].map((name) => ({
      name,
      points: rows.flatMap(({ connections, costs }) => {
        const y = costs.get(label)?.[name]
        return y === undefined ? [] : [{ x: connections, y }]
      }),
    })),
  }))
  const title = 'Cost by number of sessions'
  return { file: 'growth.svg', title, picture: lineChart({ title, panels }) }
}
