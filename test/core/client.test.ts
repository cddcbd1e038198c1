import test from 'ava'
import fc from 'fast-check'
import { text } from '../../codecs/text.ts'
import type { ClientStatus } from '../../src/core/client.ts'
import type { Connection } from '../../src/core/connection.ts'
import { type ErrorCode, HawserError, refused } from '../../src/core/errors.ts'
import type { Session } from '../../src/core/session.ts'
import { HeldConnection } from '../../src/testing/held-connection.ts'
import { type Attempt, codeOf, EndpointWorld, gate } from '../support/endpoint-world.ts'

const codec = text()
const echo = {
  codec,
  listener: { onMessage: (session: Session<string, string>, m: string) => session.send(m) },
} as const

const down = (code: ErrorCode = 'ERR_CONNECTION_REFUSED', retryable = true): HawserError =>
  new HawserError(code, 'scripted', { retryable })

const failing =
  (error: () => unknown = down) =>
  (attempt: Attempt): void =>
    attempt.fail(error())

const types = (statuses: readonly ClientStatus[]): string[] => statuses.map(({ type }) => type)

/** The delays that were announced. */
const delays = (statuses: readonly ClientStatus[]): number[] =>
  statuses.flatMap((status) => (status.type === 'failed' ? [status.retryInMs] : []))

test('connect returns at once; ready() waits for all connections, session() and send() for any', async (t) => {
  const world = new EndpointWorld()
  const client = world.connect('inproc://later', { ...echo, connections: 3, reconnect: { initialMs: 10, maxMs: 10 } })
  t.is(client.sessions.size, 0)
  t.false(client.send('nobody is there'))
  t.is(client.stats.droppedMessages, 1)
  const [ready, session] = [client.ready(), client.session()]
  const hasty = codeOf(client.ready({ timeoutMs: 5 }))
  await world.env.advance(100)
  t.is(await hasty, 'ERR_TIMEOUT')
  const heard: string[] = []
  const server = await world.listen('inproc://later', {
    codec,
    listener: { onMessage: (_session, message) => heard.push(message) },
  })
  await world.env.advance(20)
  await ready
  t.is(server.sessions.size, 3)
  t.is(client.sessions.size, 3)
  t.true(client.sessions.has(await session))
  const [busy] = client.sessions
  busy?.send('x') // so that it is not the least loaded
  t.not(await client.session(), busy)
  await world.env.settle()
  for (let i = 0; i < 6; i++) {
    t.true(client.send(`message ${i}`))
    await world.env.settle()
  }
  t.is(heard.length, 7)
  t.deepEqual(
    [...server.sessions].map(({ stats }) => stats.receivedMessages),
    [3, 2, 2],
    'equals take turns',
  )
  await client.ready()
  await client.close()
  await world.env.settle()
  t.is(server.sessions.size, 0)
  t.is(client.stats.sentMessages, 7)
  t.is(await codeOf(client.ready()), 'ERR_SESSION_CLOSED')
  t.is(await codeOf(client.session()), 'ERR_SESSION_CLOSED')
  t.false(client.send('closed'))
  await server.close()
  t.is(world.env.timers, 0)
})

test('a wrong option or address throws at once, and names it', (t) => {
  const world = new EndpointWorld()
  const named = (options: object, option: string): void => {
    t.throws(() => world.connect('inproc://x', { codec, ...options }), {
      code: 'ERR_BAD_OPTION',
      message: new RegExp(`option ${option} `),
    })
  }
  named({ connections: 0 }, 'connections')
  named({ dialTimeoutMs: -1 }, 'dialTimeoutMs')
  named({ reconnect: true }, 'reconnect')
  named({ reconnect: null }, 'reconnect')
  named({ reconnect: { initialMs: 0 } }, 'reconnect.initialMs')
  named({ reconnect: { initialMs: 5, maxMs: 4 } }, 'reconnect.initialMs')
  named({ reconnect: { stableAfterMs: Number.NaN } }, 'reconnect.stableAfterMs')
  named({ reconnect: { maxAttempts: 1.5 } }, 'reconnect.maxAttempts')
  named({ onStatus: 'log' }, 'onStatus')
  named({ signal: {} }, 'signal')
  t.throws(() => world.connect([], { codec }), { code: 'ERR_BAD_OPTION' })
  t.throws(() => world.connect('inproc://', { codec }), { code: 'ERR_BAD_ADDRESS' })
  t.throws(() => world.connect(['inproc://x', 'smoke://x:1'], { codec }), { code: 'ERR_BAD_ADDRESS' })
  t.is(world.env.timers, 0)
})

