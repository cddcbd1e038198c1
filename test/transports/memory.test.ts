import test from 'ava'
import fc from 'fast-check'
import { parseAddress } from '../../src/core/address.ts'
import type { Connection } from '../../src/core/connection.ts'
import type { Env } from '../../src/core/env.ts'
import type { LinkOptions } from '../../src/core/transport.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { inproc } from '../../src/transports/memory.ts'
import { Accepted, linkOptions } from '../support/link-options.ts'
import { RecordingSink } from '../support/recording-sink.ts'

const ADDRESS = parseAddress('inproc://somewhere')
const KIB = 1024

async function pair(env: Env, boundary: 'stream' | 'message' = 'stream', more: Partial<LinkOptions> = {}) {
  const accepted = new Accepted()
  const acceptor = await inproc.listen(
    ADDRESS,
    linkOptions(env, 'accepted', { groups: { inproc: { boundary } }, ...more }),
    accepted,
  )
  const dialed = await inproc.dial(ADDRESS, linkOptions(env, 'dialed'))
  await new Promise<void>((resolve) => env.yield(resolve))
  await acceptor.close()
  return { dialed, accepted: accepted.last }
}

const bytes = (length: number, seed = 0) => Uint8Array.from({ length }, (_, at) => (at * 7 + seed) & 0xff)
const utf8 = (text: string) => new TextEncoder().encode(text)

test('dialing one after the other in a loop leaves the acceptor its turns: the backlog does not fill', async (t) => {
  const env = virtualEnv()
  const accepted = new Accepted()
  await inproc.listen(ADDRESS, linkOptions(env, 'accepted', { groups: { listen: { backlog: 2 } } }), accepted)
  for (let i = 0; i < 10; i++) await inproc.dial(ADDRESS, linkOptions(env, 'dialed'))
  t.is(accepted.connections.length, 10)
})

test('a name nobody bound refuses, a bound one is in use, and a closed one is free again', async (t) => {
  const env = virtualEnv()
  const options = linkOptions(env, 'dialed')
  const refused = await t.throwsAsync(inproc.dial(ADDRESS, options), { code: 'ERR_CONNECTION_REFUSED' })
  t.like(refused, { retryable: true })
  const acceptor = await inproc.listen(ADDRESS, linkOptions(env, 'accepted'), new Accepted())
  t.is(acceptor.address, 'inproc://somewhere')
  await t.throwsAsync(inproc.listen(ADDRESS, linkOptions(env, 'accepted'), new Accepted()), {
    code: 'ERR_ADDRESS_IN_USE',
  })
  await t.throwsAsync(inproc.dial(ADDRESS, linkOptions(virtualEnv(), 'dialed')), { code: 'ERR_CONNECTION_REFUSED' })
  await acceptor.close()
  await acceptor.close()
  await t.throwsAsync(inproc.dial(ADDRESS, options), { code: 'ERR_CONNECTION_REFUSED' })
  const again = await inproc.listen(ADDRESS, linkOptions(env, 'accepted'), new Accepted())
  await again.close()
  await t.throwsAsync(
    inproc.listen(ADDRESS, linkOptions(env, 'accepted', { groups: { inproc: { boundary: 'x' } } }), new Accepted()),
    { message: /inproc\.boundary/ },
  )
})

test('a paused acceptor lets dialers wait in its backlog; one turned away sees an end', async (t) => {
  const env = virtualEnv()
  const accepted = new Accepted()
  const acceptor = await inproc.listen(
    ADDRESS,
    linkOptions(env, 'accepted', { groups: { listen: { backlog: 2 } } }),
    accepted,
  )
  acceptor.pause()
  const dial = () => inproc.dial(ADDRESS, linkOptions(env, 'dialed'))
  const first = new RecordingSink(await dial())
  await dial()
  await t.throwsAsync(dial(), { code: 'ERR_CONNECTION_REFUSED' })
  await env.settle()
  t.is(accepted.connections.length, 0)
  accepted.letIn = false
  acceptor.resume()
  await env.settle()
  t.is(accepted.connections.length, 0)
  t.deepEqual(accepted.asked, ['inproc://somewhere#1', 'inproc://somewhere#2'])
  t.deepEqual(first.events, ['end'])
  acceptor.pause()
  const waiting = new RecordingSink(await dial())
  await acceptor.close()
  await env.settle()
  t.deepEqual(waiting.events, ['end'])
})

