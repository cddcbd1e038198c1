import { createRequire } from 'node:module'

// The repository's own copy: types of one copy do not take the readers of another.
const protobufjs = createRequire(new URL('../../package.json', import.meta.url))('protobufjs')

const RAW_BYTES = 64

/** About 100 bytes of JSON. */
const record = (count) => ({
  id: count,
  name: 'hawser',
  tags: ['rope', 'load'],
  price: 12.5,
  active: true,
  note: 'a rope under load',
})

/** The same as a Protobuf message. */
export const PROTO = `syntax = "proto3"; package bench;
service Echo { rpc Same(Record) returns (Record); }
message Record {
  int32 id = 1; string name = 2; repeated string tags = 3; double price = 4; bool active = 5; string note = 6;
}`
export const Root = protobufjs.parse(PROTO).root
export const Record = Root.lookupType('bench.Record')

/** The argument of call number `count`. @param {'raw' | 'json' | 'protobuf'} body */
export function argument(body, count) {
  if (body !== 'raw') return record(count)
  const bytes = Buffer.alloc(RAW_BYTES, count & 0xff)
  bytes.writeUInt32BE(count >>> 0, 0)
  return bytes
}

/** Each answer is that to its own call, and whole. */
export function check(body, count, answer) {
  if (body === 'raw') {
    const right =
      answer.length === RAW_BYTES && Buffer.from(answer.buffer, answer.byteOffset, 4).readUInt32BE(0) === count >>> 0
    if (!right || answer[RAW_BYTES - 1] !== (count & 0xff))
      throw new Error(`the answer to call ${count} is another one`)
  } else if (answer.id !== count || answer.note !== 'a rope under load' || answer.tags.length !== 2) {
    throw new Error(`the answer to call ${count} is ${JSON.stringify(answer)}`)
  }
}
