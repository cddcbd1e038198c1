import test from 'ava'
import fc from 'fast-check'
import { TaskPool } from '../../src/core/task-pool.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { codeOf, gate } from '../support/endpoint-world.ts'

const pool = (options: { concurrency?: number; maxQueued?: number } = {}) =>
  new TaskPool({ ...options, env: virtualEnv() })

test('tasks of one key run in order, never two at once, and never more than `concurrency` in all', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.nat(4), turns: fc.nat(5) }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      async (tasks, concurrency) => {
        const one = pool({ concurrency, maxQueued: 0 })
        const begun = new Map<number, number[]>()
        const busy = new Set<number>()
        let most = 0
        await Promise.all(
          tasks.map(({ key, turns }, index) =>
            one.run(key, async () => {
              if (busy.has(key)) throw new Error(`two tasks of key ${key} at once`)
              busy.add(key)
              most = Math.max(most, busy.size)
              begun.set(key, [...(begun.get(key) ?? []), index])
              for (let i = 0; i < turns; i++) await Promise.resolve()
              busy.delete(key)
            }),
          ),
        )
        const inOrder = [...begun.values()].every((indexes) =>
          indexes.every((at, i) => i === 0 || at > Number(indexes[i - 1])),
        )
        return inOrder && most <= concurrency && one.running === 0 && one.queued === 0
      },
    ),
    { numRuns: 50 },
  )
  t.pass()
})

test('a task that throws rejects its own promise only', async (t) => {
  const one = pool({ concurrency: 1 })
  const thrown = one.run('k', () => {
    throw new Error('at once')
  })
  const rejected = one.run('k', () => Promise.reject(new Error('later')))
  const fine = one.run('k', () => 42)
  await t.throwsAsync(thrown, { message: 'at once' })
  await t.throwsAsync(rejected, { message: 'later' })
  t.is(await fine, 42)
})

test('ready() waits while the pool is full, and lets one in for each place that becomes free', async (t) => {
  const one = pool({ concurrency: 1, maxQueued: 1 })
  const gates = [gate(), gate(), gate()]
  await one.ready()
  const runs = gates.slice(0, 2).map(({ opened }) => one.run('k', () => opened))
  t.is(one.running + one.queued, 2)
  const letIn: string[] = []
  const first = one.ready().then(() => letIn.push('first'))
  const second = one.ready().then(() => letIn.push('second'))
  await Promise.resolve()
  t.deepEqual(letIn, [])
  gates[0]?.open()
  await first
  t.deepEqual(letIn, ['first'])
  gates[1]?.open()
  await second
  await Promise.all(runs)
  await one.ready()
})

test('one who was let in and brought nothing does not keep the others out', async (t) => {
  const one = pool({ concurrency: 1, maxQueued: 0 })
  const held = gate()
  const run = one.run('k', () => held.opened)
  const waits = [one.ready(), one.ready({ timeoutMs: 5 }), one.ready(), one.ready()]
  const settled = Promise.allSettled(waits.slice(0, 1))
  held.open()
  await run
  await settled
  await one.run('k', () => {}) // its end lets the next one in
  await one.run('k', () => {})
  await one.run('k', () => {})
  t.is((await Promise.allSettled(waits)).filter(({ status }) => status === 'fulfilled').length, 4)
})

test('close() waits for what runs and what is queued, and lets nothing more in', async (t) => {
  const env = virtualEnv()
  const one = new TaskPool({ env, concurrency: 1, maxQueued: 1 })
  const held = gate()
  const done: string[] = []
  const runs = [one.run('a', () => held.opened.then(() => done.push('a'))), one.run('b', () => done.push('b'))]
  const waiting = codeOf(one.ready())
  const closed = one.close().then(() => done.push('closed'))
  t.is(await waiting, 'ERR_SESSION_CLOSED')
  t.is(await codeOf(one.run('c', () => {})), 'ERR_SESSION_CLOSED')
  t.is(await codeOf(one.ready()), 'ERR_SESSION_CLOSED')
  const late = codeOf(one.close({ timeoutMs: 10 }))
  await env.advance(10)
  t.is(await late, 'ERR_TIMEOUT')
  t.deepEqual(done, [])
  held.open()
  await closed
  await Promise.all(runs)
  t.deepEqual(done, ['a', 'b', 'closed'])
  await one.close()
  t.is(env.timers, 0)
})

test('ten thousand synchronous tasks do not pile up frames, and all keys are forgotten', async (t) => {
  const one = pool({ concurrency: 1, maxQueued: 10_000 })
  const held = gate()
  let ran = 0
  const runs = [one.run('first', () => held.opened)]
  for (let i = 0; i < 10_000; i++) runs.push(one.run(i % 7, () => void ran++))
  held.open()
  await Promise.all(runs)
  t.is(ran, 10_000)
})

test('getty#39: a task may wait for what a later message of its session brings', async (t) => {
  const one = pool({ concurrency: 2 })
  const answer = gate()
  const asking = one.run('session 1', () => answer.opened.then(() => 'answered'))
  await one.run('session 2', () => answer.open()) // another key: it is not behind the one that waits
  t.is(await asking, 'answered')
})

test('a wrong option is named', (t) => {
  t.throws(() => pool({ concurrency: 0 }), { code: 'ERR_BAD_OPTION', message: /concurrency/ })
  t.throws(() => pool({ maxQueued: -1 }), { code: 'ERR_BAD_OPTION', message: /maxQueued/ })
})
