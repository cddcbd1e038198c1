// ZeroMQ by its official binding: a dealer at both ends for echoes, push and pull for one way.
import { Dealer, Pull, Push } from 'zeromq'

/** Echoes are bounded by how many are on the way, so the queues need no bound of their own. */
const UNBOUNDED = { sendHighWaterMark: 0, receiveHighWaterMark: 0 }

async function bound(socket) {
  await socket.bind('tcp://127.0.0.1:*')
  return socket.lastEndpoint
}

export const echo = {
  async serve() {
    const socket = new Dealer(UNBOUNDED)
    const address = await bound(socket)
    void forEach(socket, (message) => socket.send(message))
    return address
  },

  async dial(part, lane) {
    const socket = new Dealer(UNBOUNDED)
    socket.connect(part.address)
    void forEach(socket, (message) => lane.onMessage(message))
    return new Queue(socket)
  },
}

export const oneway = {
  async serve(_part, sink) {
    const socket = new Pull()
    const address = await bound(socket)
    void forEach(socket, (message) => sink.onMessage(message))
    return address
  },

  async dial(part, source) {
    const socket = new Push()
    socket.connect(part.address)
    const pump = async () => {
      for (;;) {
        const message = source.next()
        if (message === undefined) return
        await socket.send(message)
      }
    }
    return { start: () => void pump() }
  },
}

/** Calls between two dealers: ids in a frame before the body, and a Map of the calls in progress. */
export const rpc = {
  async serve() {
    const socket = new Dealer(UNBOUNDED)
    const address = await bound(socket)
    const queue = new Queue(socket)
    void forEach(socket, (...parts) => queue.send(parts))
    return address
  },

  async connect(part) {
    const socket = new Dealer(UNBOUNDED)
    socket.connect(part.address)
    const queue = new Queue(socket)
    const calls = new Map()
    let lastId = 0
    void forEach(socket, (idBytes, body) => {
      const id = idBytes.readUInt32BE(0)
      calls.get(id)(body)
      calls.delete(id)
    })
    return {
      call: (body) =>
        new Promise((resolve) => {
          const id = Buffer.alloc(4)
          id.writeUInt32BE(++lastId >>> 0, 0)
          calls.set(lastId, resolve)
          queue.send([id, body])
        }),
    }
  },
}

/** A socket sends one message at a time, and says when it may send the next. */
class Queue {
  #socket
  #messages = []
  #isSending = false

  constructor(socket) {
    this.#socket = socket
  }

  send(message) {
    this.#messages.push(message)
    if (!this.#isSending) void this.#sendAll()
  }

  async #sendAll() {
    this.#isSending = true
    while (this.#messages.length > 0) {
      const messages = this.#messages
      this.#messages = []
      for (const message of messages) await this.#socket.send(message)
    }
    this.#isSending = false
  }
}

/** What goes wrong is unhandled, and ends the measurement. */
async function forEach(socket, onMessage) {
  for await (const parts of socket) await onMessage(...parts)
}
