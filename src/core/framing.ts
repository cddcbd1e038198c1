import { badOption } from './errors.ts'
import type { Peer } from './peer.ts'
import type { ReadBuffer } from './read-buffer.ts'
import type { WriteBuffer } from './write-buffer.ts'

/**
 * Where a unit ends on a byte stream. It may have state, so options take a factory.
 *
 * `next` gives the next frame as a view, or undefined when more bytes are needed: then it has consumed nothing that it
 * would need again, and says by `buffer.need()` how many bytes it waits for, where it knows. It is called again when
 * they are there. A throw (ERR_BAD_FRAME) closes the session, because the next boundary can no longer be found.
 */
export interface Framing {
  next(buffer: ReadBuffer): Uint8Array | undefined
  /** Before the codec writes the body. Gives a mark for `end`. */
  begin(out: WriteBuffer): number
  /** After it: fills in a length, adds a delimiter. A throw goes to the caller of `send`. */
  end(out: WriteBuffer, mark: number): void
}

/** Makes the framing of one session; each has its own. */
export type FramingFactory = () => Framing

/**
 * The framing of one session, from the option `framing`: a factory, or a function of the peer that gives one. `session`
 * is asked for its peer only then: most sessions never make theirs.
 * @throws ERR_BAD_OPTION where that gives no framing
 */
export function framingFor(
  option: FramingFactory | ((peer: Peer) => FramingFactory),
  session: { readonly peer: Peer },
): Framing {
  const made = option.length > 0 ? option(session.peer) : (option as () => Framing | FramingFactory)()
  const framing: unknown = typeof made === 'function' ? made() : made
  if (isFraming(framing)) return framing
  throw badOption('framing', 'must be a function that makes a framing: did you forget to call it, as in line()?')
}

function isFraming(made: unknown): made is Framing {
  return typeof made === 'object' && made !== null && typeof (made as Partial<Framing>).next === 'function'
}