test('whoever waits in vain for a connection is told why the last attempt failed', async (t) => {
  const world = new EndpointWorld()
  world.script.decide = failing()
  const client = world.connect('script://dead:1', { codec, reconnect: { initialMs: 10, maxMs: 10 } })
  const waits = [client.ready({ timeoutMs: 50 }), client.session({ timeoutMs: 50 })].map((wait) => t.throwsAsync(wait))
  await world.env.advance(60)
  for (const error of await Promise.all(waits)) {
    t.like(error, { code: 'ERR_TIMEOUT', cause: { code: 'ERR_CONNECTION_REFUSED' } })
  }
  await client.close()
})

test('getty#106, getty#116: maxAttempts counts first dials, too; then every wait rejects and the client closes', async (t) => {
  const world = new EndpointWorld()
  world.script.decide = failing()
  const client = world.connect('script://dead:1', { codec, reconnect: { initialMs: 10, maxMs: 10, maxAttempts: 3 } })
  const waits = [codeOf(client.ready()), codeOf(client.session())]
  await world.env.advance(1_000)
  await client.closed
  t.deepEqual(await Promise.all(waits), ['ERR_CONNECTION_REFUSED', 'ERR_CONNECTION_REFUSED'])
  t.is(await codeOf(client.ready()), 'ERR_CONNECTION_REFUSED')
  t.is(await codeOf(client.session()), 'ERR_CONNECTION_REFUSED')
  t.is(world.script.attempts.length, 3)
  t.deepEqual(types(world.statuses), ['dialing', 'failed', 'dialing', 'failed', 'dialing', 'failed', 'gave-up'])
  t.is(delays(world.statuses).at(-1), Infinity)
  t.is(world.env.timers, 0)
})

test('the delay is bounded by initialMs, doubling up to maxMs, and there is one dial in flight', async (t) => {
  const world = new EndpointWorld(7)
  const client = world.connect('script://slow:1', { codec, reconnect: { initialMs: 100, maxMs: 1_000 } })
  await world.env.advance(3_000)
  t.is(world.script.attempts.length, 1, 'a dial that hangs is not joined by another')
  world.script.last.fail(down())
  world.script.decide = failing()
  await world.env.advance(60_000)
  const told = delays(world.statuses)
  t.true(told.length > 50)
  for (const [i, delayMs] of told.entries()) t.true(delayMs <= Math.min(1_000, 100 * 2 ** i), `${i}: ${delayMs}`)
  t.true(Math.max(...told) > 500 && Math.min(...told.slice(5)) < 500, 'jittered')
  t.is(new Set(told).size > 20, true)
  const at = world.script.attempts.map((attempt) => attempt.at)
  t.deepEqual(
    at.slice(2, 6).map((time, i) => time - Number(at[i + 1])),
    told.slice(1, 5).map((delayMs) => Math.max(1, delayMs)),
    'retryInMs is kept to',
  )
  client.destroy()
  await client.closed
})

test('DGo#2739: a dead address holds no slot: each attempt takes the next one', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://live', { codec })
  world.script.decide = failing()
  const client = world.connect(['script://dead:1', 'inproc://live'], {
    codec,
    connections: 2,
    reconnect: { initialMs: 10, maxMs: 10 },
  })
  await world.env.advance(50)
  await client.ready()
  t.is(client.sessions.size, 2)
  t.is(server.sessions.size, 2)
  await client.close()
  await server.close()
})

test('a peer that refuses for a reason is not hammered', async (t) => {
  const world = new EndpointWorld()
  world.script.decide = failing(() => down('ERR_TLS', false))
  const client = world.connect('script://strict:1', { codec })
  await world.env.advance(60_000)
  t.true(world.script.attempts.length <= 5)
  t.true(delays(world.statuses).every((delayMs) => delayMs >= 15_000 && delayMs <= 30_000))
  client.destroy()
  world.script.decide = failing(() => down('ERR_BAD_OPTION', false))
  const hopeless = world.connect('script://wrong:1', { codec })
  t.is(await codeOf(hopeless.ready()), 'ERR_BAD_OPTION')
  await hopeless.closed // the same option would be as wrong the next time
})

