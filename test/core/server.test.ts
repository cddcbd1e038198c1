import test from 'ava'
import fc from 'fast-check'
import { text } from '../../codecs/text.ts'
import { parseAddress } from '../../src/core/address.ts'
import type { Connection } from '../../src/core/connection.ts'
import type { Codec } from '../../src/core/codec.ts'
import { refused } from '../../src/core/errors.ts'
import { listen } from '../../src/core/live-server.ts'
import type { Server, ServerStatus } from '../../src/core/server.ts'
import type { Session } from '../../src/core/session.ts'
import type { AcceptSink, Transport } from '../../src/core/transport.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { inproc } from '../../src/transports/memory.ts'
import { codeOf, EndpointWorld, gate } from '../support/endpoint-world.ts'
import { connectionPair } from '../support/session-pair.ts'

const codec = text()
const types = (statuses: readonly ServerStatus[]): string[] =>
  statuses.map((status) => ('error' in status ? `${status.type} ${status.error.code}` : status.type))

/** A server in memory that keeps its statuses. */
function watched(statuses: ServerStatus[]) {
  return { codec, onStatus: (status: ServerStatus) => void statuses.push(status) } as const
}

test('listen binds every address, and none where one of them fails', async (t) => {
  const world = new EndpointWorld()
  const both = await world.listen(['tcp://*:7000', 'inproc://both'], { codec })
  t.deepEqual(
    both.addresses.map(({ href }) => href),
    ['tcp://*:7000', 'inproc://both'],
  )
  t.is(both.address.href, 'tcp://*:7000')
  t.is(await codeOf(world.listen(['inproc://free', 'inproc://both', 'tcp://*:7001'], { codec })), 'ERR_ADDRESS_IN_USE')
  const again = await world.listen(['inproc://free', 'tcp://*:7001'], { codec }) // they were let go
  await Promise.all([both.close(), again.close()])
  t.is(world.env.timers, 0)
})

test('a wrong option, address or transport is a rejection that names it', async (t) => {
  const world = new EndpointWorld()
  const bad = (options: object) => world.listen('inproc://bad', { codec, ...options })
  const named = async (options: object, option: string): Promise<void> => {
    await t.throwsAsync(bad(options), { code: 'ERR_BAD_OPTION', message: new RegExp(`option ${option} `) })
  }
  await named({ maxSessions: 0 }, 'maxSessions')
  await named({ maxSessionsPerHost: -1 }, 'maxSessionsPerHost')
  await named({ maxPendingHandshakes: 1.5 }, 'maxPendingHandshakes')
  await named({ backlog: 'many' }, 'backlog')
  await named({ admit: true }, 'admit')
  await named({ onStatus: {} }, 'onStatus')
  await named({ signal: 'stop' }, 'signal')
  await named({ signal: null }, 'signal')
  await named({ codec: undefined }, 'codec')
  await named({ transports: [inproc] }, 'transports')
  await named({ transports: inproc }, 'transports')
  await t.throwsAsync(world.listen([], { codec }), { code: 'ERR_BAD_OPTION' })
  await t.throwsAsync(world.listen('carrier-pigeon://here:1', { codec }), {
    code: 'ERR_BAD_ADDRESS',
    message: /tcp, inproc/,
  })
  await t.throwsAsync(world.listen('tcp://here', { codec }), { code: 'ERR_BAD_ADDRESS' })
  await bad({ maxSessions: undefined, signal: undefined }).then((server) => server.close()) // that is: the default
})

test('J-04: over maxSessions a peer is refused, and told of; the place is free again once a session is gone', async (t) => {
  const world = new EndpointWorld()
  const statuses: ServerStatus[] = []
  const server = await world.listen('inproc://s', { ...watched(statuses), maxSessions: 2 })
  const first = await world.dial('inproc://s', { codec })
  await world.dial('inproc://s', { codec })
  const third = await world.dial('inproc://s', { codec }) // a dialer in memory learns of it after it was connected
  t.is((await third.closed).by, 'remote')
  t.is(server.sessions.size, 2)
  t.is(server.stats.refusedSessions, 1)
  await first.close()
  await world.env.settle()
  t.is(server.sessions.size, 1)
  const fourth = await world.dial('inproc://s', { codec })
  await world.env.settle()
  t.is(server.sessions.size, 2)
  t.is(fourth.phase, 'open')
  t.deepEqual(types(statuses), ['listening', 'refused ERR_TOO_MANY_SESSIONS'])
  await server.close()
})

