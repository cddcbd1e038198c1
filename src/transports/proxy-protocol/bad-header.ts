import { HawserError } from '../../core/errors.ts'

/** What a trusted sender sent instead of a header. */
export function badHeader(complaint: string): HawserError<'ERR_PROXY'> {
  return new HawserError('ERR_PROXY', `the PROXY header ${complaint}`)
}
