import { contents, messagesOf } from './contents.mjs'

/** One connection's traffic: sends numbered messages, and checks that each comes back whole and in order. */
export class Lane {
  #messages
  #mask
  #same
  #latency
  #sentAt
  #peer
  #sent = 0
  #stopped = true
  received = 0
  /** What `onMessage` threw; a subject may have kept it to itself. */
  failure

  /**
   * @param {import('./workloads.mjs').Workload} workload
   * @param {number} stream number of the connection
   * @param {import('node:perf_hooks').RecordableHistogram} [latency] takes the round trips, in nanoseconds
   */
  constructor(workload, stream, latency) {
    this.stream = stream
    this.#messages = messagesOf(workload, stream)
    this.#mask = this.#messages.length - 1
    this.#same = contents[workload.codec ?? 'raw'].same
    this.#latency = latency
    if (latency !== undefined) this.#sentAt = new Float64Array(this.#messages.length)
  }

  /** @param {{ send(message: unknown): unknown }} peer */
  open(peer) {
    this.#peer = peer
  }

  start(inFlight) {
    this.#stopped = false
    for (let i = 0; i < inFlight; i++) this.#send()
  }

  /** The subject calls it with each message that came back. */
  onMessage(message) {
    const number = this.received & this.#mask
    if (!this.#same(message, this.#messages[number])) {
      this.failure = new Error(`message ${this.received} came back wrong, or out of order`)
      throw this.failure
    }
    this.received++
    if (this.#latency !== undefined) this.#latency.record(Math.max(1, Math.round(nanoseconds() - this.#sentAt[number])))
    if (!this.#stopped) this.#send()
  }

  #send() {
    const number = this.#sent++ & this.#mask
    if (this.#latency !== undefined) this.#sentAt[number] = nanoseconds()
    this.#peer.send(this.#messages[number])
  }

  stop() {
    this.#stopped = true
  }

  get missing() {
    return this.#sent - this.received
  }

  /** Of the messages sent; where some may be, a lane counts them. */
  get lost() {
    return 0
  }
}

const nanoseconds = () => performance.now() * 1e6
