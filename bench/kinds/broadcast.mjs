import { once } from 'node:events'
import { connect } from 'node:net'
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { payloads, same } from '../payloads.mjs'

const WARM_BROADCASTS = 20
const BROADCASTS = 15
const OPENING = 128
const HEADER_BYTES = 4

/**
 * One message to every session at once. What it allocates is the growth of the V8 heap and of the memory outside it
 * (array buffers), over one broadcast and the turn in which it is written; a young generation larger than all of it
 * keeps the collector from running meanwhile, and a broadcast during which it ran all the same does not count.
 */
export const flags = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']

export const units = ['allocated MB', 'ms until written', 'ms until received']

/** Server and clients are in one process where the transport is. */
export async function server(subject, { workload }) {
  const { address, count, broadcast } = await subject.serve(workload)
  const send = sender(broadcast)
  return { address, answers: { count, send } }
}

export async function client(subject, part, ask) {
  const receivers = part.workload.transport === 'inproc' ? await inside(subject, part) : await outside(part, ask)
  const results = []
  for (let i = 0; i < WARM_BROADCASTS + BROADCASTS; i++) {
    const all = receivers.expect()
    const sent = await receivers.send()
    const receivedAt = await all
    if (i >= WARM_BROADCASTS && !sent.collected) results.push({ ...sent, receivedMs: (receivedAt - sent.at) / 1e6 })
  }
  if (results.length === 0) throw new Error('the collector ran in every broadcast')
  return {
    'allocated MB': median(results.map((result) => result.allocatedBytes / 1e6)),
    'ms until written': median(results.map((result) => result.writtenMs)),
    'ms until received': median(results.map((result) => result.receivedMs)),
  }
}

/** Gives a function that broadcasts the next message and says what that took. */
function sender(broadcast) {
  const messages = payloads(0, 64)
  let collections = 0
  new PerformanceObserver((list) => {
    collections += list.getEntries().length
  }).observe({ entryTypes: ['gc'] })
  let next = 0
  return async function send() {
    globalThis.gc()
    await delay(5) // the collector's own entry, and whatever the last broadcast left to do, are not of this one
    const message = messages[next++ % messages.length]
    const collectionsBefore = collections
    const bytesBefore = allocatedBytes()
    const at = nanoseconds()
    broadcast(message)
    await turn()
    const writtenMs = (nanoseconds() - at) / 1e6
    const allocated = allocatedBytes() - bytesBefore
    await delay(5)
    return { at, writtenMs, allocatedBytes: allocated, collected: collections !== collectionsBefore }
  }
}

/** Counts what arrives, and checks it: every receiver must see every message, in order and whole. */
class Receivers {
  #messages = payloads(0, 64)
  #received
  #expected = 0
  #missing = 0
  #done
  #failed
  send

  constructor(count, send) {
    this.#received = new Uint32Array(count)
    this.send = send
  }

  /** Resolves with the time at which the last receiver has the next message. */
  expect() {
    this.#expected++
    this.#missing = this.#received.length
    return new Promise((resolve, reject) => {
      this.#done = resolve
      this.#failed = reject
    })
  }

  onMessage(receiver, message) {
    const number = this.#received[receiver]++
    if (number + 1 !== this.#expected || !same(message, this.#messages[number % this.#messages.length]))
      this.#failed(new Error(`receiver ${receiver} got message ${number} wrong, or twice`))
    if (--this.#missing === 0) this.#done(nanoseconds())
  }
}

/** Plain sockets in this process, for every subject, as the server is what counts. */
async function outside({ workload, address }, ask) {
  const receivers = new Receivers(workload.connections, () => ask('send'))
  const frameBytes = HEADER_BYTES + workload.messageBytes
  for (let i = 0; i < workload.connections; i += OPENING) {
    const count = Math.min(OPENING, workload.connections - i)
    const batch = Array.from({ length: count }, () => connect(Number(address), '127.0.0.1'))
    await Promise.all(batch.map((socket) => once(socket, 'connect')))
    for (const [k, socket] of batch.entries()) {
      socket.on('data', (chunk) => {
        if (chunk.length !== frameBytes || chunk.readUInt32BE(0) !== workload.messageBytes)
          throw new Error(`${chunk.length} bytes came instead of one frame`)
        receivers.onMessage(i + k, chunk.subarray(HEADER_BYTES))
      })
    }
  }
  while ((await ask('count')) !== workload.connections) await delay(20)
  return receivers
}

/** Sessions of the subject's own, in the server's process. */
async function inside(subject, { workload }) {
  const { address, count, broadcast } = await subject.serve(workload)
  const receivers = new Receivers(workload.connections, sender(broadcast))
  for (let i = 0; i < workload.connections; i++)
    await subject.join(address, (message) => receivers.onMessage(i, message))
  while (count() !== workload.connections) await delay(20)
  return receivers
}

/** Heap and external memory; array buffers are part of the latter. */
function allocatedBytes() {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

const nanoseconds = () => Number(process.hrtime.bigint())

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}
