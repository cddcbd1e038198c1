import fc from 'fast-check'
import test from 'ava'
import { DeadlineWheel, type Due, wheelOf } from '../../src/rpc/deadline-wheel.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'

class Noted implements Due {
  tick = -1
  restMs = 0
  next: Due | undefined = undefined
  previous: Due | undefined = undefined
  readonly #env: VirtualEnv
  readonly #then: (() => void) | undefined
  ranAt: number | undefined
  runs = 0

  constructor(env: VirtualEnv, then?: () => void) {
    this.#env = env
    this.#then = then
  }

  runDue(): void {
    this.ranAt = this.#env.now()
    this.runs++
    this.#then?.()
  }
}

test('each runs at its millisecond, near or far, whatever enters and leaves meanwhile', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          afterMs: fc.oneof(fc.nat(100), fc.nat(2_000), fc.nat(200_000)),
          enterMs: fc.nat(500),
          leaves: fc.boolean(),
        }),
        { maxLength: 60 },
      ),
      async (plan) => {
        const env = virtualEnv()
        const wheel = new DeadlineWheel(env)
        const start = env.now()
        const all = plan.map(({ afterMs, enterMs, leaves }) => {
          const due = new Noted(env)
          env.after(enterMs, () => wheel.add(due, afterMs))
          if (leaves) env.after(enterMs + Math.floor(afterMs / 2), () => wheel.delete(due))
          return { due, dueAt: start + Math.max(1, enterMs) + afterMs, leaves: leaves && afterMs > 2 }
        })
        await env.advance(300_000)
        for (const { due, dueAt, leaves } of all) {
          if (leaves) t.is(due.runs, 0)
          else if (due.runs > 0)
            t.true(due.runs === 1 && (due.ranAt as number) - dueAt <= 1 && (due.ranAt as number) >= dueAt)
        }
        t.is(wheel.size, 0)
        wheel.rest()
        t.is(env.timers, 0)
      },
    ),
    { numRuns: 100 },
  )
})

test('one that is due may take others out, or put itself in again', async (t) => {
  const env = virtualEnv()
  const wheel = wheelOf(env)
  t.is(wheelOf(env), wheel)
  const second = new Noted(env)
  const first = new Noted(env, () => wheel.delete(second))
  const again: Noted = new Noted(env, () => {
    if (again.runs < 3) wheel.add(again, 10)
  })
  wheel.add(second, 10)
  wheel.add(first, 10)
  wheel.add(again, 10)
  await env.advance(100)
  t.is(first.runs + second.runs, 1)
  t.is(again.runs, 3)
  t.is(wheel.size, 0)
})

test('a timer that stays set for one that has left does no harm, and is given back at rest', async (t) => {
  const env = virtualEnv()
  const wheel = new DeadlineWheel(env)
  const due = new Noted(env)
  wheel.add(due, 50)
  wheel.delete(due)
  wheel.delete(due)
  t.is(env.timers, 1)
  wheel.rest()
  t.is(env.timers, 0)
  wheel.add(due, 50)
  wheel.rest()
  t.is(env.timers, 1)
  await env.advance(50)
  t.is(due.runs, 1)
})
