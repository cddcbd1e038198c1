import { copy, type Env } from 'hawser'
import { RespError } from './reply.ts'

/** A hash's fields; names are keys of a Map like the keys themselves. */
export type Fields = Map<string, Uint8Array>
export type Value = Uint8Array | Fields

interface Entry {
  value: Value
  /** Env time in milliseconds; Infinity: never. */
  expiresAt: number
}

export interface StoreOptions {
  /** Time: keys expire on it, so that a test may move it. */
  readonly env: Pick<Env, 'now'>
  /** Bytes of keys and values, with what each costs beside them; then writes are refused. @defaultValue 256 MiB */
  readonly maxBytes?: number | undefined
}

/** About what an entry of a Map and a small buffer cost. */
const ENTRY_BYTES = 200
/** Keys that one `sweep` looks at. */
const SWEEP_KEYS = 1_000

/**
 * Keys and values in memory, as Redis has them: strings of bytes, and hashes. Keys are strings of one character a byte
 * (`latin1`), since a Map compares arrays by identity. What is kept is copied, so that no value pins the chunk it came in;
 * what is given out must not be changed.
 * @throws RespError, as Redis words it, from everything that takes a key
 */
export class Store {
  readonly #env: Pick<Env, 'now'>
  readonly #maxBytes: number
  readonly #entries = new Map<string, Entry>()
  /** Keys that expire, in no order. */
  readonly #expiring = new Set<string>()
  #sweeping: Iterator<string> | undefined
  #bytes = 0

  constructor(options: StoreOptions) {
    this.#env = options.env
    this.#maxBytes = options.maxBytes ?? 256 * 1024 * 1024
  }

  /** Keys, with those that have expired and were not looked at since. */
  get size(): number {
    return this.#entries.size
  }

  get expiringSize(): number {
    return this.#expiring.size
  }

  /** What counts against `maxBytes`. */
  get bytes(): number {
    return this.#bytes
  }

  /** Env time. */
  now(): number {
    return this.#env.now()
  }

  has(key: string): boolean {
    return this.#live(key) !== undefined
  }

  typeOf(key: string): 'string' | 'hash' | 'none' {
    const entry = this.#live(key)
    if (entry === undefined) return 'none'
    return entry.value instanceof Map ? 'hash' : 'string'
  }

  /** The string of bytes under `key`. */
  get(key: string): Uint8Array | undefined {
    const value = this.#live(key)?.value
    if (value instanceof Map) throw wrongType()
    return value
  }

  /** Whatever was there is replaced. @param expiresAt 'keep': as it was */
  set(key: string, value: Uint8Array, expiresAt: number | 'keep' = Infinity): void {
    const entry = this.#live(key)
    const before = entry === undefined ? 0 : sizeOf(key, entry.value)
    this.#grow(key.length + value.length + ENTRY_BYTES - before)
    if (entry === undefined) this.#entries.set(key, { value: copy(value), expiresAt: Infinity })
    else entry.value = copy(value)
    if (expiresAt !== 'keep') this.expireAt(key, expiresAt)
  }

  /** The hash under `key`, to look into; `setField` and `deleteField` change it. */
  fields(key: string): Fields | undefined {
    const value = this.#live(key)?.value
    if (value instanceof Uint8Array) throw wrongType()
    return value
  }

  /** Whether the field is new. */
  setField(key: string, field: string, value: Uint8Array): boolean {
    let fields = this.fields(key)
    const before = fields?.get(field)
    const added = before === undefined ? field.length + value.length + ENTRY_BYTES : value.length - before.length
    this.#grow(fields === undefined ? added + key.length + ENTRY_BYTES : added)
    if (fields === undefined) {
      fields = new Map()
      this.#entries.set(key, { value: fields, expiresAt: Infinity })
    }
    fields.set(field, copy(value))
    return before === undefined
  }

  /** Whether it was there. A hash without fields is gone. */
  deleteField(key: string, field: string): boolean {
    const fields = this.fields(key)
    const value = fields?.get(field)
    if (fields === undefined || value === undefined) return false
    fields.delete(field)
    this.#bytes -= field.length + value.length + ENTRY_BYTES
    if (fields.size === 0) this.delete(key)
    return true
  }

  /** Whether it was there. */
  delete(key: string): boolean {
    const entry = this.#live(key)
    if (entry !== undefined) this.#forget(key, entry)
    return entry !== undefined
  }

  clear(): void {
    this.#entries.clear()
    this.#expiring.clear()
    this.#bytes = 0
  }

  /** Env time in milliseconds; Infinity where it never expires, undefined where there is no such key. */
  expiryOf(key: string): number | undefined {
    return this.#live(key)?.expiresAt
  }

  /** Whether there is such a key. A time that has passed deletes it. @param at Env time; Infinity: never */
  expireAt(key: string, at: number): boolean {
    const entry = this.#live(key)
    if (entry === undefined) return false
    entry.expiresAt = at
    if (at === Infinity) this.#expiring.delete(key)
    else this.#expiring.add(key)
    this.#live(key)
    return true
  }

  *keys(): Generator<string, void, undefined> {
    for (const key of this.#entries.keys()) if (this.has(key)) yield key
  }

  /** Forgets some keys whose time has come and that nobody asks for; to be called now and then. */
  sweep(): void {
    for (let left = Math.min(SWEEP_KEYS, this.#expiring.size); left > 0; left--) {
      this.#sweeping ??= this.#expiring.values()
      const next = this.#sweeping.next()
      if (next.done === true) this.#sweeping = undefined
      else this.#live(next.value)
    }
  }

  /** The entry under `key`, unless its time has come. */
  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.expiresAt === Infinity || this.#env.now() < entry.expiresAt) return entry
    this.#forget(key, entry)
    return undefined
  }

  #forget(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#expiring.delete(key)
    this.#bytes -= sizeOf(key, entry.value)
  }

  #grow(bytes: number): void {
    if (bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
      throw new RespError("OOM command not allowed when used memory > 'maxmemory'.")
    }
    this.#bytes += bytes
  }
}

function sizeOf(key: string, value: Value): number {
  let bytes = key.length + ENTRY_BYTES
  if (value instanceof Uint8Array) return bytes + value.length
  for (const [field, { length }] of value) bytes += field.length + length + ENTRY_BYTES
  return bytes
}

function wrongType(): RespError {
  return new RespError('WRONGTYPE Operation against a key holding the wrong kind of value')
}
