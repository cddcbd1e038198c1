import test from 'ava'
import fc from 'fast-check'
import { EventQueue, type QueuedEvent } from '../../src/testing/event-queue.ts'
import { Random } from '../../src/testing/random.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'

test('timers run in order of time, those of one time in the order in which they were set', async (t) => {
  const env = virtualEnv({ now: 1000 })
  const seen: string[] = []
  const note = (name: string) => () => seen.push(`${name} ${env.now()}`)
  env.setTimer(30, note('c'))
  env.setTimer(10, note('a'))
  env.setTimer(10, note('b'))
  env.setTimer(2 ** 32, note('far'))
  const cancelled = env.setTimer(20, note('never'))
  cancelled.cancel()
  cancelled.cancel()
  t.is(env.timers, 4)
  await env.advance(9)
  t.deepEqual(seen, [])
  t.is(env.now(), 1009)
  await env.advance(21)
  t.deepEqual(seen, ['a 1010', 'b 1010', 'c 1030'])
  t.is(env.timers, 1)
  await env.advance(2 ** 32)
  t.is(seen.at(-1), `far ${1000 + 2 ** 32}`)
  t.is(env.timers, 0)
})

test('between two events all promise jobs are done, however long their chain', async (t) => {
  const env = virtualEnv()
  const seen: string[] = []
  const chain = async (name: string, length: number) => {
    for (let i = 0; i < length; i++) await Promise.resolve()
    seen.push(name)
  }
  env.setTimer(5, () => void chain('promise of the first timer', 1000))
  env.setTimer(5, () => seen.push('second timer'))
  env.defer(() => {
    void chain('promise of the first deferred', 1000)
    env.defer(() => seen.push('deferred from inside'))
  })
  env.defer(() => seen.push('second deferred'))
  env.yield(() => seen.push('yielded'))
  await env.advance(5)
  t.deepEqual(seen, [
    'promise of the first deferred',
    'second deferred',
    'deferred from inside',
    'yielded',
    'promise of the first timer',
    'second timer',
  ])
})

test('a timer set by a promise that an earlier timer resolved still falls due in the same advance', async (t) => {
  const env = virtualEnv()
  const sleep = (ms: number) => new Promise<void>((resolve) => void env.after(ms, resolve))
  let beats = 0
  const beating = (async () => {
    for (; beats < 100; beats++) await sleep(10)
  })()
  await env.advance(995)
  t.is(beats, 99)
  await env.advance(5)
  t.is(beats, 100)
  await beating
})

test('a yield comes after what was due now already, and lets what follows have its turn', async (t) => {
  const env = virtualEnv()
  const seen: number[] = []
  let left = 3
  const again = () => {
    seen.push(left)
    if (--left > 0) env.yield(again)
  }
  env.yield(again)
  env.yield(() => seen.push(-1))
  await env.settle()
  t.deepEqual(seen, [3, -1, 2, 1])
})

test('what is due now happens without the clock being moved; a timer does not', async (t) => {
  const env = virtualEnv()
  env.setTimer(0, () => t.fail('no time has passed'))
  await new Promise<void>((resolve) => env.defer(resolve))
  await new Promise<void>((resolve) => env.yield(resolve))
  await env.settle()
  t.is(env.timers, 1)
})

test('every and after: what they run is logged when it throws, and disposing of them stops them', async (t) => {
  const env = virtualEnv({ now: 0 })
  let ran = 0
  const every = env.every(10, () => {
    ran++
    throw new Error('oops')
  })
  const after = env.after(15, () => t.fail('was disposed of'))
  after[Symbol.dispose]()
  await env.advance(35)
  t.is(ran, 3)
  every[Symbol.dispose]()
  await env.advance(100)
  t.is(ran, 3)
  t.is(env.timers, 0)
  t.deepEqual(
    env.logs.map(({ at, level, message }) => `${at} ${level} ${message}`),
    [10, 20, 30].map((at) => `${at} error a timer threw: oops`),
  )
})

test('what a callback throws rejects the advance that ran it, and the world goes on', async (t) => {
  const env = virtualEnv()
  env.setTimer(1, () => {
    throw new Error('in the timer')
  })
  let later = false
  env.setTimer(2, () => (later = true))
  await t.throwsAsync(env.advance(5), { message: 'in the timer' })
  await env.settle()
  t.true(later)
})

test('the same seed gives the same numbers, another one others', (t) => {
  t.deepEqual(draw(7), draw(7))
  t.notDeepEqual(draw(7), draw(8))
  const random = new Random(42)
  const buckets = Array.from({ length: 10 }, () => 0)
  for (let i = 0; i < 10_000; i++) {
    const drawn = random.below(10)
    buckets[drawn] = (buckets[drawn] ?? 0) + 1
  }
  t.true(
    buckets.every((count) => count > 850 && count < 1150),
    String(buckets),
  )
})

test('the event queue gives the earliest, whatever was pushed and removed before', (t) => {
  const step = fc.record({ at: fc.nat(20), next: fc.constantFrom('push', 'push', 'pop', 'remove'), which: fc.nat(60) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 100 }), (steps) => {
      const queue = new EventQueue()
      let model: { order: number; event: QueuedEvent }[] = []
      const sorted = () => model.toSorted((one, other) => one.event.at - other.event.at || one.order - other.order)
      steps.forEach(({ at, next, which }, order) => {
        model.push({ order, event: queue.push(at, () => undefined) })
        if (next === 'remove') {
          const [removed] = model.splice(which % model.length, 1)
          if (removed === undefined) throw new Error('the model is empty')
          t.true(queue.remove(removed.event))
          t.false(queue.remove(removed.event))
        } else if (next === 'pop') {
          model = sorted()
          t.is(queue.pop(), model.shift()?.event)
        }
      })
      t.is(queue.length, model.length)
      for (const { event } of sorted()) t.is(queue.pop(), event)
      t.is(queue.pop(), undefined)
    }),
    { numRuns: 300 },
  )
})

test('the disk keeps what was appended, and says ENOENT for what is not there', async (t) => {
  const { files } = virtualEnv()
  if (files === undefined) throw new Error('no disk')
  const bytes = Uint8Array.of(1, 2)
  const appended = files.append('a', bytes)
  bytes.fill(9)
  await appended
  await files.append('a', Uint8Array.of(3))
  await files.sync('a')
  t.deepEqual(await files.read('a'), Uint8Array.of(1, 2, 3))
  await files.remove('a')
  await t.throwsAsync(files.read('a'), { code: 'ENOENT' })
  await t.throwsAsync(files.remove('a'), { code: 'ENOENT' })
})

test('a wrong option is refused by its name', (t) => {
  t.throws(() => virtualEnv({ seed: -1 }), { message: /seed/ })
  t.throws(() => virtualEnv({ now: Number.NaN }), { message: /now/ })
  t.throws(() => virtualEnv().advance(-1), { message: /advanceMs/ })
})

function draw(seed: number): number[] {
  const env = virtualEnv({ seed })
  return [env.random(), env.random(), ...env.randomBytes(8)]
}