test('maxPendingHandshakes counts peers from admission until they are open or refused', async (t) => {
  const world = new EndpointWorld()
  const login = gate()
  const statuses: ServerStatus[] = []
  const server = await world.listen('inproc://s', {
    ...watched(statuses),
    maxPendingHandshakes: 2,
    data: async (peer) => {
      if ((await peer.receive()) === 'mallory') throw refused('not you')
      await login.opened
    },
  })
  const [ann, mallory, third] = await Promise.all([1, 2, 3].map(() => world.dial('inproc://s', { codec })))
  await world.env.settle()
  t.deepEqual(types(statuses), ['listening', 'refused ERR_TOO_MANY_SESSIONS'])
  t.is((await third?.closed)?.by, 'remote')
  mallory?.send('mallory')
  await world.env.settle()
  t.deepEqual(types(statuses).at(-1), 'refused ERR_REFUSED')
  t.is(server.sessions.size, 0)
  const bob = await world.dial('inproc://s', { codec }) // in the place of mallory
  ann?.send('ann')
  bob.send('bob')
  login.open()
  await world.env.settle()
  t.is(server.sessions.size, 2)
  t.is(server.stats.refusedSessions, 2)
  await server.close()
  await world.env.settle()
  t.is(world.env.timers, 0)
})

test('B-01: peers that say nothing hold no more than maxPendingHandshakes places, and for openTimeoutMs only', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', {
    codec,
    backlog: 1_000,
    maxPendingHandshakes: 100,
    openTimeoutMs: 2_000,
    data: (peer) => peer.receive(),
  })
  const dialed = []
  for (let i = 0; i < 1_000; i++) dialed.push(await world.dial('inproc://s', { codec, listener: {} }))
  await world.env.settle()
  t.is(server.stats.refusedSessions, 900)
  await world.env.advance(3_000)
  t.is(server.stats.refusedSessions, 1_000)
  t.true(dialed.every(({ phase }) => phase === 'closed'))
  const honest = await world.dial('inproc://s', { codec })
  honest.send('hello')
  await world.env.settle()
  t.is(server.sessions.size, 1)
  t.true(world.logged.length < 5, 'and no line for each')
  await server.close()
  t.is(world.env.timers, 0)
})

test('maxSessionsPerHost counts a host until its sessions are gone; those without a host are not counted', async (t) => {
  const world = new EndpointWorld()
  const statuses: ServerStatus[] = []
  const server = await world.listen(['tcp://*:7000', 'inproc://s'], { ...watched(statuses), maxSessionsPerHost: 1 })
  const first = await world.dial('tcp://127.0.0.1:7000', { codec })
  await world.dial('inproc://s', { codec })
  await world.dial('inproc://s', { codec })
  await world.env.advance(100)
  t.is(server.sessions.size, 3)
  const second = await world.dial('tcp://127.0.0.1:7000', { codec })
  await world.env.advance(100)
  t.not(second.phase, 'open')
  t.deepEqual(types(statuses).slice(2), ['refused ERR_TOO_MANY_SESSIONS'])
  void first.close()
  await world.env.advance(100)
  await world.dial('tcp://127.0.0.1:7000', { codec })
  await world.env.advance(100)
  t.is(server.sessions.size, 3)
  server.destroy()
  await server.closed
})

test('admit: false, a throw and a promise all turn the peer away; the last two are logged', async (t) => {
  const world = new EndpointWorld()
  const statuses: ServerStatus[] = []
  const answers: (() => unknown)[] = [
    () => false,
    () => {
      throw new Error('admit is broken')
    },
    () => Promise.reject(new Error('too late')),
    () => true,
  ]
  const server = await world.listen('inproc://s', { ...watched(statuses), admit: () => answers.shift()?.() as boolean })
  const sessions = []
  for (let i = 0; i < 4; i++) sessions.push(await world.dial('inproc://s', { codec }))
  await world.env.settle()
  t.is(server.sessions.size, 1)
  t.is(sessions.at(-1)?.phase, 'open')
  t.deepEqual(types(statuses), ['listening', 'refused ERR_REFUSED', 'refused ERR_REFUSED', 'refused ERR_REFUSED'])
  t.true(world.logged.some((line) => line.includes('admit is broken')))
  t.true(world.logged.some((line) => line.includes('synchronously')))
  await server.close()
})