test('a peer that refuses a session right after it was open is not hammered either, and the status tells why', async (t) => {
  const world = new EndpointWorld()
  let livesMs = 50
  world.script.decide = (attempt) => {
    const connection = new HeldConnection({ env: world.env })
    attempt.connect(connection)
    world.env.setTimer(livesMs, () => connection.destroy(down('ERR_TLS', false)), false)
  }
  const client = world.connect('script://strict:1', { codec })
  await world.env.advance(60_000)
  const { length } = world.script.attempts
  t.true(length > 1 && length <= 5, `${length} attempts`)
  const closed = world.statuses.filter((status) => status.type === 'closed')
  t.true(closed.every(({ cause }) => cause.by === 'error' && cause.error.code === 'ERR_TLS'))

  livesMs = 6_000 // stable: what ends it now is no refusal
  await world.env.advance(45_000)
  const before = world.statuses.filter(({ type }) => type === 'open').length
  await world.env.advance(31_000)
  t.true(world.statuses.filter(({ type }) => type === 'open').length - before >= 4)
  client.destroy()
  await world.env.settle()
})

test('getty#126, getty#140: a session that the peer ended is replaced, in its slot and with the next generation', async (t) => {
  const world = new EndpointWorld()
  const generations: string[] = []
  const server = await world.listen('inproc://s', { codec })
  const client = world.connect('inproc://s', {
    codec,
    connections: 2,
    listener: {
      onOpen: ({ peer }) => generations.push(`${peer.dialed?.slot}.${peer.dialed?.generation}`),
    },
  })
  let most = 0
  const count = world.env.every(1, () => {
    most = Math.max(most, server.sessions.size, client.sessions.size)
  })
  await world.env.advance(10_000)
  const [first] = [...server.sessions]
  await first?.close() // EOF
  await world.env.advance(1_000)
  for (const session of server.sessions) session.destroy()
  await world.env.advance(1_000)
  t.deepEqual(generations.toSorted(), ['0.0', '0.1', '0.2', '1.0', '1.1'])
  t.is(client.sessions.size, 2)
  t.is(most, 2, 'getty#130: never more than `connections`')
  const closed = world.statuses.filter(({ type }) => type === 'closed')
  t.deepEqual(
    closed.map((status) => ('generation' in status ? `${status.slot}.${status.generation}` : '')).toSorted(),
    ['0.0', '0.1', '1.0'],
  )
  count[Symbol.dispose]()
  await client.close()
  await server.close()
  t.is(world.env.timers, 0)
})

test('getty#121: a session lost at once is a failed attempt: delays grow, and start anew after a stable one', async (t) => {
  const world = new EndpointWorld(3)
  let accepted = 0
  let flapping = true
  const server = await world.listen('inproc://s', {
    codec,
    listener: {
      onOpen: (session) => {
        accepted++
        if (flapping) void session.close()
      },
    },
  })
  const client = world.connect('inproc://s', { codec, reconnect: { initialMs: 100, maxMs: 10_000 } })
  await world.env.advance(60_000)
  t.true(accepted > 5 && accepted < 40, `${accepted} in a minute`)
  flapping = false
  await world.env.advance(20_000)
  t.is(client.sessions.size, 1)
  const generation = world.statuses.filter(({ type }) => type === 'open').length
  for (const session of server.sessions) session.destroy()
  await world.env.advance(100)
  t.is(world.statuses.filter(({ type }) => type === 'open').length, generation + 1, 'from initialMs on again')
  await client.close()
  await server.close()
})

test('an onOpen or data that fails is a failed attempt with a delay, and the peer is let go', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec })
  let opens = 0
  const client = world.connect('inproc://s', {
    codec,
    listener: {
      onOpen: () => {
        if (++opens < 4) throw new Error('not yet')
      },
    },
    reconnect: { initialMs: 100, maxMs: 1_000 },
  })
  await world.env.advance(5_000)
  await client.ready()
  t.is(opens, 4)
  t.is(server.sessions.size, 1)
  t.is(client.stats.refusedSessions, 3)
  const picky = world.connect('inproc://s', {
    codec,
    data: () => {
      throw refused('wrong server')
    },
  })
  await world.env.advance(10_000)
  t.is(picky.stats.refusedSessions, 1, 'it refused for a reason, and would again')
  const broken = world.connect('inproc://s', {
    codec: () => {
      throw new Error('no codec')
    },
    reconnect: { initialMs: 1, maxMs: 1, maxAttempts: 2 },
  })
  const outcome = codeOf(broken.ready())
  await world.env.advance(100)
  t.is(await outcome, 'ERR_LISTENER')
  await Promise.all([client.close(), picky.close()])
  await server.close()
  t.is(world.env.timers, 0)
})

