import { RECEIVE_BUFFER_BYTES } from '../datagram-lane.mjs'
import { dial, json, line, listen, raw, text } from '../hawser.mjs'

const WARM_MESSAGES = 5_000
const udp = { receiveBufferBytes: RECEIVE_BUFFER_BYTES }

/**
 * Carries messages of other codecs over other framings and transports first, and leaves those sessions open: in a real
 * program the call sites of the core have seen more than one shape, and inline caches that have not would flatter.
 */
async function mixedUse() {
  await exchange('inproc://bench-json', { codec: json() }, { id: 1, name: 'warm', tags: ['a', 'b'] })
  await exchange('inproc://bench-lines', { codec: text(), framing: line() }, 'a line of text')
  await exchange('tcp://127.0.0.1:0', { codec: text(), framing: line() }, 'a line of text')
}

async function exchange(where, setup, message) {
  const server = await listen(where, {
    ...setup,
    listener: { onMessage: (session, echoed) => void session.send(echoed) },
  })
  await new Promise((resolve, reject) => {
    let left = WARM_MESSAGES
    const listener = {
      onMessage(session) {
        if (--left === 0) resolve()
        else session.send(message)
      },
    }
    dial(server.address, { ...setup, listener }).then((session) => session.send(message), reject)
  })
}

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
