import { badOption } from '../core/errors.ts'
import { utf8Length } from '../core/bytes.ts'
import { requireFunction, requireNumber } from '../core/session-options.ts'
import { type SchemaInput, type SchemaOutput, type StandardSchema, UNCHECKED } from '../core/schema.ts'
import { MAX_NAME_BYTES } from './limits.ts'

/** How many messages go each way. */
export type Kind = 'unary' | 'one-way' | 'server-stream' | 'client-stream' | 'bidi-stream'

/**
 * One method of a service, as both sides know it. Four types: what the caller gives, the handler gets, the handler
 * returns, the caller gets; they differ where a schema has defaults or transformations.
 */
export interface Method<K extends Kind, CallIn, HandlerIn, HandlerOut, CallOut> {
  readonly kind: K
  /** Only ever a type. */
  readonly types?: [CallIn, HandlerIn, HandlerOut, CallOut]
  /** Safe to run twice: may be retried when its fate is unknown. */
  readonly idempotent: boolean
  /** Undefined: that of the client or peer. */
  readonly timeoutMs: number | undefined
  /** Checks what the handler gets. */
  readonly input: StandardSchema | undefined
  /** Checks what the caller gets. */
  readonly output: StandardSchema | undefined
}

/** Some method or other, as a bound of type parameters. */
// oxlint-disable-next-line typescript/no-explicit-any -- a bound
export type AnyMethod = Method<Kind, any, any, any, any>

/** Options of a method. */
export interface MethodOptions {
  /** Safe to run twice: may be retried when its fate is unknown. @defaultValue false */
  readonly idempotent?: boolean | undefined
  /** Until the caller gives up; 0 is never. @defaultValue that of the client or peer */
  readonly timeoutMs?: number | undefined
}

/** A method whose values are checked, each by the side that receives it. Of a stream: each item. */
export interface MethodDefinition<SI, SO> extends MethodOptions {
  readonly input: SI
  readonly output: SO
}

/** How a method of one kind is declared: with schemas, or with types that are your word for it. */
export interface Define<K extends Kind> {
  <SI extends StandardSchema, SO extends StandardSchema>(
    definition: MethodDefinition<SI, SO>,
  ): Method<K, SchemaInput<SI>, SchemaOutput<SI>, SchemaInput<SO>, SchemaOutput<SO>>
  <In, Out>(options?: MethodOptions): Method<K, In, In, Out, Out>
}

/** One value there, one back. */
export const method: Define<'unary'> = /* @__PURE__ */ definer('unary')
/** One value there, any number back. */
export const serverStream: Define<'server-stream'> = /* @__PURE__ */ definer('server-stream')
/** Any number there, one value back. */
export const clientStream: Define<'client-stream'> = /* @__PURE__ */ definer('client-stream')
/** Any number each way, independent of each other. */
export const bidiStream: Define<'bidi-stream'> = /* @__PURE__ */ definer('bidi-stream')

/** One value there, no answer, not even an error. */
export function oneWay<SI extends StandardSchema>(definition: {
  readonly input: SI
}): Method<'one-way', SchemaInput<SI>, SchemaOutput<SI>, void, void>
/** Unchecked. */
export function oneWay<In>(): Method<'one-way', In, In, void, void>
export function oneWay(
  definition: { readonly input?: StandardSchema } = {},
): Method<'one-way', unknown, unknown, void, void> {
  return makeMethod('one-way', definition)
}

/** A name and its methods: the contract of both sides. */
export interface Service<M extends Record<string, AnyMethod>> {
  readonly name: string
  readonly methods: M
}

/** Some service or other, as a bound of type parameters. */
// oxlint-disable-next-line typescript/no-explicit-any -- a bound
export type AnyService = Service<any>

/**
 * A contract, shared by both sides. The name '' leaves methods without a prefix.
 * @throws ERR_BAD_OPTION for names that no wire could carry
 */
export function service<const M extends Record<string, AnyMethod>>(name: string, methods: M): Service<M> {
  if (typeof name !== 'string') throw badOption('name', 'must be a string')
  for (const [key, definition] of Object.entries(methods)) {
    if (key === '' || utf8Length(name) + utf8Length(key) >= MAX_NAME_BYTES) {
      throw badOption(
        `methods.${key}`,
        `must have a name, with that of the service of less than ${MAX_NAME_BYTES} bytes`,
      )
    }
    if (typeof definition?.kind !== 'string') throw badOption(`methods.${key}`, 'must be made by method() or the like')
  }
  return Object.freeze({ name, methods: Object.freeze({ ...methods }) })
}

function definer<K extends Kind>(kind: K): Define<K> {
  return (definition?: Partial<MethodDefinition<StandardSchema, StandardSchema>>) => makeMethod(kind, definition ?? {})
}

function makeMethod<K extends Kind>(
  kind: K,
  options: Partial<MethodDefinition<StandardSchema, StandardSchema>>,
): Method<K, never, never, never, never> {
  const { idempotent = false, timeoutMs } = options
  if (typeof idempotent !== 'boolean') throw badOption('idempotent', 'must be true or false')
  if (timeoutMs !== undefined) requireNumber('timeoutMs', timeoutMs, 0)
  return {
    kind,
    idempotent,
    timeoutMs,
    input: schemaOf('input', options.input),
    output: schemaOf('output', options.output),
  }
}

/** One that checks nothing is left out. */
function schemaOf(option: string, schema: StandardSchema | undefined): StandardSchema | undefined {
  if (schema === undefined || schema === UNCHECKED) return undefined
  const validate: unknown = schema['~standard']?.validate
  if (validate === undefined) throw badOption(option, 'must be a Standard Schema')
  requireFunction(option, validate)
  return schema
}
