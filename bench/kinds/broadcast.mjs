import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { contents, messagesOf } from '../contents.mjs'
import { openSockets, untilCount } from '../plain-clients.mjs'

/** Fewer where they take long, so that a warm-up stays one. */
const WARM_BROADCASTS = 20
const FEWEST_WARM_BROADCASTS = 3
const LONGEST_WARM_UPS = 10
/** Of a round, which is the median of them. */
const BROADCASTS = 5
const HEADER_BYTES = 4
/** How long a round may take. */
const LOST_AFTER_MS = 10_000

/**
 * One message to every session at once. What it allocates is the growth of the V8 heap and of the memory outside it
 * (array buffers), over one broadcast and the turn in which it is written; a young generation larger than all of it
 * keeps the collector from running meanwhile, and a broadcast during which it ran all the same does not count.
 */
export const flags = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']

export const units = ['deliveries/s', 'us/delivery', 'allocated MB', 'ms until written', 'ms until received']

export async function server(subject, part) {
  const { address, count, broadcast } = await subject.serve(part)
  return { address, answers: { count, send: sender(part.workload, broadcast) } }
}

export async function client(subject, part, ask) {
  const receivers = new Receivers(part.workload, () => ask('send'))
  if (part.isAlone) await joinSessions(subject, part, receivers)
  else await joinSockets(part, receivers)
  await untilCount(ask, part.workload.connections)
  const warmUntil = performance.now() + LONGEST_WARM_UPS * part.warmUpMs
  for (let i = 0; i < WARM_BROADCASTS; i++) {
    if (i >= FEWEST_WARM_BROADCASTS && performance.now() > warmUntil) break
    await receivers.broadcast()
  }
  return {
    async round() {
      const results = []
      for (let i = 0; i < BROADCASTS; i++) results.push(await receivers.broadcast())
      const counted = results.filter((result) => !result.collected)
      if (counted.length === 0) throw new Error('the collector ran in every broadcast')
      const receivedMs = median(counted.map((result) => result.receivedMs))
      return {
        'deliveries/s': (part.workload.connections / receivedMs) * 1000,
        'us/delivery': (receivedMs / part.workload.connections) * 1000,
        'allocated MB': median(counted.map((result) => result.allocatedBytes / 1e6)),
        'ms until written': median(counted.map((result) => result.writtenMs)),
        'ms until received': receivedMs,
      }
    },
  }
}

/** Gives a function that broadcasts the next message and says what that took. */
function sender(workload, broadcast) {
  const messages = messagesOf({ ...workload, connections: 1 }, 0)
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
  #messages
  #send
  #received
  #expected = 0
  #missing = 0
  #done
  #failed

  constructor(workload, send) {
    this.#messages = messagesOf({ ...workload, connections: 1 }, 0)
    this.#received = new Uint32Array(workload.connections)
    this.#send = send
  }

  /** One broadcast, until the last receiver has it. */
  async broadcast() {
    this.#expected++
    this.#missing = this.#received.length
    let timer
    const all = new Promise((resolve, reject) => {
      this.#done = resolve
      this.#failed = reject
      timer = setTimeout(() => reject(new Error(`${this.#missing} receivers missed a message`)), LOST_AFTER_MS)
    })
    try {
      const [sent, receivedAt] = await Promise.all([this.#send(), all])
      return { ...sent, receivedMs: (receivedAt - sent.at) / 1e6 }
    } finally {
      clearTimeout(timer)
    }
  }

  onMessage(receiver, message) {
    const number = this.#received[receiver]++
    if (number + 1 !== this.#expected || !contents.raw.same(message, this.#messages[number % this.#messages.length]))
      this.#failed(new Error(`receiver ${receiver} got message ${number} wrong, or twice`))
    if (--this.#missing === 0) this.#done(nanoseconds())
  }
}

/** Plain sockets, for every subject, as the server is what counts. */
async function joinSockets({ workload, address }, receivers) {
  const frameBytes = HEADER_BYTES + workload.messageBytes
  const sockets = await openSockets(address, workload.connections)
  for (const [receiver, socket] of sockets.entries()) {
    socket.on('data', (chunk) => {
      if (chunk.length !== frameBytes || chunk.readUInt32BE(0) !== workload.messageBytes)
        throw new Error(`${chunk.length} bytes came instead of one frame`)
      receivers.onMessage(receiver, chunk.subarray(HEADER_BYTES))
    })
  }
}

/** Sessions of the subject's own, in the server's process. */
async function joinSessions(subject, { workload, address }, receivers) {
  for (let i = 0; i < workload.connections; i++)
    await subject.join(address, (message) => receivers.onMessage(i, message))
}

/** Heap and external memory; array buffers are part of the latter. */
function allocatedBytes() {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

/** Of a clock that all processes share. */
const nanoseconds = () => Number(process.hrtime.bigint())

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}
