import test from 'ava'
import { text } from '../../codecs/text.ts'
import { connect, listen } from '../../src/node.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'

const PEERS = 200
const INTERVAL_MS = 300
const TIMEOUT_MS = 1000
/** What a verdict may be late. */
const LATE_MS = 100
const LATENCY_MS = 20

const setup = {
  codec: text(),
  heartbeat: {
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    message: 'beat',
    match: (message: string) => message === 'beat',
  },
} as const

/** A process that watches 200 peers on another machine, which notes when it takes each of them for dead. */
async function watching() {
  const env = virtualEnv({ seed: 200 })
  env.network.setFaults({ latencyMs: LATENCY_MS, jitterMs: 10 })
  const watcher = env.host('watcher')
  const peers = env.host('peers')
  const silentMs: number[] = []
  const watched = await listen('tcp://*:7000', {
    ...setup,
    env: watcher,
    listener: {
      onError(session, { code }) {
        if (code === 'ERR_HEARTBEAT_TIMEOUT') silentMs.push(session.idleMs)
      },
    },
  })
  // Theirs must not be the first to give up: it is the watcher that is judged.
  const patient = { ...setup, heartbeat: { ...setup.heartbeat, timeoutMs: 3_600_000 } }
  const client = connect('tcp://watcher:7000', { ...patient, env: peers, connections: PEERS, listener: {} })
  await env.advance(2000)
  return { env, watcher, peers, watched, client, silentMs }
}

for (const sleepMs of [2000, 10_000]) {
  test(`J-03: of 200 peers that live none is taken for dead after ${sleepMs} ms in which nothing of ours ran`, async (t) => {
    const { env, watcher, watched, client, silentMs } = await watching()
    t.is(watched.sessions.size, PEERS)
    for (let times = 0; times < 3; times++) {
      watcher.pause()
      await env.advance(sleepMs)
      watcher.resume()
      await env.advance(3 * TIMEOUT_MS)
    }
    t.deepEqual(silentMs, [])
    t.is(watched.sessions.size, PEERS)
    client.destroy()
    watched.destroy()
    await env.settle()
    t.is(env.timers, 0)
  })
}

test('B-04, J-03: 200 peers that fall silent are found, each within timeoutMs and 100 ms', async (t) => {
  for (const how of ['stopped', 'without power', 'unplugged'] as const) {
    const { env, peers, watched, client, silentMs } = await watching()
    if (how === 'stopped') peers.pause()
    else if (how === 'unplugged') peers.unplug()
    else peers.kill({ silent: true })
    await env.advance(TIMEOUT_MS + LATE_MS + LATENCY_MS + 10)
    t.is(silentMs.length, PEERS, how)
    t.true(Math.max(...silentMs) <= TIMEOUT_MS + LATE_MS, `${how}: ${Math.max(...silentMs)} ms`)
    t.true(Math.min(...silentMs) >= TIMEOUT_MS, `${how}: ${Math.min(...silentMs)} ms`)
    watched.destroy()
    if (how === 'stopped') peers.resume()
    if (how === 'unplugged') peers.plug()
    if (how !== 'without power') client.destroy()
    await env.advance(10_000)
  }
})
