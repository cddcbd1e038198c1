import type { AnyMethod } from './contract.ts'
import type { RpcContext } from './peer.ts'

/** What the application gave for one method, whatever its kind. */
export type AnyHandler = (input: unknown, context: RpcContext) => unknown

/** A method that this side serves. */
export interface ServedMethod {
  /** On the wire. */
  readonly name: string
  readonly definition: AnyMethod
  readonly handler: AnyHandler
  /** Gets the call undecoded, and gives bytes. */
  readonly undecoded: boolean
}
