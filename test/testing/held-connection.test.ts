import test from 'ava'
import { HeldConnection } from '../../src/testing/held-connection.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { RecordingSink } from '../support/recording-sink.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)

test('what is fed comes in order and waits while reading is paused; what is written is seen at once', async (t) => {
  const env = virtualEnv()
  const held = new HeldConnection({ env })
  const sink = new RecordingSink(held)
  sink.onEach = () => held.pause()
  held.feed(utf8('one'))
  held.feed(utf8('two'))
  held.feedActivity()
  held.feedEnd()
  t.deepEqual(sink.events, [])
  await env.settle()
  t.deepEqual(sink.events, ['chunk 3', 'activity'])
  sink.onEach = undefined
  held.resume()
  await env.settle()
  t.deepEqual(sink.events, ['chunk 3', 'activity', 'chunk 3', 'end'])
  held.write(utf8('a'))
  t.deepEqual(held.takeBytes(), utf8('a'))
  t.deepEqual(held.takeBytes(), new Uint8Array(0))
  held.cork()
  held.write(utf8('b'))
  held.write(utf8('c'))
  held.uncork()
  held.write(utf8('d'))
  t.deepEqual(
    held.takeWrites().map(({ flight }) => flight),
    [2, 2, 3],
  )
  held.end()
  await env.settle()
  t.is(sink.events.at(-1), 'close')
  t.true(held.isClosed)
})

test('a stalled peer takes nothing until drain; a reset loses what was not taken', async (t) => {
  const env = virtualEnv()
  const held = new HeldConnection({ env })
  const sink = new RecordingSink(held)
  const taken: number[] = []
  held.stall()
  held.write(utf8('abc'), () => taken.push(1))
  held.write(utf8('de'), () => taken.push(2))
  await env.settle()
  t.deepEqual(taken, [])
  t.is(held.bufferedBytes, 5)
  held.drain()
  await env.settle()
  t.deepEqual(taken, [1, 2])
  held.write(utf8('x'), () => t.fail('was lost'))
  held.reset()
  held.reset()
  await env.settle()
  t.deepEqual(sink.events, ['close ERR_CONNECTION_RESET'])
  held.write(utf8('y'), () => t.fail('is closed'))
  held.destroy()
  await env.settle()
  t.is(sink.events.length, 1)
  t.is(held.destroyed, undefined)
})

test('memory that changes before it was taken is found out, and borrowed chunks are poisoned', async (t) => {
  const env = virtualEnv()
  const held = new HeldConnection({ env, chunks: 'borrowed' })
  const sink = new RecordingSink(held)
  held.feed(utf8('abc'))
  await env.settle()
  t.true(sink.chunks[0]?.every((byte) => byte === 0xdb))
  const chunk = utf8('mine')
  held.write(chunk)
  chunk.fill(0)
  await t.throwsAsync(env.settle(), { message: /changed after write/ })
})
