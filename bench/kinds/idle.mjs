import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { contents } from '../contents.mjs'
import { openSockets, untilCount } from '../plain-clients.mjs'

/** Opened before counting starts, so that code and tables which come with the first sessions are not counted. */
const WARM_CONNECTIONS = 256

/** How many talk at a time. */
const TALKING = 128

/** The client opens connections that say nothing (or one message, and hear it back); the server's memory is weighed. */
export const flags = ['--expose-gc']

export const units = ['resident KiB/session', 'heap KiB/session', 'external KiB/session']

/** What a process has weighed once, it cannot weigh again: its connections are there. */
export const roundsEach = 1

export async function server(subject, part) {
  const { address, count } = await subject.serve(part)
  return { address, answers: { count, memory: settledMemory } }
}

export async function client(_subject, { workload, address }, ask) {
  const open = async (count) => {
    const sockets = await openSockets(address, count)
    let talked = 0
    while (workload.talked && talked < sockets.length) {
      await Promise.all(sockets.slice(talked, talked + TALKING).map(talk))
      talked += TALKING
    }
    return count
  }
  const warm = await open(WARM_CONNECTIONS)
  await untilCount(ask, warm)
  return {
    async round() {
      const before = await ask('memory')
      const all = warm + (await open(workload.connections))
      await untilCount(ask, all)
      const after = await ask('memory')
      if ((await ask('count')) !== all) throw new Error('not every session lived until the end')
      const each = (name) => (after[name] - before[name]) / 1024 / workload.connections
      return {
        'resident KiB/session': each('rss'),
        'heap KiB/session': each('heapUsed'),
        'external KiB/session': each('external'),
      }
    },
  }
}

/** One framed message there and back. */
async function talk(socket) {
  const message = contents.raw.make(0, 0, 64)
  const frame = Buffer.concat([Buffer.from([0, 0, 0, message.length]), message])
  socket.write(frame)
  const [answer] = await once(socket, 'data')
  if (!contents.raw.same(answer, frame)) throw new Error('the message came back wrong')
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
