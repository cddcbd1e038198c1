// Request and reply through nats-server, which is a process beside the two: what it costs is in no CPU figure here.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { connect as dial } from '@nats-io/transport-node'
import { DEADLINE_MS } from '../workloads.mjs'

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

export async function serve() {
  const address = await startServer()
  const connection = await dial({ servers: address })
  connection.subscribe('echo', { callback: (_error, message) => message.respond(message.data) })
  await connection.flush()
  return address
}

export async function connect(address) {
  const connection = await dial({ servers: address })
  return { call: async (bytes) => (await connection.request('echo', bytes, { timeout: DEADLINE_MS })).data }
}
