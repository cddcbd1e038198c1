// A server that redis-cli, redis-benchmark and any client of Redis talk to: a framing, a codec and a store.
import { closeOnSignals } from 'hawser'
import { listenRedis } from './redis-server.ts'

// Loopback only: there is no password.
const server = await listenRedis(`tcp://127.0.0.1:${process.env['PORT'] ?? 6380}`)
const { port } = server.address

console.log(`listening on ${server.address}

  redis-cli -p ${port} set greeting hello ex 60
  redis-cli -p ${port} get greeting
  redis-benchmark -p ${port} -t ping,set,get -n 200000 -P 16 -q

Ctrl-C ends it.`)
await closeOnSignals([server])
