import { contents, messagesOf } from './contents.mjs'

/** Of every socket: the default holds less than 256 small datagrams, which take more room in the kernel than they have bytes. */
export const RECEIVE_BUFFER_BYTES = 1024 * 1024

/** When nothing has come for so long, what is on the way counts as lost, and is sent anew. */
const LOST_AFTER_MS = 500

/**
 * A Lane over datagrams. The kernel may drop some: each message is recognised by its number, a gap counts as lost, and
 * every byte of what comes is checked. Few enough are on the way that on loopback none should be missing.
 */
export class DatagramLane {
  #messages
  #mask
  #peer
  #sent = 0
  /** Number of the message that comes next, if none is lost. */
  #next = 0
  #inFlight = 0
  #watch
  #seen = 0
  #stopped = true
  received = 0
  lost = 0
  failure

  /**
   * @param {import('./workloads.mjs').Workload} workload its content is bytes
   * @param {number} stream number of the peer
   */
  constructor(workload, stream) {
    this.stream = stream
    this.#messages = messagesOf(workload, stream)
    this.#mask = this.#messages.length - 1
  }

  open(peer) {
    this.#peer = peer
  }

  start(inFlight) {
    this.#stopped = false
    this.#inFlight = inFlight
    this.#watch = setInterval(() => this.#look(), LOST_AFTER_MS)
    for (let i = 0; i < inFlight; i++) this.#send()
  }

  onMessage(message) {
    const number = (message[0] << 24) | (message[1] << 16) | (message[2] << 8) | message[3]
    const gap = (number - this.#next) & this.#mask
    if (gap >= this.#messages.length / 2) return // it is late, and was counted as lost before
    if (gap >= this.#inFlight || !contents.raw.same(message, this.#messages[number])) {
      this.failure = new Error(`message ${number} came back wrong, or out of order`)
      throw this.failure
    }
    this.lost += gap
    this.received++
    this.#next = (number + 1) & this.#mask
    for (let i = 0; i <= gap && !this.#stopped; i++) this.#send()
  }

  stop() {
    this.#stopped = true
  }

  get missing() {
    const missing = this.#sent - this.received - this.lost
    if (missing === 0) clearInterval(this.#watch)
    return missing
  }

  #send() {
    this.#peer.send(this.#messages[this.#sent++ & this.#mask])
  }

  #look() {
    const isSilent = this.received === this.#seen
    this.#seen = this.received
    if (!isSilent) return
    const missing = this.#sent - this.received - this.lost
    this.lost += missing
    this.#next = this.#sent & this.#mask
    for (let i = 0; i < missing && !this.#stopped; i++) this.#send()
  }
}
