import test from 'ava'
import { runtimeOf } from '../../src/core/runtime.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'

test('what becomes dirty in a pass is flushed at its end, in nested passes at the outermost', async (t) => {
  const env = virtualEnv()
  const runtime = runtimeOf(env)
  t.is(runtimeOf(env), runtime)
  const flushed: string[] = []
  const flushable = (name: string) => ({ flush: () => void flushed.push(name) })
  runtime.beginPass(64)
  runtime.markDirty(flushable('a'))
  runtime.beginPass(64)
  runtime.markDirty(flushable('b'))
  runtime.endPass()
  t.deepEqual(flushed, [])
  runtime.endPass()
  t.deepEqual(flushed, ['a', 'b'])
  await env.settle()
  t.deepEqual(flushed, ['a', 'b'])
})

test('outside of a pass one turn flushes all, also what becomes dirty by flushing', async (t) => {
  const env = virtualEnv()
  const runtime = runtimeOf(env)
  const flushed: string[] = []
  runtime.markDirty({
    flush() {
      flushed.push('first')
      runtime.markDirty({ flush: () => void flushed.push('third') })
    },
  })
  runtime.markDirty({ flush: () => void flushed.push('second') })
  t.deepEqual(flushed, [])
  await env.settle()
  t.deepEqual(flushed, ['first', 'second', 'third'])
})

test('ids are unique in an Env and among Envs', (t) => {
  const ids = [1, 2].flatMap((seed) => {
    const runtime = runtimeOf(virtualEnv({ seed }))
    return Array.from({ length: 100 }, () => runtime.nextId())
  })
  t.is(new Set(ids).size, 200)
})

test('one whose flush throws does not keep the others back, and is logged', async (t) => {
  const env = virtualEnv()
  const runtime = runtimeOf(env)
  let flushed = 0
  const mark = (): void => {
    runtime.markDirty({ flush: () => flushed++ })
    runtime.markDirty({
      flush() {
        throw new Error('broken')
      },
    })
    runtime.markDirty({ flush: () => flushed++ })
  }
  mark()
  await env.settle()
  t.is(flushed, 2)
  runtime.beginPass(1)
  mark()
  runtime.endPass()
  t.is(flushed, 4)
  t.deepEqual(
    env.logs.map(({ message }) => message),
    ['a connection threw: broken'],
  )
})