test('getty#97: close stops at once in every phase, and leaves nothing behind', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec })

  const dialing = world.connect('script://x:1', { codec })
  const { options, connect } = world.script.last
  await dialing.close()
  t.true(options.signal?.aborted)
  const late = await world.link('s', { ...options, signal: undefined })
  let lateClosed = false
  late.attach({ onChunk() {}, onActivity() {}, onEnd() {}, onClose: () => (lateClosed = true) })
  connect(late) // it comes after all
  await world.env.settle()
  t.true(lateClosed)

  world.script.decide = failing()
  const waiting = world.connect('script://x:1', { codec })
  await world.env.settle()
  const attempts = world.script.attempts.length
  await waiting.close()
  await world.env.advance(60_000)
  t.is(world.script.attempts.length, attempts)

  const never = gate()
  const opening = world.connect('inproc://s', { codec, data: () => never.opened })
  const wait = codeOf(opening.session())
  await world.env.settle()
  await opening.close()
  t.is(await wait, 'ERR_SESSION_CLOSED')

  const stop = new AbortController()
  const open = world.connect('inproc://s', { codec, signal: stop.signal })
  await open.ready()
  stop.abort()
  await open.closed

  const before = world.script.attempts.length
  const unborn = world.connect('script://x:1', { codec, signal: AbortSignal.abort() })
  await unborn.closed
  t.is(world.script.attempts.length, before)

  const both = world.connect('inproc://s', { codec, connections: 2 })
  await both.ready()
  t.is(both.close(), both.close(), 'idempotent: the same promise')
  both.destroy()
  await both.closed
  both.destroy()
  await world.env.settle()
  t.is(server.sessions.size, 0)
  await server.close()
  t.is(world.env.timers, 0)
})

test('a dial that hangs fails after dialTimeoutMs, whatever its transport does', async (t) => {
  const world = new EndpointWorld()
  const client = world.connect('script://hanging:1', { codec, dialTimeoutMs: 300, reconnect: { maxMs: 10 } })
  const { options } = world.script.last
  t.is(options.timeoutMs, 300)
  await world.env.advance(299)
  t.false(options.signal?.aborted)
  await world.env.advance(20)
  t.true(options.signal?.aborted)
  t.is(world.script.attempts.length, 2)
  t.true(world.statuses.some((status) => status.type === 'failed' && status.error.code === 'ERR_TIMEOUT'))
  client.destroy()
  await client.closed
  t.is(world.env.timers, 0)
})

test('the signal of an attempt means nothing to the connection that came of it', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec })
  const client = world.connect('script://s:1', { codec })
  const { connect, options } = world.script.last
  connect(await world.link('s', options))
  await client.ready()
  const closed = client.close()
  t.false(options.signal?.aborted)
  await closed
  t.false(options.signal?.aborted)
  await server.close()
})

test('getty#122: redial never runs inside a close or a hook', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec })
  let inside = false
  let dialedInside = 0
  world.script.decide = ({ options, connect }) => {
    if (inside) dialedInside++
    void world.link('s', options).then(connect)
  }
  const guarded = (run: () => void): void => {
    inside = true
    run()
    inside = false
  }
  const client = world.connect('script://s:1', {
    codec,
    listener: { onClose: () => guarded(() => void client.send('in onClose')) },
    reconnect: { initialMs: 1, maxMs: 1 },
  })
  for (let i = 0; i < 5; i++) {
    const session = await client.session()
    guarded(() => (i % 2 === 0 ? session.destroy() : void session.close()))
    await world.env.advance(10)
  }
  t.is(dialedInside, 0)
  t.is(world.script.attempts.length, 6)
  await client.close()
  await server.close()
})