test('addresses mirror each other, and stay known after close', async (t) => {
  const { dialed, accepted } = await pair(virtualEnv())
  t.is(dialed.remoteAddress, 'inproc://somewhere')
  t.is(dialed.localAddress, accepted.remoteAddress)
  t.is(accepted.localAddress, dialed.remoteAddress)
  dialed.destroy()
  t.is(parseAddress(dialed.localAddress).href, dialed.localAddress)
})

test('a stream brings the bytes in order, small writes gathered, each write given back in order', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env)
  const sink = new RecordingSink(accepted)
  const taken: string[] = []
  for (const word of ['one ', '', 'two ', 'three']) dialed.write(utf8(word), () => taken.push(word))
  t.is(dialed.bufferedBytes, 13)
  t.deepEqual(taken, [])
  await env.settle()
  t.deepEqual(taken, ['one ', '', 'two ', 'three'])
  t.is(dialed.bufferedBytes, 0)
  t.deepEqual(sink.events, ['chunk 13'])
  t.is(sink.text, 'one two three')
})

test('messages keep their bounds, their kind, and may be empty', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env, 'message', { text: true })
  t.is(dialed.boundary, 'message')
  const sink = new RecordingSink(accepted)
  const back = new RecordingSink(dialed)
  dialed.write(utf8('one'))
  dialed.write(new Uint8Array(0))
  dialed.write(utf8('two'), undefined, true)
  dialed.write(bytes(200 * KIB))
  accepted.write(utf8('text unless said otherwise'))
  await env.settle()
  t.deepEqual(sink.events, ['chunk 3', 'chunk 0', 'chunk 3', `chunk ${200 * KIB}`])
  t.deepEqual(sink.texts, [false, false, true, false])
  t.deepEqual(back.texts, [true])
})

test("memory is the writer's again when it was taken, and the reader may keep its view for ever", async (t) => {
  const env = virtualEnv()
  for (const boundary of ['stream', 'message'] as const) {
    const { dialed, accepted } = await pair(env, boundary)
    const sink = new RecordingSink(accepted)
    for (const length of [10, 40 * KIB]) {
      const memory = bytes(length)
      dialed.write(memory, () => memory.fill(0xee))
      await env.settle()
      t.deepEqual(sink.bytes.slice(-length), bytes(length))
      t.is(memory[0], 0xee)
    }
  }
})

test('a reader that does not read holds 64 KiB, or 16 messages; the rest stays with the writer', async (t) => {
  const env = virtualEnv()
  const stream = await pair(env)
  const taken: number[] = []
  for (let i = 0; i < 10; i++) stream.dialed.write(bytes(10 * KIB, i), () => taken.push(i))
  await env.settle()
  t.is(stream.dialed.bufferedBytes, 36 * KIB)
  t.deepEqual(taken, [0, 1, 2, 3, 4, 5])
  const sink = new RecordingSink(stream.accepted)
  await env.settle()
  t.is(stream.dialed.bufferedBytes, 0)
  t.is(sink.byteCount, 100 * KIB)
  t.deepEqual(sink.bytes.slice(90 * KIB), bytes(10 * KIB, 9))

  const message = await pair(env, 'message')
  for (let i = 0; i < 20; i++) message.dialed.write(bytes(1))
  await env.settle()
  t.is(message.dialed.bufferedBytes, 4)
  const large = await pair(env, 'message')
  for (let i = 0; i < 3; i++) large.dialed.write(bytes(40 * KIB))
  await env.settle()
  t.is(large.dialed.bufferedBytes, 80 * KIB)
  t.is(new RecordingSink(large.accepted).events.length, 0)
  await env.settle()
  t.is(large.dialed.bufferedBytes, 0)
})

test('pause keeps chunks and the end back, resume brings them in order', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env)
  const sink = new RecordingSink(accepted)
  sink.onEach = () => accepted.pause()
  dialed.write(bytes(100 * KIB))
  dialed.end({ code: 4000 })
  await env.settle()
  t.deepEqual(sink.events, [`chunk ${64 * KIB}`])
  accepted.resume()
  t.is(sink.events.length, 1)
  await env.settle()
  t.deepEqual(sink.events, [`chunk ${64 * KIB}`, `chunk ${36 * KIB}`])
  accepted.resume()
  await env.settle()
  t.is(sink.events.at(-1), 'end 4000')
})

