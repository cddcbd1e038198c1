/*
 * The framings once more, from their definitions and in the plainest way: over the whole input, as text of one character
 * a byte. What they read, ours must read, and what they refuse, ours must refuse.
 */

/** What a stream is by its definition. */
export interface Expected {
  readonly frames: readonly string[]
  /** Whether it breaks a rule; 'either': what is wrong may show only with bytes that are not there yet. */
  readonly end: 'bad' | 'fine' | 'either'
}

export type FramingReference = (input: string, limitBytes: number) => Expected

/** One unit at the beginning of what is left: its frame and length; or why there is none. */
type Unit = { readonly frame: string; readonly bytes: number } | Expected['end']

function repeated(unit: (rest: string, limitBytes: number) => Unit): FramingReference {
  return (input, limitBytes) => {
    const frames: string[] = []
    for (let rest = input; ; ) {
      const next = unit(rest, limitBytes)
      if (typeof next === 'string') return { frames, end: next }
      frames.push(next.frame)
      rest = rest.slice(next.bytes)
    }
  }
}

function behind(rest: string, headerBytes: number, length: number, limitBytes: number, trailer = ''): Unit {
  if (length > limitBytes) return 'bad'
  const bytes = headerBytes + length + trailer.length
  if (rest.length < bytes) return 'fine'
  const frame = rest.slice(headerBytes, headerBytes + length)
  return rest.slice(headerBytes + length, bytes) === trailer ? { frame, bytes } : 'bad'
}

/** A length of so many bytes, and so much. */
export function lengths(fieldBytes: number, order: 'be' | 'le' = 'be'): FramingReference {
  return repeated((rest, limitBytes) => {
    if (rest.length < fieldBytes) return 'fine'
    const field = Array.from(rest.slice(0, fieldBytes), (letter) => BigInt(letter.charCodeAt(0)))
    if (order === 'le') field.reverse()
    const length = field.reduce((sum, byte) => sum * 256n + byte, 0n)
    return behind(rest, fieldBytes, Number(length), limitBytes)
  })
}

export const varints: FramingReference = repeated((rest, limitBytes) => {
  const field = /^[\u0080-\u00ff]{0,4}[\0-\u007f]/.exec(rest)?.[0]
  if (field === undefined) return /^[\u0080-\u00ff]{5}/.test(rest) ? 'bad' : 'fine'
  if (field.length > 1 && field.endsWith('\0')) return 'bad'
  const length = Array.from(field).reduceRight((sum, letter) => sum * 128 + (letter.charCodeAt(0) & 0x7f), 0)
  return behind(rest, field.length, length, limitBytes)
})

export const netstrings: FramingReference = repeated((rest, limitBytes) => {
  const header = /^(0|[1-9]\d{0,9}):/.exec(rest)
  if (header === null) return /^(0|[1-9]\d{0,9})?$/.test(rest) ? 'fine' : 'bad'
  return behind(rest, header[0].length, Number(header[1]), limitBytes, ',')
})

/** Frames between delimiters. @param most that the end of a frame without one may have, beyond the limit, before it is known */
export function between(
  delimiter: string,
  most: number,
  frameOf: (line: string) => string = (line) => line,
): FramingReference {
  return repeated((rest, limitBytes) => {
    const at = rest.indexOf(delimiter)
    if (at < 0) return rest.length <= limitBytes ? 'fine' : rest.length > limitBytes + most ? 'bad' : 'either'
    const frame = frameOf(rest.slice(0, at))
    return frame.length > limitBytes ? 'bad' : { frame, bytes: at + delimiter.length }
  })
}

export const lines: FramingReference = between('\n', 2, (line) => (line.endsWith('\r') ? line.slice(0, -1) : line))

export function fixed(length: number): FramingReference {
  return repeated((rest, limitBytes) => behind(rest, 0, length, limitBytes))
}

/** Headers before each frame, as the base protocol of language servers has them. */
export const contentLengths: FramingReference = repeated((rest, limitBytes) => {
  const MAX_HEADER_BYTES = 4096
  const end = rest.indexOf('\r\n\r\n')
  if (end > MAX_HEADER_BYTES) return 'bad'
  if (end < 0) return rest.length > MAX_HEADER_BYTES + 4 ? 'bad' : 'fine'
  const headers = rest.slice(0, end).split('\r\n')
  if (!headers.every((header) => /^[!-9;-~]+:[\t\u0020-\u00ff]*$/.test(header))) return 'bad'
  const sizes = headers.filter((header) => /^content-length:/i.test(header))
  const size = /^[^:]*:[\t ]*(\d{1,10})[\t ]*$/.exec(sizes[0] ?? '')?.[1]
  if (sizes.length !== 1 || size === undefined) return 'bad'
  return behind(rest, end + 4, Number(size), limitBytes)
})
