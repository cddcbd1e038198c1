// getty's echo over tcp, tls, udp, ws, wss and a Unix socket: heartbeats, a session timeout, a session limit, a graceful stop.
import { closeOnSignals } from 'hawser'
import { explainTakenPort, numberFrom, portFrom } from '../environment.ts'
import { journal } from '../journal.ts'
import { startEcho } from './echo.ts'

const sayServer = journal('server')
const sayClient = journal('client')

const { server, clients } = await startEcho({
  port: portFrom(10_000),
  heartbeatMs: numberFrom('HEARTBEAT_MS', 5_000),
  sayServer,
  sayClient,
}).catch(explainTakenPort)
await closeOnSignals([...clients, server])
sayServer(`is closed; ${server.stats.totalSessions} sessions, ${server.stats.receivedMessages} messages`)
