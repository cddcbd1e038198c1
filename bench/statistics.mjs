/** The subject that the ratios refer to, where a workload does not name another. */
const BASELINE = 'baseline'

/**
 * Medians of each subject and unit, with the ratio to the baseline's (null where it has none).
 *
 * @typedef {object} Figure
 * @property {string} unit
 * @property {number} median
 * @property {number} min
 * @property {number} max
 * @property {number} n rounds
 * @property {number | null} ratio
 *
 * @typedef {{ subject: string, failure?: string, unavailable?: string, figures: readonly Figure[] }} Result
 * @returns {readonly Result[]}
 */
export function evaluate({ baseline = BASELINE }, units, results) {
  const medians = new Map(units.map((unit) => [unit, spread(results.get(baseline)?.runs ?? [], unit)?.median]))
  return [...results].map(([subject, { runs, failure, unavailable }]) => ({
    subject,
    failure,
    unavailable,
    // One that changed or lost a message has no figures, whatever it gave before.
    figures: units.flatMap((unit) => {
      const figure = failure === undefined ? spread(runs, unit) : undefined
      if (figure === undefined) return []
      const base = medians.get(unit)
      return [{ unit, ...figure, ratio: base === undefined || base === 0 ? null : significant(figure.median / base) }]
    }),
  }))
}

/** What became of the workload's goals, of those whose subjects were measured. */
export function goalsOf({ goals = [] }, results) {
  const medianOf = (name, unit) =>
    results.find(({ subject }) => subject === name)?.figures.find((figure) => figure.unit === unit)?.median
  return goals.flatMap((goal) => {
    const unit = goal.unit ?? results[0].figures[0]?.unit
    const value = medianOf(goal.subject, unit)
    const base = goal.to === undefined ? 1 : medianOf(goal.to, unit)
    if (value === undefined || base === undefined) return []
    const reached = significant(value / base)
    const { atLeast = -Infinity, atMost = Infinity } = goal
    return [{ ...goal, unit, reached, isReached: reached >= atLeast && reached <= atMost }]
  })
}

function spread(runs, unit) {
  const values = runs.flatMap((run) => (run[unit] === undefined ? [] : [run[unit]])).toSorted((a, b) => a - b)
  if (values.length === 0) return undefined
  const middle = values.length >> 1
  const median = values.length % 2 === 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
  return { median: significant(median), min: significant(values[0]), max: significant(values.at(-1)), n: values.length }
}

/** Four significant digits; more are noise. */
function significant(value) {
  return Number(value.toPrecision(4))
}
