// What the messages hold. Each kind of content makes the messages of a stream, and says whether one came as it was sent:
// every byte, or every field, of it.

/**
 * @typedef {object} Content
 * @property {(stream: number, number: number, bytes: number) => unknown} make message `number` of a stream, which encodes
 *   to about `bytes` bytes; no two of a stream are alike, nor are those of two streams
 * @property {(message: never, expected: never) => boolean} same
 */

/** Numbers in the first eight bytes, then bytes that differ from message to message. */
const bytes = {
  make(stream, number, length) {
    const message = new Uint8Array(length)
    for (let at = 8; at < length; at++) message[at] = (number * 31 + stream * 17 + at * 7 + (number >> 5)) & 0xff
    const head = new DataView(message.buffer)
    head.setUint32(0, number)
    head.setUint32(4, stream)
    return message
  },
  same: (message, expected) => Buffer.compare(message, expected) === 0,
}

/** For those who carry text only. */
const text = {
  make: (stream, number, length) => `${number}.${stream}.`.padEnd(length, 'abcdefgh').slice(0, length),
  same: (message, expected) => message === expected,
}

/** What a line of chat, or a reading of a device, looks like. Its JSON has `length` bytes, in Protobuf it is shorter. */
const record = {
  make(stream, number, length) {
    const message = { id: number, from: stream, at: 1_700_000_000 + number * 7, ok: number % 3 === 0, text: '' }
    const missing = length - JSON.stringify(message).length
    if (missing < 1) throw new Error(`a record has more than ${length} bytes`)
    message.text = `${number}`.padEnd(missing, 'abcdefgh').slice(0, missing)
    return message
  },
  same: (message, expected) =>
    message.id === expected.id &&
    message.from === expected.from &&
    message.at === expected.at &&
    message.ok === expected.ok &&
    message.text === expected.text,
}

/** Sixteen whole numbers: a message that holds values only, so that nothing of it points into what was read. */
export function numbersOf(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) {
  return { a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p }
}

/** Of the wire: sixteen times 32 bits, the highest byte first. */
export const NUMBERS_BYTES = 64

const numbers = {
  make(stream, number) {
    const value = (index) => (Math.imul(number + 1, 2_654_435_761 + index * 2) ^ (stream << 5)) | 0
    return numbersOf(number, stream, ...Array.from({ length: 14 }, (_, index) => value(index)))
  },
  same: (x, y) =>
    x.a === y.a &&
    x.b === y.b &&
    x.c === y.c &&
    x.d === y.d &&
    x.e === y.e &&
    x.f === y.f &&
    x.g === y.g &&
    x.h === y.h &&
    x.i === y.i &&
    x.j === y.j &&
    x.k === y.k &&
    x.l === y.l &&
    x.m === y.m &&
    x.n === y.n &&
    x.o === y.o &&
    x.p === y.p,
}

/** By codec. @type {Readonly<Record<string, Content>>} */
export const contents = { raw: bytes, text, json: record, protobuf: record, numbers }

/** How many messages of a stream differ, at most. */
export const MOST_MESSAGES = 4096
/** All the messages of a process together hold so much; a cache of the processor should hold them as well. */
const ALL_BYTES = 4 * 1024 * 1024
const FEWEST_MESSAGES = 64
const FEWEST_PER_STREAM = 16

/**
 * The messages of a stream: number n is `messages[n % messages.length]`, a power of two. There are four times as many
 * as are ever on the way, so that one out of order is noticed.
 */
export function messagesOf({ codec = 'raw', messageBytes, connections = 1, inFlight = 1 }, stream) {
  const fewest = connections > 1 ? FEWEST_PER_STREAM : FEWEST_MESSAGES
  const wanted = Math.max(fewest, 4 * inFlight, ALL_BYTES / messageBytes / connections)
  const count = Math.min(MOST_MESSAGES, 2 ** Math.ceil(Math.log2(wanted)))
  if (inFlight * 2 > count) throw new Error(`${inFlight} in flight cannot be told apart`)
  return Array.from({ length: count }, (_, number) => contents[codec].make(stream, number, messageBytes))
}
