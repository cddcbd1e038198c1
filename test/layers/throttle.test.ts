import test from 'ava'
import { verifyLayer } from '../../src/testing/conformance/layer.ts'
import { throttle } from '../../src/layers/throttle.ts'
import { tcp } from '../../src/transports/tcp.ts'
import { HeldConnection } from '../../src/testing/held-connection.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { runningEnv } from '../support/running-env.ts'
import { suite } from '../support/suite.ts'

const FAST = 2 ** 30
const both = (bytesPerSecond: number) =>
  throttle({ readBytesPerSecond: bytesPerSecond, writeBytesPerSecond: bytesPerSecond })

const world = runningEnv(1)
verifyLayer(suite, 'throttle', { wrap: both(FAST) })
verifyLayer(suite, 'throttle over messages', { wrap: both(FAST), groups: { inproc: { boundary: 'message' } } })
verifyLayer(suite, 'throttle over tcp', { wrap: both(FAST), transport: tcp, address: 'tcp://127.0.0.1:0' })
verifyLayer(suite, 'throttle, slow, on a virtual clock', { wrap: both(1_000_000), env: world.env })
verifyLayer(suite, 'throttle of what is read only, slow', {
  wrap: throttle({ readBytesPerSecond: 2_000_000 }),
  env: world.env,
})
verifyLayer(suite, 'throttle of what is written only, slow', {
  wrap: throttle({ writeBytesPerSecond: 2_000_000 }),
  env: world.env,
})

/** A throttled connection over one that the test holds, attached, and what came up. */
function held(options: Parameters<typeof throttle>[0], boundary: 'stream' | 'message' = 'stream') {
  const env = virtualEnv()
  const below = new HeldConnection({ env, boundary })
  const layer = throttle(options)(below, 'accepted', env)
  const heard: (number | string)[] = []
  layer.attach({
    onChunk: (chunk) => heard.push(chunk.length),
    onActivity() {},
    onEnd: () => heard.push('end'),
    onClose: (error) => heard.push(error === undefined ? 'close' : 'fault'),
  })
  const written = () => below.writes.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const bytes = () => heard.reduce<number>((sum, item) => sum + (typeof item === 'number' ? item : 0), 0)
  return { env, below, layer, heard, written, bytes }
}

test('writes leave at the rate, evenly, and what waits is counted and taken in its time', async (t) => {
  const { env, below, layer, written } = held({ writeBytesPerSecond: 10_000 })
  const taken: number[] = []
  layer.write(new Uint8Array(5_000), () => taken.push(1))
  layer.write(new Uint8Array(5_000), () => taken.push(2))
  layer.end()
  t.is(layer.bufferedBytes, 10_000)
  await env.advance(499)
  t.true(written() > 4_700 && written() <= 5_200, `${written()}`)
  t.is(layer.bufferedBytes, 10_000 - written())
  await env.advance(1)
  t.deepEqual(taken, [1])
  t.is(below.ended, undefined)
  await env.advance(500)
  t.deepEqual(taken, [1, 2])
  t.not(below.ended, undefined)
  t.is(env.timers, 0)
})

test('reads come up at the rate; the connection below is paused meanwhile, and its end waits for them', async (t) => {
  const { env, below, heard, bytes } = held({ readBytesPerSecond: 10_000 })
  below.feed(new Uint8Array(20_000))
  below.feed(new Uint8Array(20_000))
  below.feedEnd()
  await env.advance(1_000)
  t.true(bytes() >= 9_900 && bytes() <= 10_200, `${bytes()}`)
  t.true(below.isPaused)
  await env.advance(2_900)
  t.false(heard.includes('end'))
  await env.advance(200)
  t.is(bytes(), 40_000)
  t.is(heard.at(-1), 'end')
})

test('a message passes whole, however large, and is paid for afterwards', async (t) => {
  const { env, below, layer, written, heard } = held(
    { writeBytesPerSecond: 1_000, readBytesPerSecond: 1_000 },
    'message',
  )
  layer.write(new Uint8Array(1_000))
  layer.write(new Uint8Array(1))
  below.feed(new Uint8Array(500))
  below.feed(new Uint8Array(0))
  below.feed(new Uint8Array(7))
  await env.settle()
  t.is(written(), 1_000)
  t.deepEqual(heard, [500, 0])
  await env.advance(1_100)
  t.is(written(), 1_001)
  t.deepEqual(heard, [500, 0, 7])
})

test('destroyed, or broken below, it keeps nothing and leaves no timer', async (t) => {
  for (const end of ['destroy', 'reset'] as const) {
    const { env, below, layer, heard } = held({ writeBytesPerSecond: 10, readBytesPerSecond: 10 })
    layer.write(new Uint8Array(1_000))
    below.feed(new Uint8Array(1_000))
    await env.advance(200)
    heard.length = 0
    if (end === 'destroy') layer.destroy()
    else below.reset()
    await env.advance(200)
    t.deepEqual(heard, [end === 'destroy' ? 'close' : 'fault'])
    t.is(layer.bufferedBytes, 0)
    t.is(env.timers, 0)
  }
})

test('bad options are refused by name', (t) => {
  t.throws(() => throttle({}), { code: 'ERR_BAD_OPTION' } as never)
  t.throws(() => throttle({ readBytesPerSecond: 0 }), {
    code: 'ERR_BAD_OPTION',
    message: /readBytesPerSecond/,
  } as never)
  t.throws(() => throttle({ bytesPerSecond: 1 } as never), {
    code: 'ERR_BAD_OPTION',
    message: /bytesPerSecond/,
  } as never)
})

test.after.always('nothing is left', (t) => {
  t.is(world.stop(), 0)
})
