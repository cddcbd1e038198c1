import type { AnyMethod } from './contract.ts'

/** What one side of a session calls a method: once the peer knows the number, the name is left out. */
export interface MethodNumber {
  /** -1: there are too many, it goes by name. */
  readonly number: number
  /** The peer was told. */
  known: boolean
}

/** A method as it is called through one session. */
export interface OutgoingMethod {
  /** On the wire. */
  readonly name: string
  readonly definition: AnyMethod
  readonly number: MethodNumber
  /** The argument is given, and the answer wanted, as bytes. */
  readonly undecoded: boolean
}
