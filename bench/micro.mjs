// What a message costs in our own code: one side of a conversation whose connection is no socket, so that neither the
// kernel nor Node's streams are in the figures. See README.md, "Without sockets".
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { EventEmitter } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { stages as passing } from './stages.mjs'
import { messagesOf } from './contents.mjs'
import { DEADLINE_MS } from './kinds/rpc.mjs'

const FRAMES = 200
const CHUNKS = 3_000
const CALLS = 300_000
const ROUNDS = 12
const WARM_ROUNDS = 3
/** One of record.proto: id, from, at, ok and 20 letters. */
const RECORD = Buffer.from([
  8,
  200,
  1,
  16,
  3,
  24,
  128,
  212,
  207,
  170,
  6,
  32,
  1,
  42,
  20,
  ...Buffer.from('abcdefghabcdefghabcd'),
])
/** What is taken is told in a later turn, as by a socket. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

const workloads = {
  echo: { sends: 1 },
  'echo-alone': { sends: 1, frames: 1 },
  'echo-alone-of-1000': { sends: 1, frames: 1, sessions: 1000 },
  receive: { sends: 0 },
  'send-4': { sends: 4 },
  'echo-json': { sends: 1, codec: 'json', body: '{"id":1,"name":"warm","tags":["a","b"]}' },
  'echo-line': {
    sends: 1,
    codec: 'text',
    framing: 'line',
    body: 'a line of sixty-four bytes, which is the size of all the others',
  },
  'echo-message-mode': { sends: 1, boundary: 'message' },
  'echo-pulled': { sends: 1, isPulled: true },
  'echo-3-stages': { sends: 1, stageCount: 3 },
  'echo-8-stages': { sends: 1, stageCount: 8 },
  'echo-protobuf': { sends: 1, codec: 'protobuf', body: RECORD },
  'rpc-unary': { kind: 'rpc', inFlight: 256 },
  'rpc-unary-protobuf': { kind: 'rpc', inFlight: 64, codec: 'protobuf', messageBytes: 100 },
  'rpc-stream': { kind: 'rpc', streamed: true },
}

/** What a connection is for a session, with nobody behind it. Its chunks are given to `sink`. */
class Nowhere {
  reliable = true
  chunks = 'kept'
  maxWriteBytes = Infinity
  localAddress = 'nowhere://here:1'
  remoteAddress = 'nowhere://there:1'
  peer = {}
  bufferedBytes = 0
  copiesWrites = true
  writtenBytes = 0

  constructor(boundary) {
    this.boundary = boundary
  }
  attach(sink) {
    this.sink = sink
  }
  write(chunk, taken) {
    this.writtenBytes += chunk.length
    if (taken !== undefined) process.nextTick(taken)
  }
  cork() {}
  uncork() {}
  pause() {}
  resume() {}
  end() {}
  destroy() {}
}

/** A socket as the baseline uses it. */
class NoSocket extends EventEmitter {
  writtenBytes = 0
  /** All was taken at once. */
  writableLength = 0
  setNoDelay() {}
  destroy() {}
  write(chunk) {
    this.writtenBytes += chunk.length
  }
}

async function handle(session) {
  for await (const message of session) session.send(message)
}

/** Gives functions that bring a chunk, one for each session, and the objects that count what was written. */
async function hawser({
  sends,
  codec = 'raw',
  framing,
  boundary = 'stream',
  isPulled = false,
  stageCount,
  sessions = 1,
}) {
  const { json, line, listen, raw, text } = await import('./hawser.mjs')
  const { codecOf } = await import('./hawser-codecs.mjs')
  let accept
  const transport = {
    schemes: ['nowhere'],
    async listen(_address, _options, sink) {
      accept = sink
      return { address: 'nowhere://here:1', pause() {}, resume() {}, async close() {} }
    },
  }
  async function open(setup, boundaryOfIt, pulls = false) {
    const listener = {
      onMessage(session, message) {
        for (let i = 0; i < sends; i++) session.send(message)
      },
    }
    const taker = pulls ? { handle } : { listener }
    await listen('nowhere://here:1', { transports: [transport], ...setup, ...taker })
    const connection = new Nowhere(boundaryOfIt)
    accept.admit({ scheme: 'nowhere', host: 'there', port: 1, path: '', href: connection.remoteAddress })
    accept.onConnection(connection)
    return connection
  }
  const codecs = { json, raw, text, protobuf: () => codecOf('protobuf') }
  // Other shapes first, as in the big bench: inline caches that have seen one only would flatter.
  const jsonSide = await open({ codec: json() }, 'stream')
  const lineSide = await open({ codec: text(), framing: line() }, 'stream')
  for (let i = 0; i < 200; i++) {
    jsonSide.sink.onChunk(repeated(framed(Buffer.from('{"id":1}')), 50))
    lineSide.sink.onChunk(repeated(Buffer.from('a line\n'), 50))
  }
  const setup = { codec: await codecs[codec](), stages: stageCount && passing(stageCount) }
  const connections = []
  for (let i = 0; i < sessions; i++)
    connections.push(await open({ ...setup, ...(framing && { framing: line() }) }, boundary, isPulled))
  return {
    counters: connections,
    bringers: connections.map(
      ({ sink }) =>
        (chunk) =>
          sink.onChunk(chunk),
    ),
  }
}

