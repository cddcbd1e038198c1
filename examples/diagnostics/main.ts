// A server that can be looked into while it runs, as Go's pprof does: its sessions with their queues, memory, event loop
// delay, and profiles of CPU and heap, over HTTP on this machine. Three clients give it something to do.
import { randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { closeOnSignals, connect, listen } from 'hawser'
import { text } from 'hawser/codecs'
import { line } from 'hawser/framing'
import { Metrics } from 'hawser/stages'
import { explainTakenPort, portFrom } from '../environment.ts'
import { Diagnostics } from './diagnostics.ts'

const CLIENTS = 3
const derive = promisify<string, string, number, Buffer>(scrypt)
const metrics = new Metrics()

const server = await listen(`tcp://127.0.0.1:${portFrom(7_000)}`, {
  name: 'keys',
  codec: text(),
  framing: line(),
  maxFrameBytes: 1_024,
  metrics,
  listener: {
    async onMessage(session, password) {
      session.send((await derive(password, 'a pinch of salt', 16)).toString('hex'))
    },
  },
}).catch(explainTakenPort)

await using diagnostics = await Diagnostics.start(server, metrics, portFrom(7_000, 1)).catch(explainTakenPort)

const client = connect(server.address, {
  codec: text(),
  framing: line(),
  connections: CLIENTS,
  cronIntervalMs: 200,
  listener: { onCron: (session) => session.send(randomBytes(8).toString('hex')) },
})
await client.ready()
console.log(`listening on ${server.address}
look into it on http://127.0.0.1:${diagnostics.port}/

  curl 127.0.0.1:${diagnostics.port}/sessions
  curl -OJ '127.0.0.1:${diagnostics.port}/profile/cpu?seconds=5'
`)
await closeOnSignals([client, server])
