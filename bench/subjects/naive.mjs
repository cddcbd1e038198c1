// What a first version of such a program looks like: what arrives is concatenated, and each message is written.
import * as datagrams from '../by-hand/naive-datagrams.mjs'
import { dial, listen } from '../by-hand/streams.mjs'

class Peer {
  #socket
  #received = Buffer.alloc(0)

  constructor(socket, onMessage) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      while (this.#received.length >= 4) {
        const length = this.#received.readUInt32BE(0)
        if (this.#received.length < 4 + length) break
        const message = this.#received.slice(4, 4 + length)
        this.#received = this.#received.slice(4 + length)
        onMessage(this, message)
      }
    })
  }

  send(message) {
    const frame = Buffer.alloc(4 + message.length)
    frame.writeUInt32BE(message.length, 0)
    frame.set(message, 4)
    return this.#socket.write(frame)
  }
}

const sendBack = (peer, message) => peer.send(message)

export const echo = {
  serve: (part) =>
    part.workload.transport === 'udp' ? datagrams.serve() : listen(part, (socket) => new Peer(socket, sendBack)),

  async dial(part, lane) {
    const onMessage = (_peer, message) => lane.onMessage(message)
    if (part.workload.transport === 'udp') return datagrams.dial(part.address, onMessage)
    return new Peer(await dial(part), onMessage)
  },
}

/** Sent before the event loop must have gone round: a kernel that takes everything at once would keep it from doing so. */
const TURN_MESSAGES = 256

export const oneway = {
  serve: (part, sink) => listen(part, (socket) => new Peer(socket, (_peer, message) => sink.onMessage(message))),

  async dial(part, source) {
    const socket = await dial(part)
    const peer = new Peer(socket, () => {})
    let turn = 0
    const pump = () => {
      for (;;) {
        if (++turn % TURN_MESSAGES === 0) return void setImmediate(pump)
        const message = source.next()
        if (message === undefined) return
        if (!peer.send(message)) break
      }
      socket.once('drain', pump)
    }
    return { start: pump }
  },
}