test('setup that throws for one peer costs that peer only', async (t) => {
  const world = new EndpointWorld()
  const statuses: ServerStatus[] = []
  let peers = 0
  const server = await world.listen('tcp://*:7000', {
    ...watched(statuses),
    maxSessionsPerHost: 1,
    codec: (): Codec<string> => {
      if (++peers === 1) throw new Error('no codec for you')
      return codec
    },
  })
  await world.dial('tcp://127.0.0.1:7000', { codec })
  await world.env.advance(10)
  await world.dial('tcp://127.0.0.1:7000', { codec }) // so the first one is not counted any more
  await world.env.advance(10)
  t.is(server.sessions.size, 1)
  t.deepEqual(types(statuses), ['listening', 'refused ERR_LISTENER'])
  server.destroy()
  await server.closed
})

test('statuses come in a later turn, in order, `closed` last; an onStatus that throws or rejects is logged', async (t) => {
  const world = new EndpointWorld()
  const seen: string[] = []
  const server = await world.listen(['inproc://a', 'inproc://b'], {
    codec,
    onStatus: (status): void => {
      seen.push(status.type)
      if (seen.length === 1) throw new Error('thrown by onStatus')
      return Promise.reject(new Error('rejected by onStatus')) as unknown as undefined
    },
  })
  t.deepEqual(seen, [])
  await world.env.settle()
  t.deepEqual(seen, ['listening', 'listening'])
  await server.close()
  await world.env.settle()
  t.deepEqual(seen, ['listening', 'listening', 'closed'])
  t.true(world.logged.some((line) => line.includes('thrown by onStatus')))
  t.true(world.logged.some((line) => line.includes('rejected by onStatus')))
})

test('close says goodbye, lets running handlers finish and send, and resolves after every onClose', async (t) => {
  const world = new EndpointWorld()
  const work = gate()
  const told: string[] = []
  const server = await world.listen('inproc://s', {
    codec,
    listener: {
      async onMessage(session, message) {
        await work.opened
        session.send(`${message} done`)
      },
      onShutdown: (session) => session.send('the server goes down'),
      onClose: (_session, cause) => told.push(`onClose ${cause.by}`),
    },
  })
  const idle = await world.dial('inproc://s', { codec })
  const busy = await world.dial('inproc://s', { codec })
  busy.send('job')
  await world.env.settle()
  const closed = server.close({ reason: 'maintenance' })
  t.is(server.close(), closed, 'idempotent: the same promise')
  t.is(server.closed, closed)
  void closed.then(() => told.push('closed'))
  t.is(await codeOf(world.dial('inproc://s', { codec })), 'ERR_CONNECTION_REFUSED')
  t.is(await idle.receive(), 'the server goes down')
  t.is(await busy.receive(), 'the server goes down')
  t.deepEqual(
    told.filter((line) => line === 'closed'),
    [],
  )
  work.open()
  t.is(await busy.receive(), 'job done')
  await closed
  t.deepEqual(told, ['onClose local', 'onClose local', 'closed'])
  t.is(server.sessions.size, 0)
  await Promise.all([idle.closed, busy.closed])
  t.is(world.env.timers, 0)
})

test('what is not closed when time is up is destroyed; a later close can only bring that nearer', async (t) => {
  const world = new EndpointWorld()
  let goodbye: AbortSignal | undefined
  const server = await world.listen('inproc://s', {
    codec,
    listener: {
      onShutdown: (_session, { signal }) => {
        goodbye = signal
        return new Promise<never>(() => {})
      },
    },
  })
  const session = await world.dial('inproc://s', { codec })
  await world.env.settle()
  const closed = server.close({ timeoutMs: 60_000 })
  const left = codeOf(server.close({ signal: AbortSignal.abort(new Error('I leave')) }))
  t.is(await left, 'Error: I leave')
  void server.close() // names no time
  void server.close({ timeoutMs: 90_000 })
  await world.env.advance(10_000)
  t.is(server.sessions.size, 1)
  t.false(goodbye?.aborted)
  void server.close({ timeoutMs: 1_000 })
  await world.env.advance(999)
  t.is(server.sessions.size, 1)
  await world.env.advance(1)
  await closed
  t.true(goodbye?.aborted)
  const second = await world.listen('inproc://s', { codec, listener: { onShutdown: () => new Promise(() => {}) } })
  await world.dial('inproc://s', { codec })
  await world.env.settle()
  void second.close({ timeoutMs: 1_000 })
  void second.close({ timeoutMs: 90_000 }) // does not bring it further away
  await world.env.advance(1_000)
  await second.closed
  t.is(server.sessions.size, 0)
  await session.closed
  t.is(world.env.timers, 0)
})

