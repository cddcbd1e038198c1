// getty's echo over tcp, tls, udp, ws, wss and a Unix socket: heartbeats, a session timeout, a session limit, a graceful stop,
// and a file that says how much of each. CONFIG names another one, PORT and HEARTBEAT_MS go before it.
import { closeOnSignals } from 'hawser'
import { explainTakenPort, numberFrom, portFrom } from '../environment.ts'
import { journal } from '../journal.ts'
import { readConfig } from './config.ts'
import { startEcho } from './echo.ts'

const sayServer = journal('server')
const sayClient = journal('client')

const file = await readConfig(process.env['CONFIG'])
const config = { ...file, port: portFrom(file.port), heartbeatMs: numberFrom('HEARTBEAT_MS', file.heartbeatMs) }

const { server, clients } = await startEcho({
  config,
  sayServer,
  sayClient,
}).catch(explainTakenPort)
await closeOnSignals([...clients, server], { timeoutMs: config.shutdownMs })
sayServer(`is closed; ${server.stats.totalSessions} sessions, ${server.stats.receivedMessages} messages`)