test('close({ reconnect: false }) ends its slot; without any slot the client closes', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec })
  const client = world.connect('inproc://s', { codec, connections: 2 })
  await client.ready()
  await (await client.session()).close({ reconnect: false })
  await world.env.advance(60_000)
  t.is(client.sessions.size, 1)
  await client.ready() // all that are still kept
  const wait = codeOf(
    client
      .session()
      .then((session) => session.close({ reconnect: false }))
      .then(() => client.session()),
  )
  await world.env.advance(60_000)
  t.is(await wait, 'ERR_SESSION_CLOSED')
  await client.closed
  t.false(types(world.statuses).includes('gave-up'))
  await server.close()
})

test('reconnect: false: one attempt a slot, and what is lost is not replaced', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec })
  const client = world.connect('inproc://s', { codec, reconnect: false })
  await client.ready()
  await world.env.settle()
  for (const session of server.sessions) session.destroy()
  await world.env.advance(60_000)
  await client.closed
  t.deepEqual(types(world.statuses), ['dialing', 'open', 'closed'])
  world.script.decide = failing()
  const half = world.connect(['inproc://s', 'script://dead:1'], { codec, connections: 2, reconnect: false })
  t.is(await codeOf(half.ready()), 'ERR_CONNECTION_REFUSED')
  await half.session() // what could be reached is of use
  const none = world.connect('script://dead:1', { codec, reconnect: false })
  t.is(await codeOf(none.session()), 'ERR_CONNECTION_REFUSED')
  await none.closed
  await half.close()
  await server.close()
})

test('gives up only when every slot has used up its attempts', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec, maxSessions: 1 })
  let links = 0
  world.script.decide = ({ options, connect, fail }) => {
    if (links++ > 0) fail(down())
    else void world.link('s', options).then(connect)
  }
  const client = world.connect('script://s:1', {
    codec,
    connections: 2,
    reconnect: { initialMs: 10, maxMs: 10, maxAttempts: 3 },
  })
  await world.env.advance(10_000)
  t.is(client.sessions.size, 1, 'one slot is open, so that the other one goes on trying')
  t.false(types(world.statuses).includes('gave-up'))
  await server.close()
  await world.env.advance(10_000)
  await client.closed
  t.is(types(world.statuses).at(-1), 'gave-up')
  t.is(types(world.statuses).filter((type) => type === 'gave-up').length, 1)
})

test('dubbo-getty#99: reconnecting for hours does not flood the log', async (t) => {
  const world = new EndpointWorld()
  world.script.decide = failing()
  const reconnect = { initialMs: 100, maxMs: 1_000 }
  const client = world.connect('script://dead:1', { codec, reconnect, onStatus: undefined })
  await world.env.advance(300_000)
  t.true(world.script.attempts.length > 300)
  t.true(world.env.logs.length <= 11, `${world.env.logs.length} lines in 5 minutes`)
  const fields = world.env.logs[1]?.fields as { suppressed: number } | undefined
  t.true((fields?.suppressed ?? 0) > 10)
  client.destroy()
  const lines = world.env.logs.length
  const watched = world.connect('script://dead:1', { codec, reconnect })
  await world.env.advance(60_000)
  t.is(world.env.logs.length, lines, 'where onStatus hears of it, the log does not')
  watched.destroy()
})

test('getty#123: a connection to itself is a failed attempt, and is destroyed', async (t) => {
  const world = new EndpointWorld()
  let destroyed = 0
  world.script.decide = ({ connect }) =>
    connect({
      localAddress: 'tcp://127.0.0.1:5000',
      remoteAddress: 'tcp://127.0.0.1:5000',
      destroy: () => destroyed++,
    } as unknown as Connection)
  t.is(await codeOf(world.dial('script://free:1', { codec })), 'ERR_CONNECTION_REFUSED')
  t.is(destroyed, 1)
})

test('status() gives each iterator all from now on, keeps the newest 1,000, and ends with the client', async (t) => {
  const world = new EndpointWorld()
  world.script.decide = failing(() => 'not even an error')
  const client = world.connect('script://dead:1', { codec, reconnect: { initialMs: 1, maxMs: 1 } })
  const idle = client.status()[Symbol.asyncIterator]()
  const left: string[] = []
  const reading = (async () => {
    for await (const status of client.status()) {
      left.push(status.type === 'failed' ? status.error.code : status.type)
      if (left.length === 4) break
    }
  })()
  await world.env.advance(2_000)
  await reading
  t.deepEqual(left, ['dialing', 'ERR_UNREACHABLE', 'dialing', 'ERR_UNREACHABLE'])
  await client.close()
  await world.env.settle()
  let kept = 0
  for (;;) {
    const { done } = await idle.next()
    if (done === true) break
    kept++
  }
  t.is(kept, 1_000)
  t.deepEqual(await client.status()[Symbol.asyncIterator]().next(), { done: true, value: undefined })
})

