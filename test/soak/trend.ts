/** What a row of measurements does as the work goes on. */
export interface Trend {
  /** Per unit of work. */
  readonly slope: number
  /** Of the slope: what it may be off by chance. */
  readonly standardError: number
}

/** The straight line through the points with the least squares. @throws where there are fewer than three */
export function trendOf(points: readonly { readonly work: number; readonly value: number }[]): Trend {
  const count = points.length
  if (count < 3) throw new Error(`a trend needs three points, not ${count}`)
  const meanWork = points.reduce((sum, { work }) => sum + work, 0) / count
  const meanValue = points.reduce((sum, { value }) => sum + value, 0) / count
  const spread = points.reduce((sum, { work }) => sum + (work - meanWork) ** 2, 0)
  const slope = points.reduce((sum, { work, value }) => sum + (work - meanWork) * (value - meanValue), 0) / spread
  const residue = points.reduce((sum, { work, value }) => sum + (value - meanValue - slope * (work - meanWork)) ** 2, 0)
  return { slope, standardError: Math.sqrt(residue / (count - 2) / spread) }
}
