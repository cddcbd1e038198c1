import { setTimeout as delay } from 'node:timers/promises'
import { formatOf } from '../by-hand/formats.mjs'
import { StreamPeer } from '../by-hand/stream-peer.mjs'
import { contents, messagesOf } from '../contents.mjs'
import { openSockets, untilCount } from '../plain-clients.mjs'
import { usage } from '../usage.mjs'

/** Messages published in one turn. */
const BATCH = 64
/** What each session has been sent before anything is measured: more than the kernel holds for one that reads nothing. */
const FILLING_BYTES = 16 * 1024 * 1024
/** How long a batch may take. */
const LOST_AFTER_MS = 10_000

/**
 * Everything is published to all, but some peers read nothing. What is measured is what those who read get, and what the
 * others cost: a server owes each of them 1 MiB at most, and drops what comes beyond.
 */
export const flags = ['--expose-gc']

/** Its processes hold as much on their heap as a program would. */
export const needsLiveHeap = true

export const units = ['deliveries/s', 'server CPU ns/delivery', 'server MB', 'owed KiB/stalled session']

export async function server(subject, part) {
  const { workload } = part
  const { address, count, publish, owed } = await subject.serve(part)
  const messages = messagesOf({ ...workload, connections: 1 }, 0)
  let next = 0
  const publishBatch = () => {
    for (let i = 0; i < BATCH; i++) publish(messages[next++ % messages.length])
  }
  const settled = async () => {
    globalThis.gc()
    await delay(50)
    return { ...usage(), owed: owed() }
  }
  return { address, answers: { count, publish: publishBatch, usage, settled } }
}

export async function client(_subject, { workload, address, warmUpMs, measureMs }, ask) {
  const { connections, stalled } = workload
  const messages = messagesOf({ ...workload, connections: 1 }, 0)
  const idle = await openSockets(address, stalled)
  for (const socket of idle) socket.pause()
  const fast = (await openSockets(address, connections)).map((socket) => new Reader(socket, messages))
  await untilCount(ask, connections + stalled)

  let published = 0
  /** One batch, until all who read have it. */
  const batch = async () => {
    published += BATCH
    const until = performance.now() + LOST_AFTER_MS
    await ask('publish')
    while (fast.some((reader) => reader.received < published)) {
      for (const { failure } of fast) if (failure !== undefined) throw failure
      if (performance.now() > until) throw new Error('messages were lost')
      await delay(0)
    }
  }
  const warmUntil = performance.now() + warmUpMs
  while (performance.now() < warmUntil || published * workload.messageBytes < FILLING_BYTES) await batch()

  return {
    async round() {
      const before = { ...(await ask('usage')), published }
      const until = performance.now() + measureMs
      while (performance.now() < until) await batch()
      const after = await ask('usage')
      const { resident, owed } = await ask('settled')
      const deliveries = (published - before.published) * connections
      return {
        'deliveries/s': (deliveries / (after.at - before.at)) * 1e9,
        'server CPU ns/delivery': (after.cpu - before.cpu) / deliveries,
        'server MB': resident / 1e6,
        ...(stalled > 0 && { 'owed KiB/stalled session': owed / 1024 / stalled }),
      }
    },
  }
}

/** One that reads, and checks what it reads. */
class Reader {
  received = 0
  failure

  constructor(socket, messages) {
    StreamPeer.attach(socket, formatOf('raw'), (_peer, message) => {
      const number = this.received++ % messages.length
      if (!contents.raw.same(message, messages[number])) this.failure ??= new Error(`message ${number} came wrong`)
    })
  }
}
