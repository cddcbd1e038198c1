/** A type that can be checked at run time, as Zod, Valibot, ArkType and others make them. Source: https://standardschema.dev, version 1. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
    readonly validate: (value: unknown, ...rest: never[]) => StandardResult<Output> | Promise<StandardResult<Output>>
  }
}

/** What a check gave: the value, or what is wrong with it. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

/** One fault, and where in the value it lies. */
export interface StandardIssue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}

/** What goes into the check: for a codec, what the program sends. */
export type SchemaInput<S> = S extends StandardSchema<infer I, infer _O> ? I : never
/** What comes out of it, defaults and transformations applied: what the listener gets. */
export type SchemaOutput<S> = S extends StandardSchema<infer _I, infer O> ? O : never

/** A schema that only says a type and checks nothing. */
export function type<T>(): StandardSchema<T, T> {
  return UNCHECKED as StandardSchema<T, T>
}

/** Recognised by the codecs, which leave the call out. */
export const UNCHECKED: StandardSchema = {
  '~standard': { version: 1, vendor: 'hawser', validate: (value) => ({ value }) },
}
