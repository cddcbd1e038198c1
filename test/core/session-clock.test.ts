import test from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import type { CloseCause, Session } from '../../src/core/session.ts'
import { dial, listen } from '../../src/node.ts'
import { embed } from '../../src/testing/embed.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { busyEnv } from '../support/busy-env.ts'

type TextSession = Session<string, string>

const utf8 = (words: string): Uint8Array => new TextEncoder().encode(words)
const words = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const lines = { codec: text(), framing: line() }
const codeOf = (cause: CloseCause | undefined): string | undefined =>
  cause?.by === 'error' ? cause.error.code : cause?.by
const beating = { ...lines, heartbeat: { intervalMs: 1000, timeoutMs: 3000, message: 'beat' } }

test('B-04: a peer that is gone without a word is found by heartbeat, within timeoutMs and 100 ms', async (t) => {
  const env = virtualEnv()
  const setup = { ...beating, env, heartbeat: { ...beating.heartbeat, match: (message: string) => message === 'beat' } }
  const server = await listen('tcp://10.0.0.1:7000', setup)
  const client = await dial('tcp://10.0.0.1:7000', setup)
  await env.advance(10_000)
  const [accepted] = server.sessions
  t.is(client.phase, 'open')
  const heardAt = Math.max(client.activeAt, accepted?.activeAt ?? 0)
  env.network.cut()
  await env.advance(heardAt + 2999 - env.now())
  t.deepEqual([client.phase, server.sessions.size], ['open', 1])
  await env.advance(101)
  t.is(codeOf(await client.closed), 'ERR_HEARTBEAT_TIMEOUT')
  t.is(server.sessions.size, 0)
  await server.close()
  t.is(env.timers, 0)
})

test('heartbeats leave when a direction was silent for intervalMs; any byte is life, and touch() is', async (t) => {
  const embedded = await embed(beating)
  await embedded.advance(999)
  t.is(words(embedded.takeBytes()), '')
  await embedded.advance(1)
  t.is(words(embedded.takeBytes()), 'beat\n')
  await embedded.advance(1000)
  t.is(words(embedded.takeBytes()), 'beat\n')
  await embedded.feed(utf8('par')) // not a frame yet
  await embedded.advance(999)
  t.is(words(embedded.takeBytes()), '')
  embedded.session.touch()
  embedded.session.send('news')
  await embedded.advance(999)
  t.is(words(embedded.takeBytes()), 'news\n')
  embedded.session.touch()
  await embedded.advance(1)
  t.is(words(embedded.takeBytes()), 'beat\n', 'we have said nothing since the news')
  embedded.connection.feedActivity()
  await embedded.advance(2999)
  t.is(embedded.cause, undefined)
  await embedded.advance(1)
  t.is(codeOf(embedded.cause), 'ERR_HEARTBEAT_TIMEOUT')
  t.is(embedded.env.timers, 0)
})

test('J-03: a loop that was blocked declares nobody dead whose bytes wait, and makes up for no cron', async (t) => {
  const env = busyEnv()
  let crons = 0
  const setup = { ...beating, cronIntervalMs: 100, idleTimeoutMs: 5000, listener: { onCron: () => void crons++ } }
  const embedded = await embed(setup, { env })
  await env.advance(500)
  t.is(crons, 5)
  for (const blockedMs of [2000, 10_000]) {
    const before = crons
    env.block(blockedMs)
    await env.advance(100)
    t.true(crons - before <= 2, `${crons - before} crons after a block of ${blockedMs} ms`)
    await embedded.feed(utf8('alive\n'))
    t.is(embedded.session.phase, 'open')
    await env.advance(1000)
    t.is(embedded.session.phase, 'open')
  }
  // The lateness is forgiven once: a peer that stays silent is found all the same.
  env.block(10_000)
  await env.advance(100)
  t.is(embedded.session.phase, 'open')
  await env.advance(13_000)
  t.regex(codeOf(embedded.cause) ?? '', /ERR_(HEARTBEAT|IDLE)_TIMEOUT/)
  t.is(env.timers, 0)
})

test('J-03: after an hour of sleep a peer has its whole time anew, and no more', async (t) => {
  const SLEEP_MS = 3_600_000
  const silent = busyEnv()
  const gone = await embed(beating, { env: silent })
  await silent.advance(1990) // it was asked, and is looked at again in 10 ms
  silent.block(SLEEP_MS)
  await silent.advance(2900)
  t.is(gone.session.phase, 'open')
  await silent.advance(200)
  t.is(codeOf(gone.cause), 'ERR_HEARTBEAT_TIMEOUT')

  const env = busyEnv()
  const alive = await embed(beating, { env })
  await env.advance(1990)
  env.block(SLEEP_MS)
  await env.advance(100)
  await alive.feed(utf8('alive\n'))
  await env.advance(2900)
  t.is(alive.session.phase, 'open')
  await env.advance(200)
  t.is(codeOf(alive.cause), 'ERR_HEARTBEAT_TIMEOUT', 'what came after the sleep is the last sign of life')
})

