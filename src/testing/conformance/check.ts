/**
 * The assertions of the conformance suites. They throw plain errors, so that the suites run under any test runner.
 */
import { isHawserError, type ErrorCode } from '../../core/errors.ts'

/** `what` says in a sentence what must hold. */
export function ok(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

/** Equal in depth: bytes by content (a Buffer equals a Uint8Array), objects by their own enumerable keys, NaN equals NaN. */
export function equal(actual: unknown, expected: unknown, what: string): void {
  if (!same(actual, expected)) throw new Error(`${what}: got ${show(actual)}, expected ${show(expected)}`)
}

/** @throws unless both hold the same bytes */
export function equalBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (!sameBytes(actual, expected)) throw new Error(`${what}: got ${show(actual)}, expected ${show(expected)}`)
}

/** `run` throws a HawserError with one of these codes (any, if none is named), which is given back. */
export function throws(run: () => unknown, ...codes: ErrorCode[]): Error {
  let result: unknown
  try {
    result = run()
  } catch (error) {
    return confirmed(error, codes)
  }
  throw new Error(`no error, but ${show(result)}, expected ${wanted(codes)}`)
}

/** As `throws`, for a promise. */
export async function rejects(promise: PromiseLike<unknown>, ...codes: ErrorCode[]): Promise<Error> {
  let result: unknown
  try {
    result = await promise
  } catch (error) {
    return confirmed(error, codes)
  }
  throw new Error(`no error, but ${show(result)}, expected ${wanted(codes)}`)
}

function confirmed(error: unknown, codes: ErrorCode[]): Error {
  if (isHawserError(error, ...codes)) return error
  throw new Error(`got ${show(error)}, expected ${wanted(codes)}`, { cause: error })
}

function wanted(codes: ErrorCode[]): string {
  return codes.length === 0 ? 'a HawserError' : codes.join(' or ')
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Uint8Array) return b instanceof Uint8Array && sameBytes(a, b)
  if (a instanceof Map && b instanceof Map) return same([...a], [...b])
  if (a instanceof Set && b instanceof Set) return same([...a], [...b])
  const kind = Object.prototype.toString.call(a)
  if (kind !== Object.prototype.toString.call(b)) return false
  if (kind === '[object Date]') return Number(a) === Number(b)
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && same(a[key as keyof typeof a], b[key as keyof typeof b]))
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}

const SHOWN_BYTES = 64

/** One line about any value. */
function show(value: unknown): string {
  if (value instanceof Uint8Array) {
    const hex = Array.from(value.subarray(0, SHOWN_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
    return `${value.length} bytes <${hex}${value.length > SHOWN_BYTES ? ' …' : ''}>`
  }
  if (isHawserError(value)) return `${value.code} (${value.message})`
  if (value instanceof Error) return `${value.name} (${value.message})`
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? `'${value}'` : String(value)
  try {
    return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))
  } catch {
    return Object.prototype.toString.call(value) // it refers to itself
  }
}
