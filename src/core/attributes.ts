/** A typed name; made once, at module level. Two keys of the same name are different keys. */
export interface AttributeKey<T> {
  readonly name: string
  readonly type?: T
}

/** A key of its own: two of the same name differ. */
export function attributeKey<T>(name: string): AttributeKey<T> {
  return { name }
}

/** What stages and libraries keep with a session. Readable after close, too. */
export interface Attributes {
  get<T>(key: AttributeKey<T>): T | undefined
  set<T>(key: AttributeKey<T>, value: T): void
  delete(key: AttributeKey<unknown>): boolean
}

/** The Attributes of one session. */
export class AttributeMap implements Attributes {
  readonly #values = new Map<AttributeKey<unknown>, unknown>()

  get<T>(key: AttributeKey<T>): T | undefined {
    return this.#values.get(key) as T | undefined // `set` put a T there
  }

  set<T>(key: AttributeKey<T>, value: T): void {
    this.#values.set(key, value)
  }

  delete(key: AttributeKey<unknown>): boolean {
    return this.#values.delete(key)
  }
}
