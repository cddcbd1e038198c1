/** @param {number} value */
export function inBytes(value) {
  if (value < 1_024) return `${Math.round(value)} B`
  if (value < 1_024 * 1_024) return `${(value / 1_024).toFixed(value < 10_240 ? 1 : 0)} KiB`
  return `${(value / 1_024 / 1_024).toFixed(1)} MiB`
}

/** @param {number | null | undefined} value */
export function inMilliseconds(value) {
  if (value === undefined || value === null) return '–'
  if (value >= 10_000) return `${(value / 1_000).toFixed(0)} s`
  if (value >= 1_000) return `${(value / 1_000).toFixed(1)} s`
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}

/** @param {number} value */
export function inCount(value) {
  return Math.round(value).toLocaleString('en')
}

/** @param {number} ms */
export function inAge(ms) {
  const seconds = Math.round(ms / 1_000)
  if (seconds < 100) return `${seconds} s`
  return seconds < 6_000 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`
}