test('idleTimeoutMs can be set at any time, in data too, and 0 turns it off', async (t) => {
  const embedded = await embed({ ...lines, cronIntervalMs: 0 })
  t.is(embedded.env.timers, 0)
  embedded.session.idleTimeoutMs = 100
  await embedded.advance(60)
  await embedded.feed(utf8('x\n'))
  await embedded.advance(99)
  embedded.session.idleTimeoutMs = 0
  await embedded.advance(5000)
  t.is(embedded.session.phase, 'open')
  embedded.session.touch()
  embedded.session.idleTimeoutMs = 50
  await embedded.advance(50)
  await embedded.end()
  t.is(codeOf(embedded.cause), 'ERR_IDLE_TIMEOUT')
  t.notThrows(() => {
    embedded.session.idleTimeoutMs = 10
  })
  t.throws(
    () => {
      embedded.session.idleTimeoutMs = -1
    },
    { code: 'ERR_BAD_OPTION' },
  )
  t.is(embedded.env.timers, 0)

  const early = await embed({
    ...lines,
    data: async (peer) => {
      peer.idleTimeoutMs = 100
      return peer.receive()
    },
  })
  await early.advance(100)
  await early.end()
  t.is(codeOf(early.cause), 'ERR_IDLE_TIMEOUT')
  t.is(early.env.timers, 0)
})

test('data and onOpen have openTimeoutMs together, and heartbeats begin behind them', async (t) => {
  const events: string[] = []
  const hanging = { ...beating, openTimeoutMs: 5000, cronIntervalMs: 0 }
  const inData = await embed({ ...hanging, data: (peer) => peer.receive() })
  await inData.advance(4999)
  t.is(words(inData.takeBytes()), '')
  t.is(inData.session.phase, 'opening')
  await inData.advance(1)
  t.is(codeOf(inData.cause), undefined) // the peer may still end
  await inData.end()
  t.is(codeOf(inData.cause), 'ERR_TIMEOUT')

  const inOpen = await embed({
    ...hanging,
    data: (peer) => peer.receive(),
    listener: {
      onOpen: () => new Promise(() => {}),
      onError: (_session: TextSession, error) => void events.push(error.code),
      onClose: (_session: TextSession, cause) => void events.push(`close ${codeOf(cause)}`),
    },
  })
  await inOpen.advance(3000)
  await inOpen.feed(utf8('hello\n'))
  await inOpen.advance(1999)
  t.deepEqual(events, [])
  await inOpen.advance(1)
  t.deepEqual(events, ['ERR_TIMEOUT'])
  await inOpen.end()
  t.deepEqual(events, ['ERR_TIMEOUT', 'close ERR_TIMEOUT'])

  const opened = await embed({ ...hanging, heartbeat: undefined, data: async () => 1, listener: {} })
  await opened.advance(60_000)
  t.is(opened.session.phase, 'open')
  t.deepEqual(
    [inData, inOpen, opened].map(({ env }) => env.timers),
    [0, 0, 0],
  )
})

test('A-03: a frame that trickles is ERR_FRAME_TIMEOUT; time in which we do not read does not count', async (t) => {
  const setup = { codec: text(), frameTimeoutMs: 1000, maxFrameBytes: 100 }
  const trickling = await embed(setup)
  void trickling.session.receive().catch(() => {})
  await trickling.feed(Uint8Array.of(0, 0, 0, 100))
  for (let i = 0; i < 9; i++) {
    await trickling.advance(100)
    await trickling.feed(utf8('x'))
  }
  t.is(trickling.session.phase, 'open')
  await trickling.advance(100)
  await trickling.end()
  t.is(codeOf(trickling.cause), 'ERR_FRAME_TIMEOUT')

  const paused = await embed({ ...setup, listener: {} })
  await paused.feed(Uint8Array.of(0, 0, 0, 2, 0x61))
  paused.session.pause()
  await paused.advance(5000)
  paused.session.resume()
  await paused.advance(900)
  t.is(paused.session.phase, 'open')
  await paused.feed(utf8('b'))
  await paused.advance(5000)
  t.is(paused.session.phase, 'open')
  t.is(paused.session.stats.receivedMessages, 1)
  await paused[Symbol.asyncDispose]()
  t.is(trickling.env.timers + paused.env.timers, 0)
})

test('B-06: a peer that takes nothing is ERR_STALLED after stallTimeoutMs; one that takes a little is not', async (t) => {
  const embedded = await embed({ ...lines, stallTimeoutMs: 1000 })
  embedded.stall()
  embedded.session.send('x'.repeat(1000))
  await embedded.advance(900)
  await embedded.drain()
  embedded.stall()
  embedded.session.send('y')
  await embedded.advance(900)
  t.is(embedded.session.phase, 'open')
  await embedded.advance(101)
  t.is(codeOf(embedded.cause), 'ERR_STALLED')
  t.is(embedded.env.timers, 0)
})

