// The best that a program gets out of node:net by hand, on public interfaces: 'data' events, messages as views of
// their chunk, all frames written into one append-only slab, and one write for each chunk that was answered.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import * as datagrams from '../datagram-baseline.mjs'

const HEADER_BYTES = 4
const MAX_FRAME_BYTES = 1024 * 1024
const SLAB_BYTES = 64 * 1024

/** Where frames of all peers are written, one after the other. A full one is left to the garbage collector. */
let slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
let slabEnd = 0

export class Peer {
  #socket
  #onMessage
  /** Of `#slab`, which may be the one before: from here to there is ours and not yet written. */
  #slab = slab
  #from = 0
  #to = 0
  #reading = false
  #scheduled = false
  /** A frame cut by the end of a chunk: its first bytes, and how many. */
  #carry
  #carried = 0

  constructor(socket, onMessage) {
    this.#socket = socket
    this.#onMessage = onMessage
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => this.#onData(chunk))
  }

  send(message) {
    const frameBytes = HEADER_BYTES + message.length
    if (this.#slab !== slab || this.#to !== slabEnd || slabEnd + frameBytes > SLAB_BYTES) this.#move(frameBytes)
    const at = slabEnd
    const length = message.length
    slab[at] = length >>> 24
    slab[at + 1] = length >>> 16
    slab[at + 2] = length >>> 8
    slab[at + 3] = length
    slab.set(message, at + HEADER_BYTES)
    slabEnd = this.#to = at + frameBytes
    if (!this.#reading && !this.#scheduled) this.#schedule()
  }

  /** Goes on where there is room, and where no other peer has written behind us. */
  #move(frameBytes) {
    this.#flush()
    if (slabEnd + frameBytes > SLAB_BYTES) {
      slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, frameBytes))
      slabEnd = 0
    }
    this.#slab = slab
    this.#from = this.#to = slabEnd
  }

  #schedule() {
    this.#scheduled = true
    process.nextTick(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush() {
    if (this.#from === this.#to) return
    this.#socket.write(this.#slab.subarray(this.#from, this.#to))
    this.#from = this.#to
  }

  #onData(chunk) {
    this.#reading = true
    let at = this.#carry === undefined ? 0 : this.#complete(chunk)
    const { buffer, byteOffset, length } = chunk
    while (length - at >= HEADER_BYTES) {
      const bytes = ((chunk[at] << 24) | (chunk[at + 1] << 16) | (chunk[at + 2] << 8) | chunk[at + 3]) >>> 0
      if (bytes > MAX_FRAME_BYTES) return void this.#socket.destroy()
      const end = at + HEADER_BYTES + bytes
      if (end > length) break
      this.#onMessage(this, new Uint8Array(buffer, byteOffset + at + HEADER_BYTES, bytes))
      at = end
    }
    if (at < length) this.#keep(chunk, at)
    this.#reading = false
    this.#flush()
  }

  /** The rest of a chunk, which is less than a frame. */
  #keep(chunk, at) {
    const rest = chunk.length - at
    this.#carry = Buffer.allocUnsafeSlow(Math.max(rest * 2, 256))
    this.#carry.set(chunk.subarray(at))
    this.#carried = rest
  }

  /** Takes what the cut frame misses, delivers it, and gives how many bytes of the chunk that were. */
  #complete(chunk) {
    let at = 0
    if (this.#carried < HEADER_BYTES) at = this.#carryOn(chunk, at, HEADER_BYTES)
    if (this.#carried < HEADER_BYTES) return at
    const bytes = this.#carry.readUInt32BE(0)
    if (bytes > MAX_FRAME_BYTES) {
      this.#socket.destroy()
      return chunk.length
    }
    at = this.#carryOn(chunk, at, HEADER_BYTES + bytes)
    if (this.#carried < HEADER_BYTES + bytes) return at
    const frame = this.#carry
    this.#carry = undefined
    this.#onMessage(this, new Uint8Array(frame.buffer, HEADER_BYTES, bytes))
    return at
  }

  /** Copies from the chunk until `wanted` bytes are there, or it ends; gives where it stopped. */
  #carryOn(chunk, at, wanted) {
    const count = Math.min(wanted - this.#carried, chunk.length - at)
    if (this.#carried + count > this.#carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(wanted, Math.max(this.#carry.length * 2, this.#carried + count)))
      grown.set(this.#carry.subarray(0, this.#carried))
      this.#carry = grown
    }
    this.#carry.set(chunk.subarray(at, at + count), this.#carried)
    this.#carried += count
    return at + count
  }
}

async function listen(onSocket) {
  const server = createServer(onSocket)
  await once(server.listen(0, '127.0.0.1', 4096), 'listening')
  return String(server.address().port)
}

export const echo = {
  serve: ({ transport }) =>
    transport === 'udp'
      ? datagrams.serve()
      : listen((socket) => new Peer(socket, (peer, message) => peer.send(message))),

  async dial({ transport }, address, lane) {
    if (transport === 'udp') return datagrams.dial(address, (message) => lane.onMessage(message))
    const socket = connect(Number(address), '127.0.0.1')
    await once(socket, 'connect')
    return new Peer(socket, (_peer, message) => lane.onMessage(message))
  },
}

/** A bare socket with a 'data' listener, which sends back what came. */
export const idle = {
  async serve() {
    const sockets = new Set()
    const address = await listen((socket) => {
      sockets.add(socket)
      socket.on('data', (chunk) => socket.write(chunk))
    })
    return { address, count: () => sockets.size }
  },
}

/** The message is encoded once, and the same bytes are written to every socket. */
export const broadcast = {
  async serve() {
    const sockets = new Set()
    const address = await listen((socket) => {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('data', () => {})
    })
    return {
      address,
      count: () => sockets.size,
      broadcast(message) {
        const frame = Buffer.allocUnsafeSlow(HEADER_BYTES + message.length)
        frame.writeUInt32BE(message.length, 0)
        frame.set(message, HEADER_BYTES)
        for (const socket of sockets) socket.write(frame)
      },
    }
  },
}
