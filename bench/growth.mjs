import { ratioText, short } from './text.mjs'

const SUBJECTS = ['baseline', 'hawser']

/**
 * What the workloads of growth gave, a row for each number of sessions; nothing where none was measured.
 *
 * @returns {{ connections: number, costs: Map<string, Record<string, number>> }[]} costs by name of the column, then by subject
 */
export function growthOf(evaluated) {
  const rows = new Map()
  for (const { workload, results } of evaluated) {
    const { connections, growth } = workload
    if (growth === undefined) continue
    if (!rows.has(connections)) rows.set(connections, { connections, costs: new Map() })
    const medians = results.flatMap(({ subject, figures }) =>
      figures.filter(({ unit }) => unit === growth).map(({ median }) => [subject, median]),
    )
    rows.get(connections).costs.set(`${workload.kind}: ${growth}`, Object.fromEntries(medians))
  }
  return [...rows.values()].toSorted((a, b) => a.connections - b.connections)
}

/** The same as rows of text, the first with the names of the columns. */
export function growthTable(evaluated) {
  const rows = growthOf(evaluated)
  if (rows.length === 0) return []
  const columns = [...new Set(rows.flatMap(({ costs }) => [...costs.keys()]))]
  return [
    ['sessions', ...columns.flatMap((name) => [name, ...SUBJECTS.slice(1), 'ratio'])].map((name, i) =>
      i > 0 && columns.includes(name) ? `${name}, ${SUBJECTS[0]}` : name,
    ),
    ...rows.map(({ connections, costs }) => [
      connections.toLocaleString('en'),
      ...columns.flatMap((name) => {
        const { baseline, hawser } = costs.get(name) ?? {}
        const ratio = baseline > 0 && hawser !== undefined ? ratioText(hawser / baseline) : ''
        return [baseline, hawser].map((value) => (value === undefined ? '' : short(value))).concat(ratio)
      }),
    ]),
  ]
}