test('B-07: while we do not read, a heartbeat judges by what the peer takes', async (t) => {
  const embedded = await embed({ ...beating, inboundHighWaterMarkBytes: 10 })
  await embedded.feed(utf8('one\ntwo\nthree\nfour\n')) // nobody pulls
  t.true(embedded.connection.isPaused)
  await embedded.advance(20_000)
  t.is(embedded.session.phase, 'open')
  embedded.stall()
  await embedded.advance(5000)
  t.is(codeOf(embedded.cause), 'ERR_HEARTBEAT_TIMEOUT')
  t.is(embedded.env.timers, 0)
})

test('B-07: idleMs is 0 while we do not read, so that a rule in onCron kills nobody whom we slow down', async (t) => {
  const embedded = await embed({ ...lines, inboundHighWaterMarkBytes: 4096, listener: {} })
  await embedded.advance(500)
  t.is(embedded.session.idleMs, 500)
  embedded.session.pause()
  await embedded.feed(utf8('a line\n'.repeat(1000)))
  await embedded.advance(60_000)
  t.is(embedded.session.idleMs, 0)
  embedded.session.resume()
  await embedded.advance(0)
  t.true(embedded.session.idleMs >= 60_000, 'it reads again, and nothing comes')
})

test('a peer that has ended in good order is not taken for dead while the listener still handles what it said', async (t) => {
  const seen: string[] = []
  const embedded = await embed({
    ...beating,
    listener: { onMessage: (_session: TextSession, message: string) => void seen.push(message) },
  })
  embedded.session.pause()
  await embedded.feed(utf8('one\ntwo\n'))
  await embedded.end()
  await embedded.advance(20_000)
  t.is(embedded.session.phase, 'open')
  embedded.session.resume()
  await embedded.advance(100)
  t.deepEqual(seen, ['one', 'two'])
  t.is(codeOf(embedded.cause), 'remote')

  const deaf = await embed({ ...beating, listener: {} })
  deaf.session.pause()
  await deaf.feed(utf8('one\n'))
  deaf.stall()
  await deaf.end()
  await deaf.advance(20_000) // what we send is not taken, either
  t.is(codeOf(deaf.cause), 'ERR_HEARTBEAT_TIMEOUT')
  t.is(deaf.env.timers, 0)
})

for (const overflow of ['throw', 'drop'] as const) {
  test(`a heartbeat that finds no room is counted and no fault (overflow: '${overflow}')`, async (t) => {
    const embedded = await embed({
      ...lines,
      heartbeat: { ...beating.heartbeat, match: (message: string) => message === 'beat', answer: () => 'beaten' },
      maxBufferedBytes: 8,
      overflow,
      listener: { onError: (_session, error) => t.fail(error.message) },
    })
    embedded.stall()
    embedded.session.send('7 bytes')
    await embedded.feed(utf8('beat\n'))
    await embedded.advance(1500)
    t.is(embedded.session.stats.droppedMessages, 2) // the answer, and one of our own
    t.is(embedded.session.phase, 'open')
    embedded.session.destroy()
    await embedded.env.settle()
  })
}

test('onCron comes each period although data and onOpen were async, and pings where the link can', async (t) => {
  let crons = 0
  const embedded = await embed({
    ...lines,
    cronIntervalMs: 100,
    data: async () => 1,
    listener: { onOpen: async () => {}, onCron: () => void crons++ },
  })
  await embedded.advance(1000)
  t.is(crons, 10)
  t.is(embedded.connection.pings, 10)
  void embedded.session.close()
  await embedded.advance(10_000)
  t.is(crons, 10)
  t.is(embedded.session.phase, 'closed')
  t.is(embedded.env.timers, 0)
})

test('closeTimeoutMs ends what the peer does not', async (t) => {
  const embedded = await embed({ ...lines, closeTimeoutMs: 500 })
  const closed = embedded.session.close()
  await embedded.advance(499)
  t.is(embedded.session.phase, 'closing')
  await embedded.advance(1)
  t.deepEqual(await closed, { by: 'local', code: undefined, reason: undefined })
  t.is(embedded.env.timers, 0)
})

for (const talker of ['server', 'client'] as const) {
  test(`heartbeats leave also where all other messages go one way: from the ${talker}`, async (t) => {
    const env = virtualEnv()
    const errors: string[] = []
    const setup = {
      env,
      codec: text(),
      heartbeat: { intervalMs: 200, timeoutMs: 700, message: 'hb', match: (message: string) => message === 'hb' },
      listener: {
        onMessage: () => undefined,
        onError: (_session: unknown, error: { code: string }) => void errors.push(error.code),
      },
    }
    const server = await listen('tcp://10.0.0.1:7000', setup)
    const client = await dial('tcp://10.0.0.1:7000', setup)
    for (let round = 0; round < 50; round++) {
      if (talker === 'server') server.broadcast('state')
      else client.send('state')
      await env.advance(100)
    }
    t.deepEqual(errors, [])
    t.is(client.phase, 'open')
    client.destroy()
    server.destroy()
    await env.settle()
  })
}
