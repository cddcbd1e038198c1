/*
 * A frame of the binary RPC wire once more, as docs/rpc-wire.md has it.
 */

const CALLS = [0, 1, 2, 3, 4]
const STATUSES = 16
const MAX_NUMBER = 2n ** 53n - 1n

/** What is wrong with it ends the reading. */
class Broken extends Error {}

class Fields {
  readonly #bytes: Buffer
  #at = 1

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes)
  }

  get isOver(): boolean {
    return this.#at === this.#bytes.length
  }

  take(length: number): Buffer {
    const to = this.#at + length
    if (to > this.#bytes.length) throw new Broken()
    const taken = this.#bytes.subarray(this.#at, to)
    this.#at = to
    return taken
  }

  rest(): Buffer {
    return this.take(this.#bytes.length - this.#at)
  }

  varint(): number {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(this.take(1).readUInt8())
      value |= (byte & 0x7fn) << shift
      if (value > MAX_NUMBER || shift > 49n) throw new Broken()
      if (byte < 0x80n) return Number(value)
    }
  }

  text(length: number, most: number, least = 0): string {
    if (length > most || length < least) throw new Broken()
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.take(length))
    } catch {
      throw new Broken()
    }
  }

  metadata(): string {
    const entries = new Map<string, string>()
    const from = this.#at
    const count = this.varint()
    if (count > 64) throw new Broken()
    for (let i = 0; i < count; i++) {
      const key = this.text(this.varint(), Infinity)
      entries.set(key, this.text(this.varint(), Infinity))
      if (this.#at - from > 8192) throw new Broken()
    }
    return JSON.stringify([...entries])
  }
}

/** One frame, without the length before it. @returns its fields in words; 'bad' where it breaks a rule */
export function rpcFrame(bytes: Uint8Array): string {
  try {
    return fieldsOf(bytes)
  } catch (error) {
    if (error instanceof Broken) return 'bad'
    throw error
  }
}

function fieldsOf(bytes: Uint8Array): string {
  const [first] = bytes
  if (first === undefined) throw new Broken()
  const type = first & 0x1f
  const [a, b, c] = [0x20, 0x40, 0x80].map((flag) => (first & flag) !== 0)
  const isCall = CALLS.includes(type)
  const mayHaveMetadata = isCall || [5, 6, 12].includes(type)
  if (type > 17 || ((a || b) && !isCall && type !== 6) || (c && !mayHaveMetadata)) throw new Broken()
  const fields = new Fields(bytes)
  const words: unknown[] = [type]
  if (type === 14 || type === 15) return [type, fields.text(bytes.length - 1, 256, 1)].join(' ')
  if (type < 16) words.push(fields.varint())
  if (isCall) {
    const number = fields.varint()
    if (number > 4096) throw new Broken()
    words.push(number - 1, a ? fields.text(fields.varint(), 256, 1) : '', b ? fields.varint() : 0)
  }
  words.push(c ? fields.metadata() : '-')
  if (type === 6) {
    const status = fields.take(1).readUInt8()
    words.push(status >= 1 && status <= STATUSES ? status : 2, fields.text(fields.varint(), 4096), a)
    if (b) words.push(JSON.stringify(jsonOf(fields.rest())))
  } else if (type === 10 || type === 13) {
    words.push(fields.varint())
  } else if ([0, 1, 2, 5, 8, 11].includes(type)) {
    words.push(fields.rest().toString('hex'))
  }
  if (!fields.isOver) throw new Broken()
  return words.join(' ')
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    throw new Broken()
  }
}
