// NATS through its own server, which is a process beside the two: what it costs is in no CPU figure here.
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { connect, createInbox } from '@nats-io/transport-node'
import { DEADLINE_MS } from '../kinds/rpc.mjs'

const SUBJECT = 'bench'
/** So many messages are published before the server is asked whether it has them. */
const BURST = 1_000

/** The server is Debian's package nats-server, or any other. */
export function unavailable() {
  return spawnSync('nats-server', ['--version']).error === undefined ? undefined : 'nats-server is not installed'
}

async function startServer() {
  // It ends with this process, however that ends: then nobody holds the other end of the pipe any more.
  const script = 'nats-server -a 127.0.0.1 -p -1 & cat >/dev/null; kill $!'
  const server = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'pipe'] })
  const lines = createInterface({ input: server.stderr })
  const port = await new Promise((resolve, reject) => {
    lines.on('line', (text) => {
      const found = /Listening for client connections on \S+:(\d+)/.exec(text)
      if (found) resolve(found[1])
    })
    lines.once('close', () => reject(new Error('nats-server ended')))
  })
  return `127.0.0.1:${port}`
}

async function subscribe(address, onMessage) {
  const connection = await connect({ servers: address })
  connection.subscribe(SUBJECT, { callback: (error, message) => onMessage(error, message) })
  await connection.flush()
}

export const echo = {
  async serve() {
    const address = await startServer()
    await subscribe(address, (_error, message) => message.respond(message.data))
    return address
  },

  async dial(part, lane) {
    const connection = await connect({ servers: part.address })
    const reply = createInbox()
    connection.subscribe(reply, { callback: (_error, message) => lane.onMessage(message.data) })
    return { send: (message) => connection.publish(SUBJECT, message, { reply }) }
  },
}

export const oneway = {
  async serve(_part, sink) {
    const address = await startServer()
    await subscribe(address, (_error, message) => sink.onMessage(message.data))
    return address
  },

  /** A burst at a time, as the client keeps whatever is published. */
  async dial(part, source) {
    const connection = await connect({ servers: part.address })
    const pump = async () => {
      for (;;) {
        for (let i = 0; i < BURST; i++) {
          const message = source.next()
          if (message === undefined) return
          connection.publish(SUBJECT, message)
        }
        await connection.flush()
      }
    }
    return { start: () => void pump() }
  },
}

/** Request and reply. */
export const rpc = {
  serve: echo.serve,

  async connect(part) {
    const connection = await connect({ servers: part.address })
    return { call: async (bytes) => (await connection.request(SUBJECT, bytes, { timeout: DEADLINE_MS })).data }
  },
}
