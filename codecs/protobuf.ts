import type { Codec, InPlaceCodec } from '../src/core/codec.ts'
import { badMessage, badOption, cannotEncode } from '../src/core/errors.ts'
import { FrameReader } from '../src/core/frame-reader.ts'
import { ProtoBody, type ProtoType } from './proto-type.ts'

export { loadProto, type ProtoType, protoType, type Root } from './proto-type.ts'
export {
  protobufBody,
  type ProtobufMethod,
  type ProtobufMethodOf,
  type ProtobufMethodTypes,
  type ProtobufService,
  protobufService,
  protobufServiceFrom,
  type ProtobufServiceOptions,
} from './protobuf-service.ts'

/**
 * One message type of Protobuf, from a `.proto` read at run time or from a static module (`pbjs -t static-module -w esm`).
 *
 * - int64, uint64, sint64 and fixed64 arrive as `Long` objects of the package `long`, whatever their size; to be sent they may be a
 *   Long, a number up to 2^53 - 1 or a decimal string.
 * - bytes fields are copies: a message points nowhere into its frame. Fields unknown to the type are dropped.
 * - a message to be sent is checked by the type's `verify`, where it has one: protobufjs would send a number in a
 *   string field as an empty string.
 * @throws ERR_BAD_MESSAGE for what is no such message, is nested above 100 levels, or lacks a required field
 * @throws ERR_ENCODE to the sender of what is against the type
 */
export function protobuf<In, Out = In>(type: ProtoType<In, Out>): Codec<In, Out> {
  const body = new ProtoBody()
  const codec: Codec<In, Out> & InPlaceCodec<In> = {
    format: 'binary',
    keeps: 'values',
    decode: (frame) => body.decode(type, frame),
    decodeInPlace: (_memory, bytes, from, to) => body.decode(type, bytes, from, to),
    encode: (message, out) => body.encode(type, message, out),
  }
  return codec
}

/** A message of one of many types, told apart by its name. */
export type ProtoUnion<M> = { [K in keyof M & string]: { readonly type: K; readonly message: M[K] } }[keyof M & string]

/**
 * Many message types, each behind its id:
 *
 *     +------------+---------------+
 *     | id: varint | Protobuf body |
 *     +------------+---------------+
 *
 * The ids are the contract: keep them when names change. Else as `protobuf()`.
 * @throws ERR_BAD_MESSAGE for an id that is not in `types`
 */
export function protobufUnion<M extends Record<string, unknown>>(
  types: {
    readonly [K in keyof M]: { readonly id: number; readonly type: ProtoType<M[K]> }
  },
): Codec<ProtoUnion<M>> {
  const byName = new Map<string, UnionMember>()
  const byId = new Map<number, UnionMember>()
  for (const [name, { id, type }] of Object.entries<{ readonly id: number; readonly type: ProtoType<unknown> }>(
    types,
  )) {
    if (!(Number.isSafeInteger(id) && id >= 0)) throw badOption(`${name}.id`, 'is a whole number from 0 on')
    if (byId.has(id)) throw badOption(`${name}.id`, `is taken by ${byId.get(id)?.name}`)
    const member = { name, id, type }
    byName.set(name, member)
    byId.set(id, member)
  }
  const body = new ProtoBody()
  return {
    format: 'binary',
    keeps: 'values',
    decode(frame) {
      const reader = new FrameReader(frame)
      const id = reader.varint()
      const member = byId.get(id)
      if (member === undefined) throw badMessage(`there is no message type with id ${id}`)
      return { type: member.name, message: body.decode(member.type, reader.rest()) } as ProtoUnion<M>
    },
    encode({ type, message }, out) {
      const member = byName.get(type)
      if (member === undefined) throw cannotEncode(`there is no message type '${type}'`)
      out.varint(member.id)
      body.encode(member.type, message, out)
    },
  }
}

interface UnionMember {
  readonly name: string
  readonly id: number
  readonly type: ProtoType<unknown>
}
