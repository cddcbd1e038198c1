/**
 * Whether all of `text` is like `pattern`: `*` any run, `?` any one, `[a-z]` and `[^a-z]` one of a set, `\` takes the
 * next as it is. A mismatch goes back to the last `*` only, so that time is bounded by the product of both lengths
 * (the recursion of the obvious version is a way to stop a server).
 */
export function globMatches(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  let starP = -1
  let starT = 0
  while (t < text.length) {
    const length = pattern[p] === '*' ? 0 : elementLength(pattern, p)
    if (pattern[p] === '*') {
      starP = ++p
      starT = t
    } else if (p < pattern.length && elementMatches(pattern.slice(p, p + length), text[t] as string)) {
      p += length
      t++
    } else if (starP >= 0) {
      p = starP
      t = ++starT
    } else {
      return false
    }
  }
  while (pattern[p] === '*') p++
  return p >= pattern.length
}

/** Of the pattern's element at `at`: `[...]` to its bracket, or to the end of the pattern where that is missing. */
function elementLength(pattern: string, at: number): number {
  if (pattern[at] === '\\') return 2
  if (pattern[at] !== '[') return 1
  let end = at + (pattern[at + 1] === '^' ? 2 : 1)
  while (end < pattern.length && pattern[end] !== ']') end += pattern[end] === '\\' ? 2 : 1
  return Math.min(end + 1, pattern.length) - at
}

function elementMatches(element: string, character: string): boolean {
  if (element === '?') return true
  if (element[0] === '\\') return (element[1] ?? '\\') === character
  return element[0] === '[' ? setMatches(element, character) : element === character
}

function setMatches(set: string, character: string): boolean {
  const negated = set[1] === '^'
  const end = set.endsWith(']') ? set.length - 1 : set.length
  for (let at = negated ? 2 : 1; at < end; at++) {
    if (set[at] === '\\' && at + 1 < end) at++
    const low = set[at] as string
    const isRange = set[at + 1] === '-' && at + 2 < end
    if (isRange) at += 2
    const high = set[at] as string
    if (low <= high ? low <= character && character <= high : high <= character && character <= low) return !negated
  }
  return negated
}
