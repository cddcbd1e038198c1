// What somebody who attacked the core found, and what must happen instead.
import test from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { json } from '../../codecs/json.ts'
import { text } from '../../codecs/text.ts'
import type { Connection } from '../../src/core/connection.ts'
import type { Session } from '../../src/core/session.ts'
import { embed } from '../../src/testing/embed.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { codeOf, EndpointWorld } from '../support/endpoint-world.ts'

const lines = { codec: text(), framing: line() }
const utf8 = (words: string): Uint8Array => new TextEncoder().encode(words)
function diskFull(): never {
  throw new Error('the disk is full')
}

function trap(): object {
  const trapped = {}
  return Object.defineProperty(trapped, 'then', {
    get() {
      throw new Error('trapped')
    },
  })
}

/** What JavaScript may hand in, whatever the types say. */
const any = (value: unknown): never => value as never

test('a wrong signal or timeoutMs is a rejection that names it, and takes no message with it', async (t) => {
  const { session, feed } = await pulling()
  const wrong = [{ signal: {} }, { signal: null }, { timeoutMs: Number.NaN }, { timeoutMs: -1 }, { timeoutMs: '5' }]
  for (const wait of wrong) {
    t.is(await codeOf(session.receive(any(wait))), 'ERR_BAD_OPTION')
    t.is(await codeOf(session.deliver('x', any(wait))), 'ERR_BAD_OPTION')
    t.is(await codeOf(session.sendAll(['y'], any(wait))), 'ERR_BAD_OPTION')
  }
  await feed(utf8('one\ntwo\n'))
  t.is(await codeOf(session.receive(any(null))), 'ERR_BAD_OPTION')
  t.is(await session.receive(), 'one')
  t.is(await session.receive(), 'two')
  t.is(session.phase, 'open')
})

test('J-01: a thenable whose `then` throws is a rejection of that hook, and no more', async (t) => {
  const hooks: string[] = []
  const onError = (_session: Session<string, string>, error: { readonly code: string }) => {
    hooks.push('hook' in error ? `${error.code} ${String(error.hook)}` : error.code)
    return trap()
  }
  for (const listener of [{ onOpen: trap }, { onMessage: trap }, { onCron: trap }, { onClose: trap }]) {
    const world = new EndpointWorld()
    const server = await world.listen('inproc://trap', {
      ...lines,
      cronIntervalMs: 100,
      listener: { ...listener, onError },
    })
    const client = await world.dial('inproc://trap', lines)
    client.send('x')
    await world.env.advance(200)
    client.destroy()
    await world.env.settle()
    t.is(server.sessions.size, 0)
    await server.close()
  }
  t.deepEqual(hooks, ['ERR_LISTENER onOpen', 'ERR_LISTENER onMessage', 'ERR_LISTENER onCron'])
  const refused = await embed({ ...lines, data: () => any(trap()) }).then(
    () => undefined,
    (error: unknown) => error,
  )
  t.like(refused, { code: 'ERR_LISTENER', hook: 'data' })
})

test('J-02: a logger that throws does not keep a faulty session', async (t) => {
  const logger = { debug: diskFull, info: diskFull, warn: diskFull, error: diskFull }
  const embedded = await embed({ ...lines, logger, listener: { onMessage: diskFull } })
  await embedded.feed(utf8('x\n'))
  await embedded.end()
  t.is(embedded.session.phase, 'closed')
})

test('J-08: what a decoder says of a message, quoting it, is not logged', async (t) => {
  const embedded = await embed({ codec: json(), framing: line(), listener: {} })
  await embedded.feed(utf8('{}\n{"password":hunter2}\n'))
  t.is(embedded.env.logs.length, 1)
  t.false(JSON.stringify(embedded.env.logs).includes('hunter2'))
})

test('J-06: any number of waits for one signal add one listener to it', async (t) => {
  const { session } = await pulling()
  const stop = new AbortController()
  let listeners = 0
  const add = stop.signal.addEventListener.bind(stop.signal)
  stop.signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++
    add(...args)
  }
  const waits = Array.from({ length: 50 }, () => codeOf(session.receive({ signal: stop.signal })))
  t.is(listeners, 1)
  stop.abort(new Error('enough'))
  t.deepEqual([...new Set(await Promise.all(waits))], ['Error: enough'])
})

test('a layer that gives no Connection is ERR_BAD_OPTION of its session, whose peer is let go', async (t) => {
  for (const given of [undefined, {}, 5]) {
    const world = new EndpointWorld()
    const refusals: string[] = []
    const server = await world.listen('inproc://layer', {
      ...lines,
      wrap: [passThrough, () => any(given)],
      onStatus: (status) => {
        if (status.type === 'refused') refusals.push(status.error.code)
      },
    })
    const client = await world.dial('inproc://layer', lines)
    await client.closed
    t.deepEqual(refusals, ['ERR_BAD_OPTION'])
    await server.close()
  }
})

test('whatever method of a layer throws, its session closes by that error, and the server closes in time', async (t) => {
  const methods = ['attach', 'write', 'cork', 'pause', 'end', 'destroy', 'bufferedBytes'] as const
  for (const method of methods) {
    const world = new EndpointWorld()
    const failing = (connection: Connection): Connection => {
      const layer = passThrough(connection)
      const fail = (): never => {
        throw new Error(`${method} failed`)
      }
      Object.defineProperty(layer, method, method === 'bufferedBytes' ? { get: fail } : { value: fail })
      return layer
    }
    const others: string[] = []
    const server = await world.listen('inproc://failing', {
      ...lines,
      wrap: [(connection) => (others.push('') === 1 ? failing(connection) : connection)],
      listener: { onMessage: (session, message) => session.send(message), onError: () => {} },
    })
    const faulty = await world.dial('inproc://failing', lines)
    const well = await world.dial('inproc://failing', lines)
    await world.env.settle()
    server.broadcast('to all')
    faulty.send('x')
    well.send('y')
    t.is(await well.receive(), 'to all', method)
    t.is(await well.receive(), 'y', method)
    const closing = server.close({ timeoutMs: 500 })
    await world.env.advance(10_000)
    await closing
    t.is(server.sessions.size, 0, method)
    faulty.destroy()
    await world.env.settle()
  }
})

async function pulling() {
  const embedded = await embed(lines)
  return { session: embedded.session, feed: (bytes: Uint8Array) => embedded.feed(bytes) }
}
