import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { payloads, same } from '../payloads.mjs'

/** Opened before counting starts, so that code and tables which come with the first sessions are not counted. */
const WARM_CONNECTIONS = 256

/** How many are being opened at a time; a listening queue holds 511. */
const OPENING = 128

/** The client opens connections that say nothing (or one message, and hear it back); the server's memory is weighed. */
export const flags = ['--expose-gc']

export const units = ['resident KiB/session', 'heap KiB/session', 'external KiB/session']

export async function server(subject) {
  const { address, count } = await subject.serve()
  return { address, answers: { count, memory: settledMemory } }
}

export async function client(_subject, { workload, address }, ask) {
  const sockets = await open(WARM_CONNECTIONS, workload, address)
  await until(ask, sockets.length)
  const before = await ask('memory')
  sockets.push(...(await open(workload.connections, workload, address)))
  await until(ask, sockets.length)
  const after = await ask('memory')
  if ((await ask('count')) !== sockets.length) throw new Error('not every session lived until the end')
  const each = (name) => (after[name] - before[name]) / 1024 / workload.connections
  return {
    'resident KiB/session': each('rss'),
    'heap KiB/session': each('heapUsed'),
    'external KiB/session': each('external'),
  }
}

/** Plain sockets for every subject, as only the server is weighed. */
async function open(count, workload, address) {
  const sockets = []
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(OPENING, count - sockets.length) }, () =>
      connect(Number(address), '127.0.0.1'),
    )
    await Promise.all(batch.map((socket) => once(socket, 'connect')))
    if (workload.talked) await Promise.all(batch.map(talk))
    sockets.push(...batch)
  }
  return sockets
}

/** One framed message there and back. */
async function talk(socket) {
  const [message] = payloads(0, 64, 1)
  const frame = Buffer.concat([Buffer.from([0, 0, 0, message.length]), message])
  socket.write(frame)
  const [answer] = await once(socket, 'data')
  if (!same(answer, frame)) throw new Error('the message came back wrong')
}

async function until(ask, sessions) {
  while ((await ask('count')) !== sessions) await delay(20)
}

/** What is left after collecting until nothing more goes. */
async function settledMemory() {
  let least = Infinity
  for (let i = 0; i < 6; i++) {
    globalThis.gc()
    await delay(50)
    least = Math.min(least, process.memoryUsage.rss())
  }
  const { heapUsed, external } = process.memoryUsage()
  return { rss: least, heapUsed, external }
}
