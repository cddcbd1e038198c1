// Servers with their clients in one process: echo over tcp, tls and ipc, a chat, and a store that redis-cli talks to.
import { closeOnSignals, connect, listen, systemEnv } from 'hawser'
import { text } from 'hawser/codecs'
import { line } from 'hawser/framing'
import { chat } from '../chat/chat.ts'
import { readConfig } from '../echo/config.ts'
import { startEcho } from '../echo/echo.ts'
import { explainTakenPort, numberFrom, portFrom } from '../environment.ts'
import { journal } from '../journal.ts'
import { redis } from '../redis-server/redis.ts'
import { Store } from '../redis-server/store.ts'

const FIRST_PORT = 7_000
const SUMMARY_INTERVAL_MS = 30_000
const heartbeatMs = numberFrom('HEARTBEAT_MS', 5_000)
const say = journal('start')

const chatServer = await listen(`tcp://127.0.0.1:${portFrom(FIRST_PORT)}`, chat(journal('chat'))).catch(
  explainTakenPort,
)
const store = new Store({ env: systemEnv })
const redisServer = await listen(`tcp://127.0.0.1:${portFrom(FIRST_PORT, 1)}`, {
  name: 'redis',
  ...redis(store),
}).catch(explainTakenPort)

const chatPort = chatServer.address.port
const redisPort = redisServer.address.port
console.log(`
  a chat     nc 127.0.0.1 ${chatPort}
  a store    redis-cli -p ${redisPort} set greeting hello ex 60
  an echo    its clients are in here

  Ctrl-C ends all of it.
`)

const echo = await startEcho({
  config: { ...(await readConfig(undefined)), port: portFrom(FIRST_PORT, 2), heartbeatMs },
  sayServer: journal('echo'),
  sayClient: journal('client'),
}).catch(explainTakenPort)

// In the chat there is somebody who greets whoever enters, and is known to live by heartbeats.
const greeter = connect(chatServer.address, {
  codec: text(),
  framing: line(),
  heartbeat: {
    intervalMs: heartbeatMs,
    timeoutMs: heartbeatMs * 2.5,
    message: '/ping',
    match: (received) => received === '* pong',
  },
  listener: {
    onOpen: (session) => session.send('/name greeter'),
    onMessage(session, received) {
      const newcomer = /^\* (\S+) enters$/.exec(received)?.[1]
      if (newcomer !== undefined) session.send(`hello, ${newcomer}`)
    },
  },
})

const sweeping = systemEnv.every(100, () => store.sweep())
const summing = systemEnv.every(SUMMARY_INTERVAL_MS, () => {
  const { openSessions, receivedMessages } = echo.server.stats
  const inChat = chatServer.sessions.size
  const atRedis = redisServer.sessions.size
  say(`${openSessions} echo sessions (${receivedMessages} messages so far), ${inChat} in the chat, ${atRedis} at redis`)
})

await closeOnSignals([greeter, ...echo.clients, chatServer, redisServer, echo.server])
sweeping[Symbol.dispose]()
summing[Symbol.dispose]()
say('all is closed')
