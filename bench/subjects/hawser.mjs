import { RECEIVE_BUFFER_BYTES } from '../datagram-lane.mjs'
import { dial, listen, raw } from '../hawser.mjs'
import { mixedUse } from '../mixed-use.mjs'

const udp = { receiveBufferBytes: RECEIVE_BUFFER_BYTES }

/** Asks the listener for nothing but what the others do: the message that came is sent back. */
const echoing = {
  onMessage(session, message) {
    session.send(message)
  },
}

export const echo = {
  async serve({ transport }) {
    await mixedUse()
    const server = await listen(`${transport}://127.0.0.1:0`, { codec: raw(), listener: echoing, udp })
    return server.address.href
  },

  async dial(_workload, address, lane) {
    if (lane.stream === 0) await mixedUse()
    return dial(address, {
      codec: raw(),
      listener: { onMessage: (_session, message) => lane.onMessage(message) },
      udp,
    })
  },
}

export const idle = {
  async serve() {
    const server = await listen('tcp://127.0.0.1:0', { codec: raw(), listener: echoing })
    return { address: String(server.address.port), count: () => server.sessions.size }
  },
}

export const broadcast = {
  async serve({ transport }) {
    const tcp = transport === 'tcp'
    const where = tcp ? 'tcp://127.0.0.1:0' : 'inproc://bench-broadcast'
    const server = await listen(where, { codec: raw(), listener: { onMessage() {} } })
    return {
      address: tcp ? String(server.address.port) : server.address.href,
      count: () => server.sessions.size,
      broadcast: (message) => server.broadcast(message),
    }
  },

  join: (address, onMessage) =>
    dial(address, { codec: raw(), listener: { onMessage: (_session, message) => onMessage(message) } }),
}
