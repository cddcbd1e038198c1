import type { Random } from '../../src/testing/random.ts'

/** Something that reads what strangers send, and what must hold whatever that is. */
export interface FuzzTarget {
  readonly name: string
  /** Inputs that are right, or nearly: mutation begins with them. */
  readonly corpus: readonly Uint8Array[]
  /** Words and numbers that mean something to it. */
  readonly tokens?: readonly Uint8Array[]
  /** Before the first input, and after the last. */
  open?(): Promise<void>
  close?(): Promise<void>
  /**
   * @param random cuts the input and picks limits: the same seed gives the same
   * @returns what became of the input, in a few words: inputs with a new fate are mutated further
   * @throws where something does not hold
   */
  check(input: Uint8Array, random: Random): string | Promise<string>
}

/** Latin letters and signs as bytes. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** The code of an error that a caller may get; any other is a violation. @throws that other one */
export function codeOf(error: unknown): string {
  const { name, code } = error as { readonly name?: unknown; readonly code?: unknown }
  if (name === 'HawserError' && typeof code === 'string' && code.startsWith('ERR_')) return code
  throw new Error(`threw what is no HawserError: ${String(error)}`, { cause: error })
}

/** @throws where they differ, with the beginning of both */
export function same(actual: string, expected: string, what: string): void {
  if (actual === expected) return
  let at = 0
  while (actual[at] === expected[at]) at++
  const shown = (text: string) => `${at > 20 ? '…' : ''}${text.slice(Math.max(0, at - 20), at + 120)}`
  throw new Error(`${what}: ${shown(actual)}\n  instead of ${shown(expected)}`)
}
