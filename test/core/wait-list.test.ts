import test from 'ava'
import { WaitList, waitFor } from '../../src/core/wait-list.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'

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
