import { arch, availableParallelism, cpus, release, type } from 'node:os'

/** The subject that the ratios refer to. */
const BASELINE = 'baseline'

/** One JSON object a line, for programs; what failed goes to standard error. */
export class JsonReport {
  failed = false

  begin() {}

  workload(workload, units, results) {
    for (const { subject, failure, figures } of evaluate(units, results)) {
      if (failure !== undefined) this.#fail(workload, subject, failure)
      for (const { unit, median, min, max, n, ratio } of figures)
        console.log(
          JSON.stringify({ workload: workload.name, subject, unit, median, min, max, n, ratio_to_baseline: ratio }),
        )
    }
  }

  #fail(workload, subject, failure) {
    this.failed = true
    console.error(`${workload.name} ${subject}: ${failure}`)
  }
}

/** A table for each workload, for people. */
export class TableReport {
  failed = false

  begin({ pinned, pace }) {
    console.log(
      `Node ${process.version}, ${type()} ${release()} ${arch()}, ${cpus()[0]?.model.trim() ?? 'CPU unknown'}`,
    )
    console.log(
      `${availableParallelism()} cores, ${pinned ? 'client and server on one each' : 'processes not pinned'}; ` +
        `up to ${pace.rounds} rounds of ${pace.measureMs} ms after ${pace.warmUpMs} ms of warm-up`,
    )
  }

  workload(workload, units, results) {
    console.log(`\n${workload.name}`)
    const rows = [['', 'unit', 'median', 'min', 'max', 'n', 'ratio']]
    for (const { subject, failure, figures } of evaluate(units, results)) {
      for (const [i, { unit, median, min, max, n, ratio }] of figures.entries())
        rows.push([i === 0 ? subject : '', unit, short(median), short(min), short(max), String(n), ratioText(ratio)])
      if (failure !== undefined) {
        this.failed = true
        rows.push([subject, `failed: ${failure.split('\n', 1)[0]}`])
      }
    }
    const widths = rows[0].map((_, column) =>
      Math.max(...rows.filter((row) => row.length > 2).map((row) => row[column].length)),
    )
    for (const row of rows)
      console.log(`  ${row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`)
  }
}

/** Medians of each subject and unit, with the ratio to the baseline's (null where it has none). */
function evaluate(units, results) {
  const medians = new Map(units.map((unit) => [unit, spread(results.get(BASELINE)?.runs ?? [], unit)?.median]))
  return [...results].map(([subject, { runs, failure }]) => ({
    subject,
    failure,
    figures: units.flatMap((unit) => {
      const figure = spread(runs, unit)
      if (figure === undefined) return []
      const base = medians.get(unit)
      return [{ unit, ...figure, ratio: base === undefined || base === 0 ? null : significant(figure.median / base) }]
    }),
  }))
}

function spread(runs, unit) {
  const values = runs.flatMap((run) => (run[unit] === undefined ? [] : [run[unit]])).toSorted((a, b) => a - b)
  if (values.length === 0) return undefined
  const middle = values.length >> 1
  const median = values.length % 2 === 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
  return { median: significant(median), min: significant(values[0]), max: significant(values.at(-1)), n: values.length }
}

/** Four significant digits; more are noise. */
const significant = (value) => Number(value.toPrecision(4))

const ratioText = (ratio) => (ratio === null ? '' : ratio.toFixed(3))

function short(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}
