import { badOption } from './errors.ts'

/** Up to so many letters to add, take away or change, a name may be meant. */
const NEAR = 2

/**
 * A name that nobody knows is a mistake of somebody who meant something; one that is undefined is not given.
 * @param prefix of the names in the error: `heartbeat.`
 * @throws ERR_BAD_OPTION that says which name is near, or which there are if they are few
 */
export function requireKnown(prefix: string, options: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue
    throw badOption(`${prefix}${name}`, `is unknown${suggestion(name, known)}`)
  }
}

/** The known name that was probably meant: other capitals, other order of letters, or a slip of the hand. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase()
  const letters = sorted(lower)
  let best: string | undefined
  let bestDistance = Math.min(NEAR + 1, Math.ceil(name.length / 2))
  for (const candidate of known) {
    const other = candidate.toLowerCase()
    const distance = sorted(other) === letters ? 0 : editDistance(lower, other)
    if (distance >= bestDistance) continue
    best = candidate
    bestDistance = distance
  }
  return best
}

function suggestion(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  if (near !== undefined) return `; did you mean ${near}?`
  return known.length <= 10 ? `; there are ${known.join(', ')}` : ''
}

function sorted(name: string): string {
  return Array.from(name).toSorted().join('')
}

/** Levenshtein's, row by row. */
function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > NEAR) return Infinity
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < to.length; j++) {
      const replaced = (row[j] as number) + (from[i] === to[j] ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] as number) + 1, (next[j] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}
