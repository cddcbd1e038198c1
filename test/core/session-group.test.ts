import test from 'ava'
import { raw } from '../../codecs/raw.ts'
import { text } from '../../codecs/text.ts'
import type { Session } from '../../src/core/session.ts'
import { SessionGroup } from '../../src/core/session-group.ts'
import { EndpointWorld } from '../support/endpoint-world.ts'

const codec = text()

/** A server whose sessions are members of the group, and `count` peers. */
async function peers(group: SessionGroup<string>, count: number) {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec, listener: { onOpen: (session) => group.add(session) } })
  const dialed: Session<string, string>[] = []
  for (let i = 0; i < count; i++) {
    dialed.push(await world.dial('inproc://s', { codec }))
    await world.env.settle()
  }
  return { world, server, dialed, members: [...server.sessions] }
}

test('a session leaves its groups when it closes, before its onClose', async (t) => {
  const group = new SessionGroup<string>()
  const world = new EndpointWorld()
  const seen: number[] = []
  const server = await world.listen('inproc://s', {
    codec,
    listener: { onOpen: (session) => group.add(session), onClose: () => seen.push(group.size) },
  })
  const first = await world.dial('inproc://s', { codec })
  const second = await world.dial('inproc://s', { codec })
  await world.env.settle()
  t.is(group.size, 2)
  await first.close()
  await world.env.settle()
  t.is(group.size, 1)
  second.destroy()
  await world.env.settle()
  t.deepEqual(seen, [1, 0])
  await server.close()
})

test('add and delete are idempotent, and a closed session is not taken in', async (t) => {
  const group = new SessionGroup<string>()
  const { server, world, members } = await peers(group, 2)
  const [first] = members
  if (first === undefined) throw new Error('nobody came')
  group.add(first)
  t.is(group.size, 2)
  t.true(group.has(first))
  t.true(group.delete(first))
  t.false(group.delete(first))
  t.false(group.has(first))
  group.add(first)
  void first.close()
  const other = new SessionGroup<string>()
  other.add(first)
  t.is(other.size, 0, 'closing')
  await world.env.settle()
  t.deepEqual([...group], members.slice(1))
  await server.close()
  t.is(group.size, 0)
})

test('broadcast reaches members of several servers, transports and codecs, but not the one to except', async (t) => {
  const group = new SessionGroup<string>()
  const { server, world, dialed, members } = await peers(group, 2)
  const bytes = {
    ...raw(),
    encode: (message: string, out: { utf8(text: string): number }) => void out.utf8(`<${message}>`),
  }
  const other = await world.listen('tcp://*:7000', {
    codec: bytes,
    listener: { onOpen: (session) => group.add(session) },
  })
  const far = await world.dial('tcp://127.0.0.1:7000', { codec })
  await world.env.advance(100)
  t.is(group.size, 3)
  t.is(group.broadcast('hi', { except: members[0] }), 2)
  const received = far.receive()
  await world.env.advance(100)
  t.is(await received, '<hi>')
  t.is(await dialed[1]?.receive(), 'hi')
  t.is(dialed[0]?.stats.receivedMessages, 0)
  await server.close()
  other.destroy()
  await other.closed
})

test('a Session of another making is a member like any other', async (t) => {
  const { server, world, members, dialed } = await peers(new SessionGroup(), 1)
  const [inner] = members
  if (inner === undefined) throw new Error('nobody came')
  const own = new Proxy(inner, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
    getPrototypeOf: () => Object.prototype, // not a LiveSession
  })
  const group = new SessionGroup<string>()
  group.add(own)
  t.is(group.broadcast('to the proxy'), 1)
  t.is(await dialed[0]?.receive(), 'to the proxy')
  inner.destroy()
  await world.env.settle()
  t.is(group.size, 0)
  await server.close()
})

test('one fan-out to 10,000 sessions allocates less than 16 MB', async (t) => {
  const group = new SessionGroup<string>()
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', {
    codec,
    backlog: 10_000,
    maxPendingHandshakes: 10_000,
    listener: { onOpen: (session) => group.add(session) },
  })
  let heard = 0
  const listener = { onMessage: () => void heard++ }
  for (let i = 0; i < 10_000; i++) await world.dial('inproc://s', { codec, listener })
  await world.env.settle()
  t.is(group.size, 10_000)
  t.is(group.broadcast('warm up'), 10_000)
  await world.env.settle()
  globalThis.gc?.()
  const before = memory()
  t.is(group.broadcast('x'.repeat(100)), 10_000)
  const allocated = memory() - before
  t.true(allocated < 16 * 1024 * 1024, `${(allocated / 1024 / 1024).toFixed(1)} MB`)
  await world.env.settle()
  t.is(heard, 20_000)
  server.destroy()
  await server.closed
  t.is(group.size, 0)
})

function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
