import { badOption } from '../core/errors.ts'
import { requireNumber, requireOneOf } from '../core/session-options.ts'

/** What a network does to those who use it. Left out is as a wire of no length: at once, whole, unchanged. */
export interface Faults {
  /** One way, in milliseconds. @defaultValue 0 */
  readonly latencyMs?: number | undefined
  /** Up to so much more, in milliseconds, by the seed; order is kept, but for datagrams, which overtake each other. @defaultValue 0 */
  readonly jitterMs?: number | undefined
  /** Chunks of 1 to so many bytes, by the seed; 1 is byte by byte. @defaultValue as they were written */
  readonly sliceBytes?: number | undefined
  /** Of each direction of each link. @defaultValue Infinity */
  readonly bytesPerSecond?: number | undefined
  /** What may be on its way and unread, in each direction; the rest stays with the writer. @defaultValue 65 536 */
  readonly windowBytes?: number | undefined
  /** A link is reset when so many bytes went through it in one direction; these still arrive. @defaultValue Infinity */
  readonly cutAfterBytes?: number | undefined
  /** The share of datagrams, from 0 to 1, that never arrive. @defaultValue 0 */
  readonly lossRatio?: number | undefined
  /** The share of datagrams, from 0 to 1, that arrive twice. @defaultValue 0 */
  readonly duplicateRatio?: number | undefined
  /** The share of chunks and datagrams, from 0 to 1, in which one bit is turned. @defaultValue 0 */
  readonly corruptRatio?: number | undefined
  /**
   * What a dial meets: 'refuse' is ERR_CONNECTION_REFUSED, 'ignore' no answer at all until heal(). With 'ignore' nobody hears
   * that a datagram found nobody, either. @defaultValue as 'answer'
   */
  readonly dials?: 'answer' | 'refuse' | 'ignore' | undefined
}

/** @throws ERR_BAD_OPTION */
export function checkFaults(faults: Faults): void {
  const minimum = {
    latencyMs: 0,
    jitterMs: 0,
    sliceBytes: 1,
    bytesPerSecond: 1,
    windowBytes: 1,
    cutAfterBytes: 0,
  } as const
  for (const name of Object.keys(minimum) as (keyof typeof minimum)[]) {
    if (faults[name] !== undefined) requireNumber(`faults.${name}`, faults[name], minimum[name])
  }
  for (const name of ['corruptRatio', 'lossRatio', 'duplicateRatio'] as const) {
    const { [name]: ratio = 0 } = faults
    if (!(ratio >= 0 && ratio <= 1)) throw badOption(`faults.${name}`, 'must be from 0 to 1')
  }
  if (faults.dials !== undefined) requireOneOf('faults.dials', faults.dials, ['answer', 'refuse', 'ignore'])
}
