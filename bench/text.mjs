/** A ratio as it is printed; nothing where there is none. */
export function ratioText(ratio) {
  if (ratio === null) return ''
  return ratio >= 100 ? ratio.toFixed(0) : ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(3)
}

/** A figure with three or four digits. */
export function short(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}

/** What a goal asks and what came out. */
export function goalText({ subject, to, unit, atLeast, atMost, reached, isReached }) {
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`
  const of = to === undefined ? '' : ` × ${to}`
  return `${isReached ? '✔' : '✘'} ${subject}, ${unit}: ${bound}${of}; it is ${ratioText(reached)}`
}

/** Lines with their columns below each other; the first two begin at the left, and rows of two cells do not widen any. */
export function table(rows) {
  const widths = rows[0].map((_, column) =>
    Math.max(...rows.filter((row) => row.length > 2).map((row) => row[column].length)),
  )
  return rows.map((row) => row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '))
}
