import { badMessage, badOption, cannotEncode } from '../src/core/errors.ts'
import type { RpcBody, RpcPart } from '../src/core/rpc-body.ts'
import { ProtoBody, type ProtoType, type Root } from './proto-type.ts'

/** How many messages go each way, in the words of hawser/rpc. */
type Kind = 'unary' | 'one-way' | 'server-stream' | 'client-stream' | 'bidi-stream'

/**
 * A method of a Protobuf service, as hawser/rpc takes it. The types are what the caller gives and gets; and, where they differ,
 * what the handler gets and returns.
 */
export interface ProtobufMethod<K extends Kind, CallIn, CallOut, HandlerIn = CallIn, HandlerOut = CallOut> {
  readonly kind: K
  /** Only ever a type. */
  readonly types?: [CallIn, HandlerIn, HandlerOut, CallOut]
  readonly idempotent: boolean
  readonly timeoutMs: undefined
  /** Protobuf's own types have checked it. */
  readonly input: undefined
  readonly output: undefined
}

type AnyProtobufMethod = ProtobufMethod<Kind, unknown, unknown>

/** The message types of one method, each a ProtoType: from a static module, or of a `.proto` that was read. */
export interface ProtobufMethodTypes {
  readonly input: ProtoType<unknown, never>
  /** None: the method is one-way. */
  readonly output?: ProtoType<unknown, never> | undefined
  /** Which of the two is a stream of its messages. @defaultValue neither */
  readonly stream?: 'input' | 'output' | 'both' | undefined
  /** Safe to run twice: may be retried when its fate is unknown. @defaultValue false */
  readonly idempotent?: boolean | undefined
}

/** The method that these types make. */
export type ProtobufMethodOf<T> = T extends {
  readonly input: ProtoType<infer HandlerIn, infer CallIn>
  readonly output: ProtoType<infer CallOut, infer HandlerOut>
}
  ? ProtobufMethod<StreamKind<T>, CallIn, CallOut, HandlerIn, HandlerOut>
  : T extends { readonly input: ProtoType<infer HandlerIn, infer CallIn> }
    ? ProtobufMethod<'one-way', CallIn, void, HandlerIn, void>
    : never

type StreamKind<T> = T extends { readonly stream: 'input' }
  ? 'client-stream'
  : T extends { readonly stream: 'output' }
    ? 'server-stream'
    : T extends { readonly stream: 'both' }
      ? 'bidi-stream'
      : 'unary'

/** A contract for `serve`, `client` and `rpcClient` of hawser/rpc, and what `protobufBody` needs to know of it. */
export interface ProtobufService<M> {
  /** As the `.proto` has it, with its package: `shop.Orders`. */
  readonly name: string
  readonly methods: M
  /** By the names of the methods. */
  readonly types: ReadonlyMap<string, ProtobufMethodTypes>
}

/**
 * A contract of message types, as static modules have them (`pbjs -t static-module -w esm`). All types of calls and
 * handlers follow from theirs; which messages belong to which method is written down here, as the `.proto` has it.
 *
 *     const Clock = protobufService('demo.Clock', {
 *       now: { input: demo.Zone, output: demo.Time },
 *       ticks: { input: demo.Zone, output: demo.Time, stream: 'output' },
 *     })
 *
 * @throws ERR_BAD_OPTION for what is no message type
 */
export function protobufService<const T extends Readonly<Record<string, ProtobufMethodTypes>>>(
  name: string,
  methods: T,
): ProtobufService<{ readonly [K in keyof T]: ProtobufMethodOf<T[K]> }> {
  if (typeof name !== 'string') throw badOption('name', 'must be a string')
  return contract(name, new Map(Object.entries<ProtobufMethodTypes>(methods)))
}

/** What `protobufServiceFrom` takes beside the service's name. */
export interface ProtobufServiceOptions {
  /** Methods that get no answer, which no `.proto` can say; the response type that it names for them is not used. @defaultValue [] */
  readonly oneWay?: readonly string[] | undefined
}

/**
 * A contract out of a `.proto` that `loadProto` has read. Its methods begin with a small letter here, as those of static
 * modules do: `rpc GetOrder` is `getOrder`. The keyword `stream` is heeded, and `option idempotency_level`. What cannot be known before
 * the file is read is your word for it:
 *
 *     const Clock = protobufServiceFrom<{
 *       now: ProtobufMethod<'unary', Zone, Time>
 *       ticks: ProtobufMethod<'server-stream', Zone, Time>
 *     }>(await loadProto('clock.proto'), 'demo.Clock')
 *
 * @throws ERR_BAD_OPTION where the file has no such service, or `oneWay` names no method of it that could be one-way
 */
