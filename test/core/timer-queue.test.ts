import test from 'ava'
import fc from 'fast-check'
import { Deadline, TimerQueue } from '../../src/core/timer-queue.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'

class Alarm extends Deadline {
  readonly #rang: (now: number) => void

  constructor(rang: (now: number) => void) {
    super()
    this.#rang = rang
  }

  run(now: number): void {
    this.#rang(now)
  }
}

const byTime = (a: string, b: string): number => Number.parseInt(a) - Number.parseInt(b)

test('deadlines ring once each, in the order of their time, however they were set, moved and deleted', async (t) => {
  const step = fc.tuple(fc.nat(9), fc.oneof(fc.integer({ min: 1, max: 500 }), fc.constant(undefined)))
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const env = virtualEnv()
      const start = env.now()
      const queue = new TimerQueue(env)
      const rang: string[] = []
      const alarms = Array.from({ length: 10 }, (_, i) => new Alarm((now) => rang.push(`${now - start} ${i}`)))
      const expected = new Map<number, number>()
      for (const [i, delayMs] of steps) {
        const alarm = alarms[i] as Alarm
        if (delayMs === undefined) queue.delete(alarm)
        else queue.set(alarm, start + delayMs)
        if (delayMs === undefined) expected.delete(i)
        else expected.set(i, delayMs)
      }
      t.is(queue.size, expected.size)
      t.is(env.timers, expected.size === 0 ? 0 : 1)
      await env.advance(1000)
      const wanted = Array.from(expected, ([i, delayMs]) => `${delayMs} ${i}`)
      t.deepEqual(rang.toSorted(), wanted.toSorted())
      t.deepEqual(rang, rang.toSorted(byTime))
      t.is(env.timers, 0)
    }),
    { numRuns: 200 },
  )
})

test('a deadline that sets itself again for now waits its turn, and one that throws does not stop the others', async (t) => {
  const env = virtualEnv()
  const queue = new TimerQueue(env)
  const rang: string[] = []
  const again = new Alarm((now) => {
    rang.push('again')
    if (rang.length < 5) queue.set(again, now)
  })
  const bad = new Alarm(() => {
    throw new Error('bad')
  })
  const last = new Alarm(() => rang.push('last'))
  queue.set(again, env.now() + 10)
  queue.set(bad, env.now() + 10)
  queue.set(last, env.now() + 10)
  await t.throwsAsync(env.advance(20), { message: 'bad' })
  await env.advance(20)
  t.deepEqual(rang.toSorted(), ['again', 'again', 'again', 'again', 'last'])
  t.is(queue.size, 0)
  t.is(env.timers, 0)
})