test('onShutdown says goodbye on close, within its time', async (t) => {
  const world = new EndpointWorld()
  const heard: string[] = []
  const server = await world.listen('inproc://s', {
    codec,
    listener: { onMessage: (_session, message) => heard.push(message) },
  })
  const client = world.connect('inproc://s', {
    codec,
    listener: {
      onShutdown: (session) => {
        session.send('bye')
        return new Promise<never>(() => {})
      },
    },
  })
  await client.ready()
  const closed = client.close({ timeoutMs: 100 })
  await world.env.advance(99)
  t.is(client.sessions.size, 1)
  await world.env.advance(1)
  await closed
  t.deepEqual(heard, ['bye'])
  await server.close()
  t.is(world.env.timers, 0)
})

test('a slot that is open at last counts for all: the client does not give up because of the others', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec })
  const client = world.connect('script://s:1', {
    codec,
    connections: 2,
    reconnect: { initialMs: 1, maxMs: 1, maxAttempts: 3 },
  })
  const [first, second] = world.script.attempts
  let failures = 2
  world.script.decide = ({ options, connect, fail }) => {
    if (failures-- > 0) fail(down())
    else if (client.sessions.size === 0) void world.link('s', options).then(connect)
    else fail(down())
  }
  first?.fail(down())
  await world.env.advance(100)
  t.is(client.sessions.size, 1, 'after three failures')
  second?.fail(down())
  await world.env.advance(1_000)
  t.is(client.sessions.size, 1)
  t.false(types(world.statuses).includes('gave-up'))
  await client.close()
  await server.close()
})

test('a close at any moment around a connect leaves no connection behind', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec })
  for (let jobs = 0; jobs < 12; jobs++) {
    const client = world.connect('script://s:1', { codec })
    const { options, connect } = world.script.last
    const connection = await world.link('s', options)
    connect(connection)
    for (let i = 0; i < jobs; i++) await Promise.resolve()
    client.destroy()
    await client.closed
    await world.env.settle()
    t.is(server.sessions.size, 0, `${jobs} promise jobs later`)
  }
  await server.close()
  t.is(world.env.timers, 0)
})

test('B-10, J-05: whatever happens to a client in whatever order, it keeps its number and closes without a rest', async (t) => {
  const command = fc.constantFrom('kill', 'end', 'close one', 'destroy one', 'down', 'up', 'send', 'wait', 'wait long')
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 25 }),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(100),
      fc.boolean(),
      async (commands, connections, seed, graceful) => {
        const world = new EndpointWorld(seed)
        const up = () => world.listen('inproc://s', { codec, listener: {} })
        let server = await up()
        const client = world.connect('inproc://s', {
          codec,
          connections,
          reconnect: { initialMs: 50, maxMs: 500, stableAfterMs: 1_000 },
        })
        for (const what of commands) {
          const [near] = client.sessions
          const [far] = server.sessions
          if (what === 'kill') far?.destroy()
          if (what === 'end') void far?.close()
          if (what === 'close one') void near?.close()
          if (what === 'destroy one') near?.destroy()
          if (what === 'down') server.destroy()
          if (what === 'up') {
            server.destroy()
            await server.closed
            server = await up()
          }
          if (what === 'send') client.send('message')
          await world.env.advance(what === 'wait long' ? 5_000 : 20)
          if (client.sessions.size > connections || server.sessions.size > connections) return false
        }
        server.destroy()
        await server.closed
        server = await up()
        await world.env.advance(10_000)
        if (client.sessions.size !== connections) return false
        if (graceful) await client.close()
        else client.destroy()
        await client.closed
        await server.close()
        await world.env.settle()
        return world.env.timers === 0 && client.sessions.size === 0 && server.sessions.size === 0
      },
    ),
    { numRuns: 60 },
  )
  t.pass()
})
