import { createServer, connect } from 'node:net'
import { once } from 'node:events'
import * as datagrams from '../datagram-naive.mjs'

/** What a first version of such a program looks like: what arrives is concatenated, and each message is written. */
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
    this.#socket.write(frame)
  }
}

export const echo = {
  async serve({ transport }) {
    if (transport === 'udp') return datagrams.serve()
    const server = createServer((socket) => new Peer(socket, (peer, message) => peer.send(message)))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return String(server.address().port)
  },

  async dial({ transport }, address, lane) {
    if (transport === 'udp') return datagrams.dial(address, (message) => lane.onMessage(message))
    const socket = connect(Number(address), '127.0.0.1')
    await once(socket, 'connect')
    return new Peer(socket, (_peer, message) => lane.onMessage(message))
  },
}
