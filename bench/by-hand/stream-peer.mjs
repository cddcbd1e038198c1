import { reserve, release, slab } from './slab.mjs'

const HEADER_BYTES = 4
const MAX_FRAME_BYTES = 1024 * 1024

/** From here on a message goes by reference, beside its header, in one writev: to copy it would cost more. */
const REFER_BYTES = 32 * 1024

/**
 * The best that a program gets out of node:net by hand, on public interfaces: 'data' events, messages as views of their
 * chunk, all frames written into one slab, and one write for each chunk that was answered.
 */
export class StreamPeer {
  #socket
  #format
  #onMessage
  /** Of `#bytes`, which was the slab: from here to there is ours and not yet written. */
  #bytes = slab.bytes
  #from = 0
  #to = 0
  #corked = false
  #reading = false
  #scheduled = false
  /** A frame cut by the end of a chunk: its first bytes, and how many. */
  #carry
  #carried = 0
  #carryHead = Buffer.allocUnsafeSlow(HEADER_BYTES)
  /** Called when the kernel has taken what was flushed. */
  onWritten
  #onTick = () => {
    this.#scheduled = false
    this.#flush()
  }

  /** @param {import('node:net').Socket} socket */
  static attach(socket, format, onMessage) {
    const peer = new StreamPeer(socket, format, onMessage)
    socket.setNoDelay?.(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => peer.onData(chunk))
    return peer
  }

  constructor(socket, format, onMessage) {
    this.#socket = socket
    this.#format = format
    this.#onMessage = onMessage
  }

  send(message) {
    const format = this.#format
    const prepared = format.prepare(message)
    const most = HEADER_BYTES + format.mostBytes(prepared)
    if (most >= REFER_BYTES) return this.#refer(prepared)
    if (
      this.#bytes !== slab.bytes ||
      this.#to !== slab.end ||
      this.#from === this.#to ||
      slab.end + most > this.#bytes.length
    )
      this.#move(most)
    const bytes = this.#bytes
    const at = this.#to
    const length = format.write(prepared, bytes, at + HEADER_BYTES)
    bytes[at] = length >>> 24
    bytes[at + 1] = length >>> 16
    bytes[at + 2] = length >>> 8
    bytes[at + 3] = length
    slab.end = this.#to = at + HEADER_BYTES + length
    if (!this.#reading && !this.#scheduled) this.#schedule()
  }

  /** Goes on where there is room, and where no other peer has written behind us. */
  #move(bytes) {
    this.#flushRange()
    reserve(bytes)
    slab.holders++
    this.#bytes = slab.bytes
    this.#from = this.#to = slab.end
  }

  #refer(message) {
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
    }
    this.#flushRange()
    const header = Buffer.allocUnsafe(HEADER_BYTES)
    header.writeUInt32BE(message.length, 0)
    this.#socket.write(header)
    this.#socket.write(message, this.onWritten)
    if (!this.#reading && !this.#scheduled) this.#schedule()
  }

  #schedule() {
    this.#scheduled = true
    process.nextTick(this.#onTick)
  }

  #flush() {
    this.#flushRange()
    if (!this.#corked) return
    this.#corked = false
    this.#socket.uncork()
  }

  #flushRange() {
    if (this.#from === this.#to) return
    this.#socket.write(this.#bytes.subarray(this.#from, this.#to), this.onWritten)
    this.#from = this.#to
    if (this.#bytes === slab.bytes) release(this.#socket.writableLength === 0)
    else slab.holders--
  }

  /** A chunk may be overwritten when this returns: what is kept of it is a copy. */
  onData(chunk) {
    this.#reading = true
    const format = this.#format
    const length = chunk.length
    let at = this.#carried === 0 ? 0 : this.#complete(chunk)
    while (length - at >= HEADER_BYTES) {
      const bytes = ((chunk[at] << 24) | (chunk[at + 1] << 16) | (chunk[at + 2] << 8) | chunk[at + 3]) >>> 0
      if (bytes > MAX_FRAME_BYTES) return void this.#socket.destroy()
      const end = at + HEADER_BYTES + bytes
      if (end > length) break
      this.#onMessage(this, format.read(chunk, at + HEADER_BYTES, end))
      at = end
    }
    if (at < length) this.#keep(chunk, at)
    this.#reading = false
    this.#flush()
  }

  /** Takes what the cut frame misses, delivers it, and gives how many bytes of the chunk that were. */
  #complete(chunk) {
    let at = 0
    if (this.#carry === undefined) {
      at = Math.min(HEADER_BYTES - this.#carried, chunk.length)
      this.#carryHead.set(chunk.subarray(0, at), this.#carried)
      this.#carried += at
      if (this.#carried < HEADER_BYTES) return at
      if (!this.#announce()) return chunk.length
    }
    const frame = this.#carry
    const count = Math.min(frame.length - this.#carried, chunk.length - at)
    frame.set(count === chunk.length ? chunk : chunk.subarray(at, at + count), this.#carried)
    this.#carried += count
    if (this.#carried < frame.length) return at + count
    this.#carry = undefined
    this.#carried = 0
    this.#onMessage(this, this.#format.read(frame, HEADER_BYTES, frame.length))
    return at + count
  }

  /** The rest of a chunk, which is less than a frame. */
  #keep(chunk, at) {
    const rest = chunk.length - at
    this.#carryHead.set(chunk.subarray(at, Math.min(at + HEADER_BYTES, chunk.length)), 0)
    this.#carried = Math.min(rest, HEADER_BYTES)
    if (rest < HEADER_BYTES || !this.#announce()) return
    this.#carry.set(chunk.subarray(at), 0)
    this.#carried = rest
  }

  /** The header is there: memory for the whole frame, at once. */
  #announce() {
    const bytes = this.#carryHead.readUInt32BE(0)
    if (bytes > MAX_FRAME_BYTES) {
      this.#socket.destroy()
      return false
    }
    this.#carry = Buffer.allocUnsafeSlow(HEADER_BYTES + bytes)
    this.#carry.set(this.#carryHead, 0)
    return true
  }
}
