// One chat room in several processes behind one port: whatever is said reaches everybody, whichever worker they are with.
// `kill -HUP` of the first process restarts the workers one after the other, with the program as it is then on disk.
import { availableParallelism } from 'node:os'
import { closeOnSignals, listen, runCluster, type Server } from 'hawser'
import { text } from 'hawser/codecs'
import { line } from 'hawser/framing'
import { explainTakenPort, numberFrom, portFrom } from '../environment.ts'

/** Runs in each worker. */
async function main(): Promise<Server> {
  const server: Server<string, string> = await listen(`tcp://127.0.0.1:${portFrom(7000)}`, {
    codec: text(),
    framing: line(),
    listener: {
      onOpen: (session) => session.send(`welcome; worker ${process.pid} serves you`),
      onMessage: (session, message) =>
        server.broadcast(`${session.remoteAddress.port}: ${message}`, { except: session }),
      onShutdown: (session) => session.send('this worker ends: come again'),
    },
  })
  return server
}

const workers = numberFrom('WORKERS', availableParallelism())
const cluster = await runCluster(workers, main).catch(explainTakenPort)

// From here on only the first process is left.
console.log(`listening on ${cluster.address}, ${workers} workers; restart them by kill -HUP ${process.pid}`)
process.on('SIGHUP', () => {
  cluster.restart().then(
    () => console.log('restarted'),
    (error: unknown) => console.error('not restarted:', error),
  )
})
await closeOnSignals([cluster])
console.log(`closed; ${cluster.stats.totalSessions} sessions, ${cluster.stats.receivedMessages} messages`)
