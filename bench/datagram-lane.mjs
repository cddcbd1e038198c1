import { PAYLOAD_COUNT, payloads, same } from './payloads.mjs'

/** Of every socket: the default holds less than 256 small datagrams, which take more room in the kernel than they have bytes. */
export const RECEIVE_BUFFER_BYTES = 1024 * 1024

/** When nothing has come for so long, what is on the way counts as lost, and is sent anew. */
const LOST_AFTER_MS = 500

/**
 * One peer's traffic over datagrams, as kinds/echo.mjs wants it. The kernel may drop some: each message is recognised by
 * its number, a gap counts as lost, and every byte of what comes is checked. Few enough are on the way that on loopback
 * none should be missing.
 */
export class DatagramLane {
  #payloads
  #peer
  #sent = 0
  /** Number of the message that comes next, if none is lost. */
  #next = 0
  #inFlight = 0
  #watch
  #seen = 0
  #stopped = false
  received = 0
  lost = 0
  failure

  /** @param {number} stream number of the peer */
  constructor(stream, messageBytes) {
    this.stream = stream
    this.#payloads = payloads(stream, messageBytes)
  }

  open(peer) {
    this.#peer = peer
  }

  fill(inFlight) {
    this.#inFlight = inFlight
    this.#watch = setInterval(() => this.#look(), LOST_AFTER_MS)
    for (let i = 0; i < inFlight; i++) this.#send()
  }

  onMessage(message) {
    const number = (message[0] << 24) | (message[1] << 16) | (message[2] << 8) | message[3]
    const gap = (number - this.#next + PAYLOAD_COUNT) % PAYLOAD_COUNT
    if (gap >= PAYLOAD_COUNT / 2) return // it is late, and was counted as lost before
    if (gap >= this.#inFlight || !same(message, this.#payloads[number])) {
      this.failure = new Error(`message ${number} came back wrong, or out of order`)
      throw this.failure
    }
    this.lost += gap
    this.received++
    this.#next = (number + 1) % PAYLOAD_COUNT
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
    this.#peer.send(this.#payloads[this.#sent++ % PAYLOAD_COUNT])
  }

  #look() {
    const isSilent = this.received === this.#seen
    this.#seen = this.received
    if (!isSilent) return
    const missing = this.#sent - this.received - this.lost
    this.lost += missing
    this.#next = this.#sent % PAYLOAD_COUNT
    for (let i = 0; i < missing && !this.#stopped; i++) this.#send()
  }
}
