import type { AnyMethod } from './contract.ts'
import type { RpcContext } from './peer.ts'

/** What the application gave for one method, whatever its kind. */
export type AnyHandler = (input: unknown, context: RpcContext) => unknown

/** A method that this side serves. */
export interface ServedMethod {
  /** On the wire. */
  readonly name: string
  readonly definition: AnyMethod
  /** The object that the handler is a method of. */
  readonly handlers: unknown
  readonly handler: AnyHandler
  /** Gets the call undecoded, and gives bytes. */
  readonly undecoded: boolean
}