test('getty#97, getty#142: close never hangs: without sessions, from inside a hook, with a peer that never opens', async (t) => {
  const world = new EndpointWorld()
  const empty = await world.listen('inproc://empty', { codec })
  await empty.close()
  const inside: Server<string, string> = await world.listen('inproc://inside', {
    codec,
    listener: { onMessage: () => inside.close() },
  })
  const session = await world.dial('inproc://inside', { codec })
  session.send('close')
  await world.env.advance(5_000) // the handler waits for the close that waits for the handler: until time is up
  await inside.closed
  const opening = await world.listen('inproc://opening', { codec, data: (peer) => peer.receive() })
  const mute = await world.dial('inproc://opening', { codec })
  await world.env.settle()
  await opening.close({ timeoutMs: 0 })
  t.is(opening.stats.totalSessions, 0)
  await mute.closed
  await session.closed
  t.is(world.env.timers, 0)
})

test('destroy ends everything at once, also during a close; after it nothing happens', async (t) => {
  const world = new EndpointWorld()
  const statuses: ServerStatus[] = []
  const closes: string[] = []
  const server = await world.listen('inproc://s', {
    ...watched(statuses),
    listener: { onShutdown: () => new Promise(() => {}), onClose: (_session, { by }) => closes.push(by) },
  })
  await world.dial('inproc://s', { codec })
  await world.dial('inproc://s', { codec })
  await world.env.settle()
  void server.close()
  await world.env.settle()
  server.destroy()
  await server.closed
  server.destroy()
  await server.close()
  await world.env.settle()
  t.is(closes.length, 2)
  t.deepEqual(types(statuses), ['listening', 'closed'])
})

test('an aborted `signal` closes the server, and keeps one from listening', async (t) => {
  const world = new EndpointWorld()
  const stop = new AbortController()
  const server = await world.listen('inproc://s', { codec, signal: stop.signal })
  stop.abort(new Error('enough'))
  await server.closed
  t.is(await codeOf(world.listen('inproc://s', { codec, signal: stop.signal })), 'Error: enough')
  const during = new AbortController()
  const listening = codeOf(world.listen(['inproc://s', 'inproc://t'], { codec, signal: during.signal }))
  during.abort(new Error('changed my mind'))
  t.is(await listening, 'Error: changed my mind')
  const again = await world.listen(['inproc://s', 'inproc://t'], { codec }) // nothing stayed bound
  await again.close()
})

test('stats add up, and stay when sessions are gone', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec, listener: { onMessage: (session, m) => session.send(m) } })
  const sessions = await Promise.all([1, 2, 3].map(() => world.dial('inproc://s', { codec })))
  for (const session of sessions) {
    session.send('four')
    await session.receive()
  }
  const { openSessions, totalSessions, receivedMessages, sentMessages, receivedBytes, openedAt } = server.stats
  t.deepEqual([openSessions, totalSessions, receivedMessages, sentMessages, receivedBytes], [3, 3, 3, 3, 24])
  t.is(openedAt, world.env.now())
  await Promise.all(sessions.map((session) => session.close()))
  await server.close()
  const after = server.stats
  t.deepEqual([after.openSessions, after.totalSessions, after.receivedMessages, after.sentBytes], [0, 3, 3, 24])
})

