import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { browserEnv } from '../../src/browser/browser-env.ts'
import { until } from '../../src/testing/conformance/party.ts'

test('now counts on from the time at start and never goes back', (t) => {
  let last = browserEnv.now()
  t.true(Math.abs(last - Date.now()) < 60_000)
  for (let look = 0; look < 10_000; look++) {
    const now = browserEnv.now()
    if (now < last) t.fail(`${now} came after ${last}`)
    last = now
  }
})

test('defer runs after the running callback and the promise jobs that were there first, and before yield', async (t) => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    browserEnv.yield(() => {
      order.push('yield')
      resolve()
    })
    void Promise.resolve().then(() => order.push('promise'))
    browserEnv.defer(() => order.push('defer'))
    order.push('now')
  })
  t.deepEqual(order, ['now', 'promise', 'defer', 'yield'])
})

test('yields come in order, each in a task of its own', async (t) => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    for (const name of ['one', 'two']) {
      browserEnv.yield(() => {
        order.push(name)
        void Promise.resolve().then(() => order.push(`after ${name}`))
        if (name === 'two') setTimeout(resolve)
      })
    }
  })
  t.deepEqual(order, ['one', 'after one', 'two', 'after two'])
})

test('timers run once, in order, unless cancelled', async (t) => {
  const order: string[] = []
  browserEnv.setTimer(300, () => order.push('later'))
  browserEnv.setTimer(1, () => order.push('sooner'))
  const cancelled = browserEnv.setTimer(1, () => order.push('cancelled'))
  cancelled.cancel()
  cancelled.cancel()
  using disposed = browserEnv.after(1, () => order.push('disposed'))
  disposed[Symbol.dispose]()
  await delay(400)
  t.deepEqual(order, ['sooner', 'later'])
})

test('a timer of more than 2^31 ms does not run at once', async (t) => {
  let ran = false
  const timer = browserEnv.setTimer(2 ** 31 + 5, () => (ran = true))
  await delay(10)
  t.false(ran)
  timer.cancel()
})

test.serial('J-01: what every and after throw is logged, and the interval goes on', async (t) => {
  const logged: unknown[] = []
  const original = console.error
  console.error = (text: unknown): number => logged.push(text)
  try {
    let runs = 0
    using interval = browserEnv.every(1, () => {
      runs++
      throw new Error('boom')
    })
    browserEnv.after(1, () => {
      throw new Error('bang')
    })
    await until(browserEnv, () => runs === 3, 'three runs')
    interval[Symbol.dispose]()
    await delay(5)
    t.is(runs, 3)
    t.is(logged.length, 4)
    t.regex(String(logged), /boom/)
    t.regex(String(logged), /bang/)
  } finally {
    console.error = original
  }
})

test('random is below 1, and randomBytes are as many as asked for, also above the quota of getRandomValues', (t) => {
  t.true(browserEnv.random() >= 0 && browserEnv.random() < 1)
  t.is(browserEnv.randomBytes(40).length, 40)
  t.notDeepEqual(browserEnv.randomBytes(16), browserEnv.randomBytes(16))
  const many = browserEnv.randomBytes(65_536 + 100)
  t.is(many.length, 65_636)
  t.true(many.subarray(65_536).some((byte) => byte !== 0))
})

test('it has neither sockets nor files', (t) => {
  t.is(browserEnv.net, undefined)
  t.is(browserEnv.files, undefined)
})
