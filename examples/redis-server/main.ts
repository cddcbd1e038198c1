// A server that redis-cli, redis-benchmark and any client of Redis talk to: a framing, a codec and a store.
import { closeOnSignals, listen, systemEnv } from 'hawser'
import { explainTakenPort, portFrom } from '../environment.ts'
import { redis } from './redis.ts'
import { Store } from './store.ts'

const store = new Store({ env: systemEnv })
// Loopback only: there is no password.
const server = await listen(`tcp://127.0.0.1:${portFrom(6_380)}`, { ...redis(store), maxSessions: 10_000 }).catch(
  explainTakenPort,
)
const { port } = server.address

console.log(`listening on ${server.address}

  redis-cli -p ${port} set greeting hello ex 60
  redis-cli -p ${port} get greeting
  redis-benchmark -p ${port} -t ping,set,get -n 200000 -P 16 -q

Ctrl-C ends it.`)
const sweeping = systemEnv.every(100, () => store.sweep())
await closeOnSignals([server])
sweeping[Symbol.dispose]()