test('corked writes leave together, at the outermost uncork or at the end', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env)
  const sink = new RecordingSink(accepted)
  dialed.cork()
  dialed.cork()
  dialed.write(utf8('a'))
  dialed.uncork()
  dialed.write(utf8('b'))
  await env.settle()
  t.deepEqual(sink.events, [])
  dialed.uncork()
  dialed.uncork()
  await env.settle()
  t.deepEqual(sink.events, ['chunk 2'])
  dialed.cork()
  dialed.write(utf8('c'))
  dialed.end()
  await env.settle()
  t.deepEqual(sink.events, ['chunk 2', 'chunk 1', 'end'])
})

test('half-close: the other direction stays open, and both ended is closed, once each', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env)
  const [here, there] = [new RecordingSink(dialed), new RecordingSink(accepted)]
  dialed.write(utf8('question'))
  dialed.end()
  dialed.end()
  dialed.write(utf8('too late'), () => t.fail('was never sent'))
  await env.settle()
  t.deepEqual(there.events, ['chunk 8', 'end'])
  accepted.write(utf8('answer'))
  await env.settle()
  t.deepEqual(here.events, ['chunk 6'])
  accepted.end()
  await env.settle()
  t.deepEqual(here.events, ['chunk 6', 'end', 'close'])
  t.deepEqual(there.events, ['chunk 8', 'end', 'close'])
  dialed.destroy()
  accepted.destroy()
  await env.settle()
  t.is(here.events.length, 3)
})

test('destroy with nothing lost ends the stream for the peer; what the peer then writes is reset', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env)
  const [here, there] = [new RecordingSink(dialed), new RecordingSink(accepted)]
  dialed.write(utf8('last words'))
  await env.settle()
  dialed.destroy(new Error('mine'))
  dialed.destroy(new Error('second'))
  t.deepEqual(here.events, [])
  await env.settle()
  t.deepEqual(here.events, ['close mine'])
  t.deepEqual(there.events, ['chunk 10', 'end'])
  let taken = false
  accepted.write(utf8('hello?'), () => (taken = true))
  await env.settle()
  t.true(taken)
  t.deepEqual(there.events, ['chunk 10', 'end', 'close ERR_CONNECTION_RESET'])
})

test('destroy with bytes unsent or unread resets the peer', async (t) => {
  const env = virtualEnv()
  const unsent = await pair(env)
  const [here, there] = [new RecordingSink(unsent.dialed), new RecordingSink(unsent.accepted)]
  unsent.dialed.write(utf8('lost'), () => t.fail('was never taken'))
  unsent.dialed.destroy()
  await env.settle()
  t.deepEqual(here.events, ['close'])
  t.deepEqual(there.events, ['close ERR_CONNECTION_RESET'])

  const unread = await pair(env)
  const writer = new RecordingSink(unread.dialed)
  unread.dialed.write(utf8('never read'))
  await env.settle()
  unread.accepted.destroy()
  await env.settle()
  t.deepEqual(writer.events, ['close ERR_CONNECTION_RESET'])

  const crossing = await pair(env)
  const sender = new RecordingSink(crossing.dialed)
  const receiver = new RecordingSink(crossing.accepted)
  crossing.dialed.write(utf8('on its way'))
  crossing.accepted.destroy()
  await env.settle()
  t.is(sender.events.at(-1), 'close ERR_CONNECTION_RESET')
  t.deepEqual(receiver.events, ['close'])
})

test('a close that came before anybody was attached is told to the one who attaches, and to nobody twice', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env)
  accepted.write(utf8('x'))
  accepted.destroy()
  await env.settle()
  const first = new RecordingSink(dialed)
  t.deepEqual(first.events, [])
  await env.settle()
  t.deepEqual(first.events, ['close ERR_CONNECTION_RESET'])
  const second = new RecordingSink(dialed)
  await env.settle()
  t.deepEqual(second.events, [])
  t.is(first.events.length, 1)
})