test('broadcast encodes once for each codec, and passes over whom it is told to', async (t) => {
  const world = new EndpointWorld()
  const encoded: string[] = []
  const counting = (name: string): Codec<string> => ({
    ...codec,
    encode: (message, out) => {
      encoded.push(name)
      out.utf8(`${name}:${message}`)
    },
  })
  const [odd, even] = [counting('odd'), counting('even')]
  let peers = 0
  const server = await world.listen('inproc://s', { codec: () => (++peers % 2 === 1 ? odd : even) })
  const dialed = []
  for (let i = 0; i < 4; i++) {
    dialed.push(await world.dial('inproc://s', { codec }))
    await world.env.settle()
  }
  t.is(server.broadcast('a'), 4)
  t.deepEqual(encoded, ['odd', 'even'])
  const [first, second] = [...server.sessions]
  t.is(server.broadcast('b', { except: first, filter: (session) => session !== second }), 2)
  t.deepEqual(await Promise.all(dialed.map((session) => session.receive())), ['odd:a', 'even:a', 'odd:a', 'even:a'])
  t.is(await dialed[2]?.receive(), 'odd:b')
  t.is(await dialed[3]?.receive(), 'even:b')
  await server.close()
  t.is(server.broadcast('nobody'), 0)
})

test('broadcast passes over slow sessions when told to, and is not held up by closing ones', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('tcp://*:7000', { codec, highWaterMarkBytes: 100_000 })
  const slow = await world.dial('tcp://127.0.0.1:7000', { codec })
  await world.env.advance(10)
  slow.pause()
  const [slowOne] = [...server.sessions]
  await world.dial('tcp://127.0.0.1:7000', { codec, listener: { onMessage: () => {} } })
  await world.env.advance(10)
  for (let i = 0; i < 100; i++) slowOne?.send('x'.repeat(50_000))
  await world.env.advance(10)
  t.false(slowOne?.writable)
  t.is(server.broadcast('news', { skipSlow: true }), 1)
  t.is(server.broadcast('news'), 2, 'above the high-water mark a message is still taken')
  void slowOne?.close()
  t.is(server.broadcast('news'), 1)
  server.destroy()
  await server.closed
})

test('what cannot be encoded throws before anybody got it; one peer’s limit is not in the way of the others', async (t) => {
  const world = new EndpointWorld()
  const picky: Codec<string> = {
    ...codec,
    encode: (message, out) => {
      if (message === 'bad') throw new Error('cannot say that')
      codec.encode(message, out)
    },
  }
  let peers = 0
  const server = await world.listen('inproc://s', {
    codec: () => (++peers === 2 ? picky : codec),
    limits: () => ({ maxFrameBytes: peers === 0 ? 100 : 10 }),
  })
  const small = await world.dial('inproc://s', { codec })
  await world.env.settle()
  const other = await world.dial('inproc://s', { codec })
  await world.env.settle()
  t.throws(() => server.broadcast('bad'), { code: 'ERR_ENCODE' })
  t.throws(() => server.broadcast('x'.repeat(200)), { code: 'ERR_MESSAGE_TOO_LARGE' }, 'too large for all of them')
  t.throws(
    () =>
      server.broadcast('ok', {
        filter: () => {
          throw new Error('filter is broken')
        },
      }),
    { message: 'filter is broken' },
  )
  t.is(server.broadcast('x'.repeat(50)), 1)
  t.is(server.broadcast('fine'), 2)
  t.is(await small.receive(), 'x'.repeat(50))
  t.is(await small.receive(), 'fine')
  t.is(await other.receive(), 'fine')
  await server.close()
})

test('sessions with outbound stages are sent the message itself', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', {
    codec,
    stages: [() => ({ outbound: (message: string, next: (m: string) => void) => next(message.toUpperCase()) })],
  })
  const session = await world.dial('inproc://s', { codec })
  await world.env.settle()
  t.is(server.broadcast('loud'), 1)
  t.is(await session.receive(), 'LOUD')
  await server.close()
})

test('a failed handshake and an accept error are statuses; the server goes on', async (t) => {
  const world = new EndpointWorld()
  const statuses: ServerStatus[] = []
  const failing: Transport = {
    schemes: ['failing'],
    dial: () => Promise.reject(new Error('not here')),
    listen: async (address, options, sink) => {
      const peer = { ...address, host: 'peer', href: 'failing://peer:1' }
      for (let i = 0; i < 3; i++) {
        if (sink.admit(peer)) sink.onError(refused('handshake failed'), peer)
      }
      for (let i = 0; i < 100; i++) sink.onError(refused('no descriptors left'))
      void options
      return { address: 'failing://host:1', pause() {}, resume() {}, close: () => Promise.resolve() }
    },
  }
  const server = await world.listen('failing://host:1', {
    ...watched(statuses),
    transports: [failing],
    maxSessions: 1, // or the second peer would find its place taken by the first
    maxSessionsPerHost: 1,
  })
  await world.env.settle()
  t.deepEqual(types(statuses).slice(0, 3), ['refused ERR_REFUSED', 'refused ERR_REFUSED', 'refused ERR_REFUSED'])
  t.is(types(statuses).filter((type) => type === 'accept-error ERR_REFUSED').length, 100)
  t.is(server.stats.refusedSessions, 3)
  t.is(world.logged.length, 1, 'one line, not one for each failure; onStatus heard of the refused')
  t.throws(() => server.reloadTls({}), { code: 'ERR_BAD_OPTION' })
  await server.close()
})