export function protobufServiceFrom<M = Readonly<Record<string, AnyProtobufMethod>>>(
  root: Root,
  name: string,
  options: ProtobufServiceOptions = {},
): ProtobufService<M> {
  const { oneWay = [] } = options
  const found = lookupService(root, name)
  const types = new Map<string, ProtobufMethodTypes>()
  for (const method of found.methodsArray) {
    method.resolve()
    const { resolvedRequestType: input, resolvedResponseType: output, requestStream, responseStream } = method
    if (input === null || output === null) throw badOption('name', `: the types of ${method.name} are not in the file`)
    const level: unknown = method.options?.['idempotency_level']
    const key = method.name.charAt(0).toLowerCase() + method.name.slice(1)
    if (types.has(key)) throw badOption('name', `: ${name} has two methods that would be ${key}`)
    types.set(key, {
      input,
      output: oneWay.includes(key) ? undefined : output,
      stream: requestStream ? (responseStream ? 'both' : 'input') : responseStream ? 'output' : undefined,
      idempotent: level === 'IDEMPOTENT' || level === 'NO_SIDE_EFFECTS',
    })
  }
  for (const key of oneWay) if (!types.has(key)) throw badOption('oneWay', `names ${key}, which ${name} does not have`)
  return contract(found.fullName.slice(1), types) // it begins with a dot
}

/**
 * Protobuf as the body of `binary()` of hawser/rpc: arguments and results of the methods of these services are messages of
 * their types, as `protobuf()` has them. Both sides name the same services.
 * @throws ERR_BAD_OPTION where two of them have the same name
 */
export function protobufBody(...services: readonly ProtobufService<unknown>[]): RpcBody {
  // A map for each: to read a property whose name is not known when this is compiled costs more than to find the method.
  const inputs = new Map<string, ProtoType<unknown, never>>()
  const outputs = new Map<string, ProtoType<unknown, never> | undefined>()
  for (const { name, types } of services) {
    for (const [key, method] of types) {
      const wireName = name === '' ? key : `${name}.${key}`
      if (inputs.has(wireName)) throw badOption('services', `name ${wireName} twice`)
      inputs.set(wireName, method.input)
      outputs.set(wireName, method.output)
    }
  }
  const body = new ProtoBody()
  const typeOf = (name: string, part: RpcPart): ProtoType<unknown, never> | undefined =>
    part === 'input' ? inputs.get(name) : outputs.get(name)
  return {
    name: 'protobuf',
    encode(value, out, name, part) {
      const type = typeOf(name, part)
      if (type === undefined) throw cannotEncode(`protobufBody knows no ${part} of ${name}`)
      body.encode(type, value as never, out)
    },
    decode(bytes, name, part) {
      const type = typeOf(name, part)
      if (type === undefined) throw badMessage(`protobufBody knows no ${part} of ${name}`)
      return body.decode(type, bytes)
    },
  }
}

function lookupService(root: Root, name: string): ReturnType<Root['lookupService']> {
  try {
    return root.lookupService(name)
  } catch {
    throw badOption('name', `is ${name}, and the file has no such service`) // it says nothing more than this
  }
}

function contract<M>(name: string, types: ReadonlyMap<string, ProtobufMethodTypes>): ProtobufService<M> {
  const methods = [...types].map(([key, method]) => {
    const { idempotent = false } = method
    for (const part of ['input', 'output'] as const) {
      const type: unknown = method[part]
      if (!isProtoType(type) && !(part === 'output' && type === undefined)) {
        throw badOption(`methods.${key}.${part}`, 'must be a message type of Protobuf')
      }
    }
    const kind = kindOf(key, method)
    return [key, { kind, idempotent, timeoutMs: undefined, input: undefined, output: undefined }] as const
  })
  return Object.freeze({ name, methods: Object.freeze(Object.fromEntries<AnyProtobufMethod>(methods)) as M, types })
}

function kindOf(key: string, { output, stream }: ProtobufMethodTypes): Kind {
  if (output === undefined) {
    if (stream !== undefined) throw badOption(`methods.${key}`, 'streams, so it cannot be one-way')
    return 'one-way'
  }
  if (stream === undefined) return 'unary'
  return stream === 'both' ? 'bidi-stream' : stream === 'input' ? 'client-stream' : 'server-stream'
}

function isProtoType(type: unknown): boolean {
  const { encode, decode } = (type ?? {}) as Partial<ProtoType<unknown, never>>
  return typeof encode === 'function' && typeof decode === 'function'
}
