import {
  BINARY,
  binary,
  type Case,
  evenFragments,
  filler,
  type Frame,
  goesWell,
  noise,
  pieces,
  TEXT,
  text,
} from './case.ts'

const KIB = 1024
const MIB = 1024 * KIB
/** Of one message: more are refused (RELIABILITY C-03), so small fragments make smaller messages than the catalogue's. */
const MAX_FRAGMENTS = 1024
const MESSAGES = 250

type Kind = readonly [group: string, name: string, opcode: typeof TEXT | typeof BINARY, make: (length: number) => Frame]

const asText = (length: number): Frame => text(filler(length))
const asBinary = (length: number): Frame => binary(noise(length))
const title = (length: number): string => (length >= MIB ? `${length / MIB} MiB` : `${length} bytes`)

function whole([group, name, , make]: Kind): Case[] {
  return [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB].map((length, i) =>
    goesWell(`9.${group}.${i + 1}`, `${name} of ${title(length)}`, [make(length)], [make(length)]),
  )
}

function fragmented([group, name, opcode, make]: Kind): Case[] {
  return [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB].map((size, i) => {
    const message = make(Math.min(4 * MIB, MAX_FRAGMENTS * size))
    const frames = evenFragments(opcode, message.payload, size)
    const what = `${name} of ${title(message.payload.length)} in fragments of ${size} bytes`
    return goesWell(`9.${group}.${i + 1}`, what, [pieces(MIB, ...frames)], [message])
  })
}

function chopped([group, name, , make]: Kind): Case[] {
  return [64, 128, 256, 512, 1024, 2048].map((size, i) => {
    const message = make(size * 512)
    const what = `${name} of ${title(message.payload.length)} that comes in pieces of ${size} bytes`
    return goesWell(`9.${group}.${i + 1}`, what, [pieces(size, message)], [message])
  })
}

function many([group, name, , make]: Kind): Case[] {
  return [0, 16, 64, 256, 1024, 4096].map((size, i) => {
    const messages = Array.from({ length: MESSAGES }, () => make(size))
    const what = `${MESSAGES} messages of ${size} bytes of ${name}`
    return goesWell(`9.${group}.${i + 1}`, what, [pieces(MIB, ...messages)], messages)
  })
}

/** Group 9: large messages, many fragments, many pieces, many messages. */
export const limits: readonly Case[] = [
  ...whole(['1', 'text', TEXT, asText]),
  ...whole(['2', 'binary', BINARY, asBinary]),
  ...fragmented(['3', 'text', TEXT, asText]),
  ...fragmented(['4', 'binary', BINARY, asBinary]),
  ...chopped(['5', 'text', TEXT, asText]),
  ...chopped(['6', 'binary', BINARY, asBinary]),
  ...many(['7', 'text', TEXT, asText]),
  ...many(['8', 'binary', BINARY, asBinary]),
]