test('a refused peer is logged where no onStatus hears of it, one line a while for each code', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://full', { codec, maxSessions: 1 })
  const first = await world.dial('inproc://full', { codec })
  for (let i = 0; i < 3; i++) {
    const turnedAway = await world.dial('inproc://full', { codec })
    await turnedAway.closed
  }
  await world.env.settle()
  t.is(server.stats.refusedSessions, 3)
  t.is(world.logged.length, 1)
  await first.close()
  await server.close()
})

test('listen settles whatever a transport does, and close whatever it never does', async (t) => {
  const world = new EndpointWorld()
  const { near } = await connectionPair()
  const sinks: AcceptSink[] = []
  const stuck: Transport = {
    schemes: ['stuck'],
    dial: () => Promise.reject(new Error('not here')),
    listen: (_address, _options, sink) => {
      sinks.push(sink)
      return Promise.resolve({
        address: 'stuck://host:1',
        pause() {},
        resume() {},
        close: () => new Promise<void>(() => {}),
      })
    },
  }
  const nowhere: Transport = {
    ...stuck,
    schemes: ['nowhere'],
    listen: () => Promise.resolve({ address: 'no address', pause() {}, resume() {}, close: () => Promise.resolve() }),
  }
  const bindings = { ...world.bindings, transports: [stuck, nowhere] }
  await t.throwsAsync(listen(bindings, 'nowhere://host:1', { codec }), { code: 'ERR_BAD_ADDRESS' })
  const { env } = world
  const breaking = {
    codec,
    get stuck(): object {
      if (broken) throw new RangeError('a getter')
      return {}
    },
  }
  let broken = false
  const server = await listen(bindings, 'stuck://host:1', breaking)
  broken = true
  await t.throwsAsync(listen(bindings, 'stuck://host:1', breaking), { instanceOf: RangeError })
  const mute = passThrough(near)
  mute.destroy = mute.end = () => {}
  sinks[0]?.admit(parseAddress('stuck://peer:1'))
  sinks[0]?.onConnection(mute)
  const closing = server.close({ timeoutMs: 100 })
  await env.advance(2_000)
  await closing
  t.is(server.sessions.size, 0)
  t.true(world.logged.some((line) => line.includes('closed without 1 sessions and 1 addresses')))
  t.is(env.timers, 0)
})

test('reloadTls keeps what the new options leave out', async (t) => {
  const world = new EndpointWorld()
  const reloaded: unknown[] = []
  const secure: Transport = {
    schemes: ['tls'],
    dial: () => Promise.reject(new Error('not here')),
    listen: () =>
      Promise.resolve({
        address: 'tls://host:1',
        pause() {},
        resume() {},
        reloadTls: (tls: unknown) => void reloaded.push(tls),
        close: () => Promise.reject(new Error('close is broken')),
      }),
  }
  const bindings = { ...world.bindings, transports: [secure] }
  const options = { codec, tls: { cert: 'old', key: 'old', clientCertificate: 'required' } }
  const server = await listen(bindings, 'tls://host:1', options)
  server.reloadTls({ cert: 'new', key: 'new' })
  server.reloadTls({ ca: 'newer' })
  for (const wrong of [null, 5] as unknown as object[]) {
    t.throws(() => server.reloadTls(wrong), { code: 'ERR_BAD_OPTION', message: /option tls / })
  }
  t.deepEqual(reloaded, [
    { cert: 'new', key: 'new', clientCertificate: 'required' },
    { cert: 'new', key: 'new', clientCertificate: 'required', ca: 'newer' },
  ])
  await server.close()
  t.true(world.logged.some((line) => line.includes('close is broken')))
})

