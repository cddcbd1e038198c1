import { join } from 'node:path'
import { RECEIVE_BUFFER_BYTES } from './datagram-lane.mjs'
import { codecOf } from './hawser-codecs.mjs'
import { dial, listen, raw } from './hawser.mjs'
import { mixedUse } from './mixed-use.mjs'

const udp = { receiveBufferBytes: RECEIVE_BUFFER_BYTES }

/** Asks the listener for nothing but what the others do: the message that came is sent back. */
const sendBack = {
  onMessage(session, message) {
    session.send(message)
  },
}

/** What a slow consumer may be owed; the by-hand server keeps to the same. */
const MOST_OWED = { highWaterMarkBytes: 256 * 1024, maxBufferedBytes: 1024 * 1024, overflow: 'drop' }

/**
 * Hawser, both ends, with default options.
 *
 * @param {object} [both] options that both ends have instead
 * @param {object} [echoServer] options that the echo server has instead
 */
export function hawserSubject(both = {}, echoServer = {}) {
  return {
    echo: {
      prepare: mixedUse,

      async serve(part) {
        return serve(part, {
          codec: await codecOf(part.workload.codec),
          listener: sendBack,
          udp,
          ...both,
          ...echoServer,
        })
      },

      async dial(part, lane) {
        const codec = await codecOf(part.workload.codec)
        const listener = { onMessage: (_session, message) => lane.onMessage(message) }
        return dial(part.address, { codec, listener, udp, ...trust(part), ...both })
      },
    },

    oneway: {
      prepare: mixedUse,

      async serve(part, sink) {
        const listener = { onMessage: (_session, message) => sink.onMessage(message) }
        return serve(part, { codec: raw(), listener, ...both })
      },

      async dial(part, source) {
        const pump = () => {
          for (;;) {
            const message = source.next()
            if (message === undefined || !session.send(message)) return
          }
        }
        const listener = { onDrain: pump }
        const session = await dial(part.address, { codec: raw(), listener, ...trust(part), ...both })
        return { start: pump }
      },
    },

    idle: {
      async serve(part) {
        const { address, sessions } = await open(part, { codec: raw(), listener: sendBack, ...both })
        return { address: String(address.port), count: () => sessions.size }
      },
    },

    broadcast: {
      async serve(part) {
        const server = await open(part, { codec: raw(), listener: {}, ...both })
        return {
          address: part.isAlone ? server.address.href : String(server.address.port),
          count: () => server.sessions.size,
          broadcast: (message) => server.broadcast(message),
        }
      },

      join: (address, onMessage) =>
        dial(address, { codec: raw(), listener: { onMessage: (_session, message) => onMessage(message) } }),
    },

    slow: {
      async serve(part) {
        const server = await open(part, { codec: raw(), listener: {}, ...MOST_OWED, ...both })
        return {
          address: String(server.address.port),
          count: () => server.sessions.size,
          publish: (message) => server.broadcast(message),
          owed: () => [...server.sessions].reduce((sum, { stats }) => sum + stats.bufferedBytes, 0),
        }
      },
    },

    churn: {
      async serve(part) {
        let opened = 0
        let closed = 0
        const listener = { onOpen: () => void opened++, onClose: () => void closed++ }
        const { address } = await open(part, { codec: raw(), listener, ...both })
        const counts = { count: () => opened - closed, opened: () => opened }
        return { address: part.workload.isPlainDialer ? String(address.port) : address.href, ...counts }
      },

      async openAndClose(part) {
        const session = await dial(part.address, { codec: raw(), listener: {}, ...both })
        await session.close()
      },
    },
  }
}

async function serve(part, setup) {
  const { address } = await open(part, setup)
  return address.href
}

function open({ workload: { name, transport }, folder, tls }, setup) {
  const where = {
    ipc: `ipc://${join(folder, `hawser-${process.pid}.sock`)}`,
    inproc: `inproc://${name}`,
  }
  return listen(where[transport] ?? `${transport}://127.0.0.1:0`, { ...setup, ...(transport === 'tls' && { tls }) })
}

/** Whom a client trusts, where it must. */
function trust({ workload: { transport }, tls }) {
  return transport === 'tls' ? { tls: { ca: tls.cert } } : {}
}
