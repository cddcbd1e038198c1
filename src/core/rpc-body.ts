import type { WriteBuffer } from './write-buffer.ts'

/**
 * How arguments and results of RPC become bytes and values again: a plug of `binary()`, in core so that codecs can give
 * one without knowing RPC. Stateless and shared by all sessions.
 */
export interface RpcBody {
  /** For error messages. */
  readonly name: string
  /**
   * Writes `value` (undefined, too: `void` methods have neither argument nor result), behind what the wire has written of the frame and to the frame's end. A throw goes to whom the value
   * came from, and nothing is sent.
   * @param method its name on the wire: `service.method`
   * @param part 'input' is what the caller gives, 'output' what the handler gives; of a stream: one item
   */
  encode(value: unknown, out: WriteBuffer, method: string, part: RpcPart): void
  /**
   * @param bytes a view of the frame; a value may keep views of it
   * @throws what is wrong with the bytes; it costs that call and no other
   */
  decode(bytes: Uint8Array, method: string, part: RpcPart): unknown
}

/** Which way a value goes: from the caller to the handler, or back. */
export type RpcPart = 'input' | 'output'