test('what a transport brings after the close is turned away, and the close waits for its port to be free', async (t) => {
  const world = new EndpointWorld()
  const free = gate()
  let sink: AcceptSink | undefined
  const slow: Transport = {
    schemes: ['slow'],
    dial: () => Promise.reject(new Error('not here')),
    listen: (_address, _options, given) => {
      sink = given
      return Promise.resolve({ address: 'slow://host:1', pause() {}, resume() {}, close: () => free.opened })
    },
  }
  const server = await world.listen('slow://host:1', { codec, transports: [slow], maxSessionsPerHost: 5 })
  const peer = parseAddress('slow://peer:1')
  t.true(sink?.admit(peer)) // and is still shaking hands
  let isClosed = false
  const closed = server.close({ timeoutMs: 10 }).then(() => (isClosed = true))
  t.false(sink?.admit(peer))
  await world.env.advance(1_000)
  t.false(isClosed)
  let destroyed = 0
  sink?.onConnection({ remoteAddress: peer.href, destroy: () => destroyed++ } as unknown as Connection)
  t.is(destroyed, 1)
  free.open()
  await closed
  sink?.onError(refused('too late to matter'), peer)
  t.is(server.stats.refusedSessions, 0)
})

/** Whether a server that lived through `commands` left nothing behind. */
async function leavesNothing(commands: readonly string[], end: string): Promise<boolean> {
  const world = new EndpointWorld()
  const told: string[] = []
  let opened = 0
  const server = await world.listen('inproc://s', {
    codec,
    maxSessions: 4,
    data: async (peer) => {
      if ((await peer.receive()) === 'mallory') throw refused('not you')
    },
    onStatus: ({ type }) => void told.push(type),
    listener: {
      onOpen: () => void opened++,
      onMessage: (session, message) => session.send(message),
      onClose: () => void opened--,
    },
  })
  const peers: Session<string, string>[] = []
  for (const what of commands) {
    const [peer, accepted] = [peers.at(-1), [...server.sessions].at(-1)]
    if (what === 'dial' || what === 'refused' || what === 'mute') {
      const session = await world.dial('inproc://s', { codec, listener: {} })
      if (what !== 'mute') session.send(what === 'dial' ? 'ann' : 'mallory')
      peers.push(session)
    }
    if (what === 'end') void peer?.close()
    if (what === 'reset') peer?.destroy()
    if (what === 'send') peer?.send('message')
    if (what === 'close one') void accepted?.close()
    if (what === 'destroy one') accepted?.destroy()
    if (what === 'broadcast') server.broadcast('news')
    if (what === 'wait') await world.env.advance(50)
    if (server.sessions.size > 4) return false
  }
  if (end === 'destroy') server.destroy()
  else void server.close({ timeoutMs: end === 'close soon' ? 10 : 0 })
  if (end === 'close, then destroy') server.destroy()
  await world.env.advance(20_000) // those that never opened time out on their own
  await server.closed
  for (const peer of peers) peer.destroy()
  await world.env.settle()
  return opened === 0 && told.at(-1) === 'closed' && server.sessions.size === 0 && world.env.timers === 0
}

test('B-10, J-05: whatever peers and application do in whatever order, a closed server leaves nothing behind', async (t) => {
  const command = fc.constantFrom(
    'dial',
    'refused',
    'mute',
    'end',
    'reset',
    'send',
    'close one',
    'destroy one',
    'broadcast',
    'wait',
  )
  const ending = fc.constantFrom('close', 'close soon', 'destroy', 'close, then destroy')
  await fc.assert(fc.asyncProperty(fc.array(command, { maxLength: 20 }), ending, leavesNothing), { numRuns: 80 })
  t.pass()
})

test('10,000 sessions opened and closed leave no session, timer or memory behind', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', {
    codec,
    maxSessionsPerHost: 2,
    listener: { onMessage: (session, message) => session.send(message) },
  })
  const heapAfter = async (cycles: number): Promise<number> => {
    for (let i = 0; i < cycles; i++) {
      const session = await world.dial('inproc://s', { codec })
      session.send('hello')
      await session.receive()
      await session.close()
    }
    await world.env.settle()
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  }
  const before = await heapAfter(2_000)
  const grown = (await heapAfter(8_000)) - before
  t.true(grown < 1024 * 1024, `${grown} B`)
  t.is(server.sessions.size, 0)
  t.is(server.stats.totalSessions, 10_000)
  t.is(world.env.timers, 0)
  await server.close()
})
