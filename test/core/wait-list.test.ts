import { getEventListeners } from 'node:events'
import test from 'ava'
import { text } from '../../codecs/text.ts'
import { addAbortHook, removeAbortHook } from '../../src/core/abort-hooks.ts'
import { TaskPool } from '../../src/core/task-pool.ts'
import type { Wait } from '../../src/core/wait.ts'
import { WaitList, waitFor } from '../../src/core/wait-list.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { EndpointWorld } from '../support/endpoint-world.ts'
import { connectionPair, own } from '../support/session-pair.ts'

test('those who wait are served first come first served, each exactly once', async (t) => {
  const env = virtualEnv()
  const list = new WaitList<number>(env)
  const first = list.add('it')
  const second = list.add('it', { timeoutMs: 10 })
  const third = list.add('it')
  t.is(list.size, 3)
  t.true(list.resolveNext(1))
  const late = t.throwsAsync(second, { code: 'ERR_TIMEOUT', message: /it took longer than 10 ms/ })
  await env.advance(10)
  await late
  list.resolveAll(2)
  t.deepEqual([await first, await third], [1, 2])
  t.false(list.resolveNext(3))
  t.false(list.rejectNext(new Error('nobody')))
  t.is(env.timers, 0)
})

test('J-06: of a thousand waits with one signal no listener stays, and leaving by abort tells why', async (t) => {
  const env = virtualEnv()
  const list = new WaitList<number>(env)
  const abort = new AbortController()
  let listeners = 0
  const { addEventListener: add, removeEventListener: remove } = abort.signal
  abort.signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++
    add.apply(abort.signal, args)
  }
  abort.signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--
    remove.apply(abort.signal, args)
  }
  const options = { signal: abort.signal, timeoutMs: 1000 }
  for (let i = 0; i < 1000; i++) {
    const waiting = list.add('it', options)
    list.resolveNext(i)
    t.is(await waiting, i)
  }
  t.is(listeners, 0)
  let left = 0
  const waiting = list.add('it', options, () => left++)
  abort.abort(new RangeError('enough'))
  await t.throwsAsync(waiting, { instanceOf: RangeError })
  await t.throwsAsync(list.add('it', options), { instanceOf: RangeError })
  t.is(left, 1)
  t.is(listeners, 0)
  t.is(env.timers, 0)
})

test('waitFor leaves early, and what comes later is nobody’s unhandled rejection', async (t) => {
  const env = virtualEnv()
  const never = new Promise<number>(() => {})
  t.is(waitFor(env, 'it', never), never)
  const failing: { reject?: (error: Error) => void } = {}
  const later = new Promise<number>((_, reject) => {
    failing.reject = reject
  })
  const waiting = t.throwsAsync(waitFor(env, 'it', later, { timeoutMs: 5 }), { code: 'ERR_TIMEOUT' })
  await env.advance(5)
  await waiting
  failing.reject?.(new Error('late'))
  t.is(await waitFor(env, 'it', Promise.resolve(4), { timeoutMs: 5 }), 4)
  await t.throwsAsync(waitFor(env, 'it', Promise.reject(new Error('why')), { timeoutMs: 5 }), { message: 'why' })
  t.is(env.timers, 0)
})

const WRONG_WAITS: readonly (readonly [string, unknown])[] = [
  ['options', null],
  ['options', 5],
  ['signal', { signal: null }],
  ['signal', { signal: {} }],
  ['timeoutMs', { timeoutMs: Number.NaN }],
  ['timeoutMs', { timeoutMs: -1 }],
  ['timeoutMs', { timeoutMs: Infinity }],
  ['timeoutMs', { timeoutMs: '5' }],
]

test('a wrong wait is ERR_BAD_OPTION of whatever takes one, and does nothing', async (t) => {
  const { env, near, far } = await connectionPair()
  const { session } = own(env, near, 'accepted', { codec: text() })
  const peer = own(env, far, 'dialed', { codec: text() }).session
  const world = new EndpointWorld()
  const server = await world.listen('inproc://waits', { codec: text(), listener: {} })
  const client = world.connect('inproc://waits', { codec: text() })
  const pool = new TaskPool({ env: world.env })
  const list = new WaitList<number>(env)
  const doors: Record<string, (wait: Wait) => Promise<unknown>> = {
    receive: (wait) => session.receive(wait),
    deliver: (wait) => session.deliver('never sent', wait),
    drained: (wait) => session.drained(wait),
    sendAll: (wait) => session.sendAll(['never sent'], wait),
    close: (wait) => session.close(wait),
    'server.close': (wait) => server.close(wait),
    'client.ready': (wait) => client.ready(wait),
    'client.session': (wait) => client.session(wait),
    'client.close': (wait) => client.close(wait),
    'pool.ready': (wait) => pool.ready(wait),
    'pool.close': (wait) => pool.close(wait),
    waitFor: (wait) => waitFor(env, 'it', Promise.resolve(), wait),
    add: (wait) => list.add('it', wait),
  }
  for (const [option, wait] of WRONG_WAITS) {
    for (const [name, door] of Object.entries(doors)) {
      await t.throwsAsync(
        door(wait as Wait),
        { code: 'ERR_BAD_OPTION', message: new RegExp(`option ${option} `) },
        name,
      )
    }
  }
  t.is(list.size, 0)
  const next = session.receive()
  peer.send('not swallowed')
  t.is(await next, 'not swallowed')
  t.is(session.stats.sentMessages, 0)
  t.is(await pool.run(1, () => 2), 2)
  await world.env.settle()
  t.is(server.sessions.size, 1)
  await client.close()
  await server.close()
})

test('J-06: however many waits have one signal, it has one listener, and none once they are over', async (t) => {
  const env = virtualEnv()
  const abort = new AbortController()
  const listeners = (): number => getEventListeners(abort.signal, 'abort').length
  const list = new WaitList<number>(env)
  const waits = Array.from({ length: 20 }, () => list.add('it', { signal: abort.signal }))
  t.is(listeners(), 1)
  list.resolveAll(1)
  await Promise.all(waits)
  t.is(listeners(), 0)
  const world = new EndpointWorld()
  const setup = { codec: text(), signal: abort.signal }
  const server = await world.listen('inproc://signal', { ...setup, listener: {} })
  const clients = Array.from({ length: 12 }, () => world.connect('inproc://signal', setup))
  await Promise.all(clients.map((client) => client.ready(setup)))
  t.is(listeners(), 1)
  let called = 0
  const twice = (): void => {
    called++
    removeAbortHook(abort.signal, twice)
  }
  addAbortHook(abort.signal, twice)
  addAbortHook(abort.signal, twice)
  abort.abort()
  t.is(called, 1)
  t.is(listeners(), 0)
  await Promise.all([server.closed, ...clients.map(({ closed }) => closed)])
})
