/** Where exponential backoff begins and ends, in milliseconds. */
export interface Backoff {
  readonly initialMs: number
  readonly maxMs: number
}

/**
 * How long to wait after so many failures in a row: "full jitter", anything up to a bound that doubles each time, so that
 * clients which lost their server together do not come back together. Source: "Exponential Backoff And Jitter", AWS
 * Architecture Blog, 2015.
 *
 * @param failures 0 and 1 give the first delay
 * @param random 0 ≤ x < 1
 */
export function backoffMs(failures: number, backoff: Backoff, random: number): number {
  const bound = Math.min(backoff.maxMs, backoff.initialMs * 2 ** Math.max(0, failures - 1))
  return Math.round(bound * random)
}

/** For a peer that said no: it will hardly say yes sooner. The upper half of the longest delay, jittered. */
export function patientMs(backoff: Backoff, random: number): number {
  return Math.round((backoff.maxMs * (1 + random)) / 2)
}
