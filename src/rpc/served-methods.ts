import { badOption } from '../core/errors.ts'
import { type AnyMethod, type AnyService, method } from './contract.ts'
import type { ReceivedMethod } from './received-numbers.ts'
import { type AnyHandler, ONE_VALUE, type ServedMethod, TYPES } from './served-method.ts'

/** How a gateway's call is described, which has no contract. */
export const FORWARDED: AnyMethod = /* @__PURE__ */ method()

/** What one side of a session serves, by name. */
export class ServedMethods {
  readonly #byName = new Map<string, ServedMethod>()
  /** What was found of old holds while this is the same. */
  #version = 0
  #fallback: ServedMethod | undefined

  /**
   * All methods of a service.
   * @param nameOf a method on the wire
   * @returns what ends it
   * @throws ERR_BAD_OPTION, and none is served
   */
  add(service: AnyService, handlers: object, nameOf: (key: string) => string): () => void {
    const methods = Object.entries(service.methods as Record<string, AnyMethod>).map(([key, definition]) => {
      const handler: unknown = (handlers as Readonly<Record<string, unknown>>)[key]
      if (typeof handler !== 'function') throw badOption(`handlers.${key}`, 'must be a function')
      const name = nameOf(key)
      if (this.#byName.has(name)) throw badOption(`handlers.${key}`, `is served already, as ${name}`)
      const types = TYPES[definition.kind]
      const isPlain = definition.input === undefined && types === ONE_VALUE
      return { name, definition, types, handlers, handler: handler as AnyHandler, undecoded: false, isPlain }
    })
    for (const served of methods) this.#byName.set(served.name, served)
    this.#version++
    return () => {
      for (const { name } of methods) this.#byName.delete(name)
      this.#version++
    }
  }

  /** What nobody else serves. @throws ERR_BAD_OPTION where there is one */
  setFallback(handler: AnyHandler): Disposable {
    if (typeof handler !== 'function') throw badOption('fallback', 'must be a function')
    if (this.#fallback !== undefined) throw badOption('fallback', 'is set already')
    const definition = FORWARDED
    const fallback = {
      name: '',
      definition,
      types: TYPES.unary,
      handlers: undefined,
      handler,
      undecoded: true,
      isPlain: false,
    }
    this.#fallback = fallback
    return {
      [Symbol.dispose]: () => {
        if (this.#fallback === fallback) this.#fallback = undefined
      },
    }
  }

  /** Who serves it. @param received what is remembered of it, where it came by number */
  find(name: string, received: ReceivedMethod | undefined): ServedMethod | undefined {
    if (received === undefined) return this.#byName.get(name) ?? this.#fallback
    if (received.version !== this.#version) {
      received.served = this.#byName.get(name)
      received.version = this.#version
    }
    return received.served ?? this.#fallback
  }
}
