// A dealer at both ends; ids in a frame before the body, and a Map of the calls in progress.
import { Dealer } from 'zeromq'

const UNBOUNDED = { sendHighWaterMark: 0, receiveHighWaterMark: 0 }

/** Sends in order, one at a time, as the binding wants it. */
function sender(socket) {
  const waiting = []
  let sending = false
  return async (parts) => {
    waiting.push(parts)
    if (sending) return
    sending = true
    while (waiting.length > 0) await socket.send(waiting.shift())
    sending = false
  }
}

export async function serve() {
  const socket = new Dealer(UNBOUNDED)
  await socket.bind('tcp://127.0.0.1:*')
  const send = sender(socket)
  void (async () => {
    for await (const parts of socket) void send(parts)
  })()
  return socket.lastEndpoint
}

export async function connect(address) {
  const socket = new Dealer(UNBOUNDED)
  socket.connect(address)
  const send = sender(socket)
  const calls = new Map()
  let lastId = 0
  void (async () => {
    for await (const [id, body] of socket) {
      const key = id.readUInt32BE(0)
      calls.get(key)(body)
      calls.delete(key)
    }
  })()
  return {
    call: (bytes) =>
      new Promise((resolve) => {
        const id = Buffer.alloc(4)
        id.writeUInt32BE(++lastId >>> 0, 0)
        calls.set(lastId, resolve)
        void send([id, bytes])
      }),
  }
}
