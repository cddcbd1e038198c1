// Mistakes of getty and of what was built on it, by the numbers of their issues, beside those that stand with the part
// they concern (client, server, session, task pool, TLS).
import test from 'ava'
import { lengthPrefixed } from '../../codecs/framing/length-prefixed.ts'
import { line } from '../../codecs/framing/line.ts'
import { raw } from '../../codecs/raw.ts'
import { text } from '../../codecs/text.ts'
import type { Session } from '../../src/core/session.ts'
import { TaskPool } from '../../src/core/task-pool.ts'
import { embed } from '../../src/testing/embed.ts'
import { EndpointWorld } from '../support/endpoint-world.ts'

const MINUTE_MS = 60_000
const SIZES = [64, 1024, 16 * 1024, 16 * 1024 + 1, 64 * 1024, 1024 * 1024]

test('dubbo-getty#5, dubbo-getty#31: a cron of a quarter of an hour, or of a month, is just that', async (t) => {
  for (const cronIntervalMs of [15 * MINUTE_MS, 31 * 24 * 60 * MINUTE_MS]) {
    let crons = 0
    const embedded = await embed({ codec: text(), cronIntervalMs, listener: { onCron: () => void crons++ } })
    await embedded.advance(cronIntervalMs - 1)
    t.is(crons, 0)
    await embedded.advance(1 + 2 * cronIntervalMs)
    t.is(crons, 3)
    embedded.session.destroy()
  }
})

test('getty#33, getty#148: payloads of any size go out whole, and are left as they were', async (t) => {
  const embedded = await embed({ codec: raw(), framing: lengthPrefixed() })
  const payloads = SIZES.map((size) => Uint8Array.from({ length: size }, (_, at) => (at * 31) & 0xff))
  const copies = payloads.map((payload) => payload.slice())
  for (const payload of payloads) embedded.session.send(payload)
  await embedded.env.settle()
  t.deepEqual(
    embedded.takeFrames().map((frame) => Buffer.from(frame)),
    copies.map((copy) => Buffer.from(copy)),
  )
  for (const [at, payload] of payloads.entries()) t.true(Buffer.from(payload).equals(copies[at] as Uint8Array))
})

test('getty#131, getty#145: messages sent from everywhere at once never mix on the wire', async (t) => {
  const embedded = await embed({ codec: text(), framing: line() })
  const { session, env } = embedded
  const send = async (who: number): Promise<void> => {
    for (let count = 0; count < 50; count++) {
      session.send(`${who}:${count}:${'x'.repeat(who * 37)}`)
      if (count % 3 === who % 3) await Promise.resolve()
    }
  }
  env.setTimer(1, () => void send(1))
  await Promise.all([send(2), send(3), send(4), embedded.advance(2)])
  const next = [0, 0, 0, 0, 0]
  for (const frame of embedded.takeFrames()) {
    const [who, count, filling] = Buffer.from(frame).toString().split(':')
    t.is(Number(count), next[Number(who)] ?? -1)
    next[Number(who)] = Number(count) + 1
    t.is(filling?.length, Number(who) * 37)
  }
  t.deepEqual(next, [0, 50, 50, 50, 50])
})

test('getty#14: a busy hour of sends, each with a limit of its own, leaves no timer and no time-out behind', async (t) => {
  const embedded = await embed({ codec: text(), framing: line() })
  const timers = embedded.env.timers
  for (let i = 0; i < 100; i++) {
    await Promise.all([embedded.session.deliver('x', { timeoutMs: 10 }), embedded.env.settle()])
    await embedded.advance(36_000)
  }
  t.is(embedded.env.timers, timers)
  t.is(embedded.session.phase, 'open')
})

test('dubbo-getty#70, dubbo-getty#88, dubbo-getty#91: a task that outlives its session finds it closed, not gone', async (t) => {
  const world = new EndpointWorld()
  const pool = new TaskPool({ env: world.env })
  const results: boolean[] = []
  let finish: (() => void) | undefined
  const waits = new Promise<void>((resolve) => {
    finish = resolve
  })
  const server = await world.listen('inproc://tasks', {
    codec: text(),
    data: () => ({ name: 'ann' }),
    listener: {
      onMessage(session) {
        void pool.run(session.id, async () => {
          await waits
          results.push(
            session.send(`${session.data.name} ${session.remoteAddress.href} ${session.attributes !== undefined}`),
          )
        })
      },
    },
  })
  const client = await world.dial('inproc://tasks', { codec: text() })
  client.send('work')
  await world.env.settle()
  client.destroy()
  await world.env.settle()
  t.is(server.sessions.size, 0)
  finish?.()
  await pool.close()
  t.deepEqual(results, [false])
  await server.close()
})

test('getty#94: thousands of messages of many sessions at once each reach their own peer, in order', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://many', {
    codec: text(),
    listener: {
      async onMessage(session, message) {
        if (message.endsWith('7')) await Promise.resolve()
        session.send(message)
      },
    },
  })
  const talk = async (who: number): Promise<void> => {
    const session = await world.dial('inproc://many', { codec: text() })
    for (let count = 0; count < 100; count++) session.send(`${who} ${count}`)
    for (let count = 0; count < 100; count++) t.is(await session.receive(), `${who} ${count}`)
    await session.close()
  }
  await Promise.all(Array.from({ length: 100 }, (_, who) => talk(who)))
  t.is(server.stats.receivedMessages, 10_000)
  await server.close()
})

test('DGo#163, DGo#3509, DGo#3592: a session that is half dead leaves the pool by its heartbeat, and is replaced', async (t) => {
  const world = new EndpointWorld()
  const heartbeat = {
    intervalMs: 1_000,
    timeoutMs: 3_000,
    message: 'ping',
    match: (message: string) => message === 'ping',
  }
  const deaf = new Set<Session<string, string>>()
  const server = await world.listen('inproc://pool', {
    codec: text(),
    listener: {
      onMessage: (session, message) => (deaf.has(session) ? true : session.send(message)),
    },
  })
  const client = world.connect('inproc://pool', { codec: text(), connections: 3, heartbeat, listener: {} })
  await world.env.advance(100)
  await client.ready()
  const [first] = server.sessions
  t.truthy(first)
  if (first !== undefined) deaf.add(first)
  await world.env.advance(10_000)
  t.is(client.sessions.size, 3)
  t.is(first?.phase, 'closed')
  const sent = [...client.sessions].map(({ stats }) => stats.sentMessages)
  await world.env.advance(600_000)
  t.is(client.sessions.size, 3)
  t.true(sent.every((count) => count < 20)) // an answered heartbeat leaves nothing pending that would pile up
  t.is(server.stats.bufferedBytes, 0)
  client.destroy()
  server.destroy()
  await world.env.settle()
  t.is(world.env.timers, 0)
})