async function baseline({ sends, codec, sessions = 1 }) {
  const { StreamPeer } = await import('./by-hand/stream-peer.mjs')
  const { formatOf } = await import('./by-hand/formats.mjs')
  const format = formatOf(codec)
  const sockets = Array.from({ length: sessions }, () => new NoSocket())
  for (const socket of sockets) {
    StreamPeer.attach(socket, format, (peer, message) => {
      for (let i = 0; i < sends; i++) peer.send(message)
    })
  }
  return { counters: sockets, bringers: sockets.map((socket) => (chunk) => socket.emit('data', chunk)) }
}

function framed(body) {
  const frame = Buffer.alloc(4 + body.length)
  frame.writeUInt32BE(body.length)
  frame.set(body, 4)
  return frame
}

const repeated = (bytes, times) => Buffer.concat(Array.from({ length: times }, () => bytes))

/** User CPU of each message in nanoseconds: the best round, as every disturbance only adds. */
async function measure(subject, workload) {
  const { sends, framing, boundary, isPulled = false, frames = FRAMES, body = Buffer.alloc(64, 7) } = workload
  const { counters, bringers } = await (subject === 'baseline' ? baseline(workload) : hawser(workload))
  const one =
    boundary === 'message' ? Buffer.from(body) : framing ? Buffer.from(`${body}\n`) : framed(Buffer.from(body))
  const inPieces = boundary === 'message' || frames === 1
  const chunks = inPieces ? Array.from({ length: FRAMES }, () => one) : [repeated(one, FRAMES)]
  let turnOf = 0
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage().user
    for (let i = 0; i < CHUNKS; i++) {
      for (const chunk of chunks) bringers[turnOf++ % bringers.length](chunk)
      if (isPulled || i % 50 === 0) await turn()
    }
    const used = (process.cpuUsage().user - before) * 1000
    if (round >= WARM_ROUNDS) best = Math.min(best, used / CHUNKS / FRAMES)
  }
  const expected = ROUNDS * CHUNKS * FRAMES * sends * one.length
  const written = counters.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0)
  if (written !== expected) throw new Error(`${written} B were written, not ${expected}`)
  return best
}

/** User CPU of each call, or item of a stream, both sides in this process: the best round. */
async function measureCalls(subject, { inFlight = 1, streamed = false, codec = 'raw', messageBytes = 64 }) {
  const workload = { codec, messageBytes }
  const messages = messagesOf(workload, 0)
  const peer = await (subject === 'baseline' ? baselineCalls(workload, messages) : hawserCalls(workload, messages))
  const items = streamed ? peer.stream()[Symbol.asyncIterator]() : undefined
  let left = 0
  const call = async () => {
    while (left-- > 0) await peer.call(messages[left & (messages.length - 1)])
  }
  const read = async () => {
    while (left-- > 0) await items.next()
  }
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    left = CALLS
    const before = process.cpuUsage().user
    await Promise.all(Array.from({ length: inFlight }, streamed ? read : call))
    const used = (process.cpuUsage().user - before) * 1000
    if (round >= WARM_ROUNDS) best = Math.min(best, used / CALLS)
  }
  return best
}

async function hawserCalls({ codec }, messages) {
  const { rpc } = await import('./hawser-rpc.mjs')
  const part = { workload: { codec }, address: 'inproc://calls' }
  await rpc.prepare()
  await rpc.serve(part, endless(messages))
  return rpc.connect(part)
}

async function baselineCalls({ codec }, messages) {
  const { answerCalls, Caller, readItems, sendItems } = await import('./by-hand/rpc-peer.mjs')
  const { MemorySocket } = await import('./by-hand/memory-socket.mjs')
  const { formatOf } = await import('./by-hand/formats.mjs')
  const format = formatOf(codec)
  const [ours, theirs] = MemorySocket.pair()
  answerCalls(theirs, format)
  const caller = new Caller(ours, format, DEADLINE_MS)
  return {
    call: (message) => caller.call(message),
    stream() {
      const [reader, sender] = MemorySocket.pair()
      sendItems(sender, format, endless(messages))
      return readItems(reader, format)
    },
  }
}

function* endless(messages) {
  for (;;) yield* messages
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

async function compare({ only, against, rounds }) {
  for (const [name, workload] of Object.entries(workloads)) {
    if (only !== undefined && !name.includes(only)) continue
    const subjects = [{ subject: 'hawser' }]
    if (workload.kind === 'rpc' || (workload.framing === undefined && workload.boundary === undefined))
      subjects.unshift({ subject: 'baseline' })
    if (against !== undefined) subjects.push({ subject: 'against', build: against })
    const figures = new Map(subjects.map(({ subject }) => [subject, []]))
    for (let round = 0; round < rounds; round++) {
      for (const { subject, build } of subjects) {
        const env = build === undefined ? process.env : { ...process.env, HAWSER_BUILD: build }
        const child = fork(fileURLToPath(import.meta.url), ['--measure', subject, '--only', name], { env })
        figures.get(subject).push((await once(child, 'message'))[0])
      }
    }
    for (const [subject, values] of figures) {
      const [middle, least] = [median(values), Math.min(...values)].map((value) => value.toFixed(1).padStart(6))
      console.log(`${name.padEnd(18)} ${subject.padEnd(9)} median ${middle}  least ${least}  ns/message`)
    }
  }
}

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    against: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    measure: { type: 'string' },
  },
})
if (options.measure === undefined) await compare({ ...options, rounds: Number(options.rounds) })
else {
  const workload = workloads[options.only]
  const cost = await (workload.kind === 'rpc' ? measureCalls : measure)(options.measure, workload)
  process.send(cost, () => process.exit(0))
}