test('a second sink gets the unread rest first, in a later turn, then what follows', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env)
  const second = new RecordingSink()
  const first = new RecordingSink(accepted)
  let promised = false
  first.onEach = (chunk) => {
    accepted.attach(second, chunk.subarray(6))
    void Promise.resolve().then(() => t.deepEqual(second.events, []))
    promised = true
  }
  dialed.write(utf8('HEADERrest '))
  await env.settle()
  dialed.write(utf8('and more'))
  dialed.end()
  await env.settle()
  t.true(promised)
  t.is(second.text, 'rest and more')
  t.deepEqual(first.events, ['chunk 11'])
  t.deepEqual(second.lifeCycle, ['end'])
})

test('two ends that answer each other for ever leave other I/O its turn', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env)
  const [here, there] = [new RecordingSink(dialed), new RecordingSink(accepted)]
  here.onEach = (chunk) => dialed.write(chunk)
  there.onEach = (chunk) => accepted.write(chunk)
  dialed.write(bytes(1))
  let turns = 0
  const otherIo = () => {
    if (++turns < 10) env.yield(otherIo)
    else dialed.destroy()
  }
  env.yield(otherIo)
  await env.settle()
  t.true(here.events.length > 100)
})

test('any call at any time, also inside of a callback: nothing after onClose, which comes once; no byte is lost while both live', async (t) => {
  const acts = fc.array(
    fc.record({
      side: fc.constantFrom<'dialed' | 'accepted'>('dialed', 'accepted'),
      act: fc.constantFrom(
        'write',
        'write',
        'write',
        'large',
        'cork',
        'uncork',
        'pause',
        'resume',
        'end',
        'destroy',
        'settle',
      ),
      inside: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  await fc.assert(
    fc.asyncProperty(fc.constantFrom<'stream' | 'message'>('stream', 'message'), acts, async (boundary, steps) => {
      const env = virtualEnv()
      const ends = await pair(env, boundary)
      const sinks = { dialed: new RecordingSink(ends.dialed), accepted: new RecordingSink(ends.accepted) }
      const sent = { dialed: 0, accepted: 0 }
      const taken = { dialed: 0, accepted: 0 }
      let next = 0
      const act = (side: 'dialed' | 'accepted', what: string) => {
        const connection: Connection = ends[side]
        const eventsBefore = sinks[side].events.length
        const takenBefore = taken[side]
        if (what === 'write' || what === 'large') {
          const length = what === 'write' ? 5 : 90 * KIB
          const order = next++
          let called = false
          sent[side] += length
          connection.write(bytes(length, order), () => {
            if (called) throw new Error('taken twice')
            called = true
            taken[side]++
            if (sinks[side].lifeCycle.some((event) => event.startsWith('close'))) throw new Error('taken after close')
          })
        } else (connection as unknown as Record<string, () => void>)[what]?.()
        if (sinks[side].events.length !== eventsBefore || taken[side] !== takenBefore)
          throw new Error(`${what} called its sink`)
      }
      for (const { side, act: what, inside } of steps) {
        if (what === 'settle') {
          await env.settle()
          continue
        }
        if (inside) sinks[side].onEach = () => act(side, what)
        else act(side, what)
        if (inside) {
          const other = side === 'dialed' ? 'accepted' : 'dialed'
          act(other, 'write')
          await env.settle()
          sinks[side].onEach = undefined
        }
      }
      for (const side of ['dialed', 'accepted'] as const) {
        for (let i = 0; i < 40; i++) ends[side].uncork()
        ends[side].resume()
        ends[side].end()
      }
      await env.settle()
      for (const side of ['dialed', 'accepted'] as const) {
        t.is(sinks[side].lifeCycle.filter((event) => event.startsWith('close')).length, 1)
        t.true(sinks[side].events.at(-1)?.startsWith('close'))
        t.true(sinks[side].lifeCycle.filter((event) => event.startsWith('end')).length <= 1)
        t.is(ends[side].bufferedBytes, 0)
      }
      const quiet = steps.every((step) => step.act !== 'destroy' && step.act !== 'end')
      if (quiet) {
        t.is(sinks.accepted.byteCount, sent.dialed)
        t.is(sinks.dialed.byteCount, sent.accepted)
      }
    }),
    { numRuns: 150 },
  )
})
