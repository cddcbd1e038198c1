import { createHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { DatagramLane } from '../datagram-lane.mjs'
import { PAYLOAD_COUNT, payloads, same } from '../payloads.mjs'

/** How long the last messages may take to come back. */
const DRAIN_MS = 5_000

/** The client keeps `inFlight` messages on the way on each connection; the server sends each one back. */
export const flags = []

/** What one run gives, the headline first. */
export const units = [
  'messages/s',
  'CPU ns/message',
  'client CPU ns/message',
  'server CPU ns/message',
  'p50 us',
  'p99 us',
  'lost/million',
]

export async function server(subject, { workload }) {
  return { address: await subject.serve(workload), answers: { cpu } }
}

export async function client(subject, { workload, address, warmUpMs, measureMs }, ask) {
  const latency = workload.latency ? createHistogram() : undefined
  const isLossy = workload.transport === 'udp'
  const lanes = Array.from({ length: workload.connections }, (_, i) =>
    isLossy ? new DatagramLane(i, workload.messageBytes) : new Lane(i, workload.messageBytes, latency),
  )
  for (const lane of lanes) lane.open(await subject.dial(workload, address, lane))
  for (const lane of lanes) lane.fill(workload.inFlight)

  await delay(warmUpMs)
  latency?.reset()
  const begin = { ours: cpu(), theirs: await ask('cpu'), received: received(lanes) }
  const startedAt = begin.ours.at
  await delay(measureMs)
  const ours = cpu()
  const messages = received(lanes) - begin.received
  const theirs = await ask('cpu')
  await drain(lanes)

  // The server's clock readings are a question later than ours, so each side's CPU counts over its own time.
  const perSecond = (messages / (ours.at - startedAt)) * 1e9
  const clientCpu = ((ours.used - begin.ours.used) / (ours.at - startedAt)) * (1e9 / perSecond)
  const serverCpu = ((theirs.used - begin.theirs.used) / (theirs.at - begin.theirs.at)) * (1e9 / perSecond)
  return {
    'messages/s': perSecond,
    'CPU ns/message': clientCpu + serverCpu,
    'client CPU ns/message': clientCpu,
    'server CPU ns/message': serverCpu,
    ...(latency && { 'p50 us': latency.percentile(50) / 1000, 'p99 us': latency.percentile(99) / 1000 }),
    ...(isLossy && { 'lost/million': (lanes.reduce((sum, { lost }) => sum + lost, 0) / received(lanes)) * 1e6 }),
  }
}

/** One connection's traffic: sends numbered messages, and checks that each comes back whole and in order. */
class Lane {
  #payloads
  #latency
  #peer
  #sent = 0
  #sentAt = 0
  #stopped = false
  received = 0
  /** What `onMessage` threw; a subject may have kept it to itself. */
  failure

  /** @param {number} stream number of the connection */
  constructor(stream, messageBytes, latency) {
    this.stream = stream
    this.#payloads = payloads(stream, messageBytes)
    this.#latency = latency
  }

  /** @param {{ send(message: Uint8Array): unknown }} peer */
  open(peer) {
    this.#peer = peer
  }

  fill(inFlight) {
    if (inFlight >= PAYLOAD_COUNT) throw new Error(`${inFlight} in flight cannot be told apart`)
    for (let i = 0; i < inFlight; i++) this.#send()
  }

  /** The subject calls it with each message that came back. */
  onMessage(message) {
    if (!same(message, this.#payloads[this.received % PAYLOAD_COUNT])) {
      this.failure = new Error(`message ${this.received} came back wrong, or out of order`)
      throw this.failure
    }
    this.received++
    if (this.#latency !== undefined) this.#latency.record(Math.max(1, nanoseconds() - this.#sentAt))
    if (!this.#stopped) this.#send()
  }

  #send() {
    if (this.#latency !== undefined) this.#sentAt = nanoseconds()
    this.#peer.send(this.#payloads[this.#sent++ % PAYLOAD_COUNT])
  }

  stop() {
    this.#stopped = true
  }

  get missing() {
    return this.#sent - this.received
  }
}

const received = (lanes) => lanes.reduce((sum, lane) => sum + lane.received, 0)

/** Every message that was sent must come back. */
async function drain(lanes) {
  for (const lane of lanes) lane.stop()
  const until = nanoseconds() + DRAIN_MS * 1e6
  while (lanes.some((lane) => lane.missing > 0)) {
    for (const { failure } of lanes) if (failure !== undefined) throw failure
    if (nanoseconds() > until) throw new Error('messages were lost')
    await delay(5)
  }
}

const nanoseconds = () => Number(process.hrtime.bigint())

/** CPU time of this process so far and the time now, both in nanoseconds. */
function cpu() {
  const { user, system } = process.cpuUsage()
  return { used: (user + system) * 1000, at: nanoseconds() }
}
