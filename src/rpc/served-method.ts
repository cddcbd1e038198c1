import type { AnyMethod, Kind } from './contract.ts'
import { FrameType } from './frame.ts'
import type { RpcContext } from './peer.ts'

/** What the application gave for one method, whatever its kind. */
export type AnyHandler = (input: unknown, context: RpcContext) => unknown

/** A method that this side serves. */
export interface ServedMethod {
  /** On the wire. */
  readonly name: string
  readonly definition: AnyMethod
  /** The types of calls that it may be called by, a bit for each. */
  readonly types: number
  /** The object that the handler is a method of. */
  readonly handlers: unknown
  readonly handler: AnyHandler
  /** Gets the call undecoded, and gives bytes. */
  readonly undecoded: boolean
  /** It takes one value, which is only decoded: no schema checks it, and nobody wants the bytes. */
  readonly isPlain: boolean
}

/** One value may be called for with or without an answer: a caller that wants none is nobody's concern. */
export const ONE_VALUE: number = (1 << FrameType.UNARY) | (1 << FrameType.ONE_WAY)

/** The types of calls that a method of each kind may be called by: as `ServedMethod.types`. */
export const TYPES: Readonly<Record<Kind, number>> = {
  unary: ONE_VALUE,
  'one-way': ONE_VALUE,
  'server-stream': 1 << FrameType.SERVER_STREAM,
  'client-stream': 1 << FrameType.CLIENT_STREAM,
  'bidi-stream': 1 << FrameType.BIDI_STREAM,
}
