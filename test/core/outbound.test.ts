import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { raw } from '../../codecs/raw.ts'
import { text } from '../../codecs/text.ts'
import { parseAddress } from '../../src/core/address.ts'
import type { Codec } from '../../src/core/codec.ts'
import type { SessionError } from '../../src/core/errors.ts'
import type { Session } from '../../src/core/session.ts'
import { embed } from '../../src/testing/embed.ts'

type ByteSession = Session<Uint8Array, Uint8Array>

const KIB = 1024
const patterned = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff)

/** As deepEqual, without hundreds of kilobytes where it fails. */
function sameFrames(t: ExecutionContext, actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  t.deepEqual(
    actual.map(({ length }) => length),
    expected.map(({ length }) => length),
  )
  t.true(
    actual.every((frame, i) => frame.every((byte, at) => byte === expected[i]?.[at])),
    'bytes differ',
  )
}

test('what is sent in a turn leaves with one write; 64 KiB leave at once', async (t) => {
  const embedded = await embed({ codec: raw() })
  for (let i = 0; i < 100; i++) embedded.session.send(patterned(100, i))
  t.is(embedded.connection.writes.length, 0)
  await embedded.env.settle()
  t.is(embedded.connection.writes.length, 1)
  sameFrames(
    t,
    embedded.takeFrames(),
    Array.from({ length: 100 }, (_, i) => patterned(100, i)),
  )
  for (let i = 0; i < 40; i++) embedded.session.send(patterned(2 * KIB, i))
  t.true(embedded.connection.writes.length > 1, 'the first 64 KiB have left')
  await embedded.env.settle()
  sameFrames(
    t,
    embedded.takeFrames(),
    Array.from({ length: 40 }, (_, i) => patterned(2 * KIB, i)),
  )
})

test('payloads of 32 KiB and more leave by reference, together with what stands around them', async (t) => {
  const embedded = await embed({ codec: raw() })
  const sizes = [10, 32 * KIB, 20, 50 * KIB]
  sizes.forEach((size, i) => embedded.session.send(patterned(size, i)))
  await embedded.env.settle()
  t.true(embedded.connection.writes.length >= 4)
  sameFrames(t, embedded.takeFrames(), sizes.map(patterned))
})

test('whatever is sent, at whatever pace the peer takes it, arrives whole and in order, and is accounted for', async (t) => {
  const command = fc.oneof(
    fc.record({ send: fc.oneof(fc.nat(300), fc.integer({ min: 30 * KIB, max: 70 * KIB })) }),
    fc.record({ deliver: fc.nat(3000) }),
    fc.constantFrom('stall' as const, 'drain' as const, 'settle' as const),
  )
  const boundary = fc.constantFrom('tcp://10.0.0.1:1', 'ws://10.0.0.1:1/')
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60 }), boundary, async (commands, href) => {
      let drains = 0
      let expectedDrains = 0
      const limits = { highWaterMarkBytes: 100 * KIB, maxBufferedBytes: 1e9 }
      const listener = { onDrain: () => void drains++ }
      const embedded = await embed(
        { codec: raw(), ...limits, listener },
        { peer: { remoteAddress: parseAddress(href) } },
      )
      const { session, connection } = embedded
      const sent: Uint8Array[] = []
      let delivering = 0
      let blocked = false
      for (const next of commands) {
        if (next === 'stall') connection.stall()
        else if (next === 'drain') await embedded.drain()
        else if (next === 'settle') await embedded.env.settle()
        else {
          const message = patterned('send' in next ? next.send : next.deliver, sent.length)
          sent.push(message)
          if ('send' in next) t.is(session.send(message), session.writable)
          else {
            delivering++
            void session.deliver(message).then(() => delivering--)
          }
          blocked ||= !session.writable
        }
        // Frames that are kept apart count for more than their bytes.
        const { bufferedBytes } = session.stats
        const overheadBytes = connection.boundary === 'message' ? 256 * commands.length : 0
        if (session.writable) t.true(bufferedBytes < limits.highWaterMarkBytes)
        else t.true(bufferedBytes + overheadBytes >= limits.highWaterMarkBytes)
        if (blocked && session.stats.bufferedBytes === 0) {
          blocked = false
          expectedDrains++
        }
      }
      let drained = false
      void session.drained().then(() => (drained = true))
      await embedded.drain()
      if (blocked) expectedDrains++
      t.deepEqual([delivering, drained, session.stats.bufferedBytes], [0, true, 0])
      t.is(drains, expectedDrains)
      sameFrames(t, embedded.takeFrames(), sent)
      t.is(
        session.stats.sentBytes,
        connection.writes.reduce((sum, { bytes }) => sum + bytes.length, 0),
      )
      t.is(session.stats.sentMessages, sent.length)
    }),
    { numRuns: 150 },
  )
})

test('J-04: tiny frames for a peer that takes nothing are gathered: the memory they pin is that of their bytes', async (t) => {
  const slow = await embed({ codec: raw(), maxBufferedBytes: KIB * KIB, overflow: 'drop' })
  slow.stall()
  slow.session.send(patterned(10, 0))
  await slow.env.settle()
  const { length: before } = slow.connection.writes
  for (let turn = 0; turn < 5_000; turn++) {
    slow.session.send(patterned(10, turn))
    if (turn % 5 === 0) await Promise.resolve() // a turn of its own, and a flush of its own
    slow.env.defer(() => {})
    if (turn % 100 === 0) await slow.env.settle()
  }
  t.true(slow.connection.writes.length - before <= 8, `${slow.connection.writes.length - before} writes`)
  await slow.drain()
  t.is(slow.takeFrames().length, 5_001)
})

test('J-04: a flood of empty messages that keep their bounds is bounded, too', async (t) => {
  const slow = await embed(
    { codec: raw(), maxBufferedBytes: 64 * KIB, overflow: 'drop' },
    { peer: { remoteAddress: parseAddress('ws://10.0.0.1:1/') } },
  )
  slow.stall()
  for (let sent = 0; sent < 10_000; sent++) {
    slow.session.send(new Uint8Array(0))
    if (sent % 100 === 0) await slow.env.settle()
  }
  t.true(slow.session.stats.sentMessages <= 256)
  t.true(slow.session.stats.droppedMessages >= 9_700)
  await slow.drain()
  t.true(slow.session.send(new Uint8Array(0)))
})

test('60,000 deliveries that wait for a slow peer all settle once it reads', async (t) => {
  const slow = await embed({ codec: raw() })
  slow.stall()
  let delivered = 0
  for (let i = 0; i < 60_000; i++) void slow.session.deliver(patterned(4, i)).then(() => delivered++)
  await slow.drain()
  await slow.env.settle()
  t.is(delivered, 60_000)
})

test('J-04, B-06: a peer that takes nothing pins what it is owed, and no slab that others write to', async (t) => {
  const slow = await embed({
    codec: raw(),
    maxBufferedBytes: 256 * KIB,
    overflow: 'drop',
    highWaterMarkBytes: 256 * KIB,
  })
  slow.stall()
  slow.session.send(patterned(10, 0))
  await slow.env.settle()
  const held = new Set<ArrayBufferLike>()
  const write = slow.connection.write.bind(slow.connection)
  slow.connection.write = (chunk, ...rest) => {
    held.add(chunk.buffer)
    write(chunk, ...rest)
  }
  const busy = await embed({ codec: raw() }, { env: slow.env })
  while (slow.session.send(patterned(100, 1)) || slow.session.stats.droppedMessages === 0) {
    for (let i = 0; i < 20; i++) busy.session.send(patterned(3 * KIB, i)) // a slab is full every few messages
    await slow.env.settle()
  }
  const pinned = [...held].reduce((sum, buffer) => sum + buffer.byteLength, 0)
  const { bufferedBytes } = slow.session.stats
  t.true(bufferedBytes > 250 * KIB && bufferedBytes <= 256 * KIB)
  t.true(pinned <= bufferedBytes * 1.1 + 64 * KIB, `${pinned} B pinned for ${bufferedBytes} B`)
})

test('A-14: what is too large for peer or connection throws to its sender, and no byte is left behind', async (t) => {
  const moody: Codec<string> = {
    ...text(),
    encode(message, out) {
      out.utf8(message)
      if (message === 'bad') throw new RangeError('mood')
    },
  }
  const embedded = await embed({ codec: moody, maxFrameBytes: 10 })
  const { session } = embedded
  t.throws(() => session.send('x'.repeat(11)), { code: 'ERR_MESSAGE_TOO_LARGE' })
  t.throws(() => session.send('bad'), { code: 'ERR_ENCODE', message: /mood/ })
  await t.throwsAsync(session.deliver('bad'), { code: 'ERR_ENCODE' })
  t.true(session.send('fine'))
  await embedded.env.settle()
  t.is(embedded.takeFrames().length, 1)
  t.is(session.stats.sentMessages, 1)
  t.is(session.phase, 'open')
})

test('A-15: a small message may be changed after send(), a referred one once deliver() has resolved', async (t) => {
  const embedded = await embed({ codec: raw() })
  const small = patterned(100, 1)
  embedded.session.send(small)
  small.fill(0)
  const large = patterned(40 * KIB, 2)
  await embedded.session.deliver(large)
  large.fill(0) // the held connection throws if it was changed before
  await embedded.env.settle()
  sameFrames(t, embedded.takeFrames(), [patterned(100, 1), patterned(40 * KIB, 2)])
})

async function full(overflow: 'close' | 'drop' | 'throw') {
  const heard: string[] = []
  const listener = {
    onError: (_session: ByteSession, error: SessionError) => void heard.push(error.code),
    onClose: () => void heard.push('close'),
  }
  const embedded = await embed({ codec: raw(), highWaterMarkBytes: 1000, maxBufferedBytes: 2000, overflow, listener })
  embedded.stall()
  for (let i = 0; i < 18; i++) embedded.session.send(patterned(100, i))
  return { session: embedded.session, env: embedded.env, heard }
}

test("overflow: 'drop' drops and counts, 'throw' throws, 'close' closes without a hook inside of send", async (t) => {
  const dropping = await full('drop')
  for (let i = 0; i < 5; i++) dropping.session.send(patterned(200, i))
  t.like(dropping.session.stats, { droppedMessages: 5, sentMessages: 18 })
  await t.throwsAsync(dropping.session.deliver(patterned(200, 1)), { code: 'ERR_OVERFLOW' })
  await t.throwsAsync(dropping.session.sendAll([patterned(200, 1)]), { code: 'ERR_OVERFLOW' })
  t.is(dropping.session.phase, 'open')

  const throwing = await full('throw')
  t.throws(() => throwing.session.send(patterned(300, 1)), { code: 'ERR_OVERFLOW' })
  t.deepEqual(throwing.heard, [])

  const closing = await full('close')
  for (let i = 0; i < 5; i++) closing.session.send(patterned(300, 1))
  t.deepEqual(closing.heard, [])
  await closing.env.settle()
  t.deepEqual(closing.heard, ['ERR_OVERFLOW', 'close'])
})

test('deliver() through stages follows its own message: late, changed, doubled, never, or a fault', async (t) => {
  const embedded = await embed({
    codec: text(),
    stages: [
      () => ({
        outbound(message: string, next: (message: string) => void) {
          if (message === 'late') setTimeoutOf(() => next('LATE'))
          else if (message === 'twice') for (const part of ['1', '2']) next(part)
          else if (message === 'fault') throw new Error('stage')
          else if (message !== 'never') next(message)
        },
      }),
    ],
  })
  const setTimeoutOf = (run: () => void) => embedded.env.setTimer(100, run)
  const { session } = embedded
  const done: string[] = []
  for (const message of ['late', 'twice', 'never', 'fault', 'plain']) {
    session.deliver(message).then(
      () => done.push(message),
      (error: Error) => done.push(`${message}: ${error.message}`),
    )
  }
  t.true(session.send('never'))
  await embedded.env.settle()
  t.deepEqual(done.toSorted(), ['fault: stage', 'plain', 'twice'])
  await embedded.advance(100)
  t.true(done.includes('late'))
  t.deepEqual(
    embedded.takeFrames().map((frame) => new TextDecoder().decode(frame)),
    ['1', '2', 'plain', 'LATE'],
  )
  session.destroy()
  await embedded.env.settle()
  t.is(done.at(-1), 'never: the session is closed')
})

test('a stage that hands on later what cannot be encoded is ERR_LISTENER of the stage, and no uncaught exception', async (t) => {
  const errors: SessionError[] = []
  const embedded = await embed({
    codec: text(),
    maxFrameBytes: 10,
    listener: { onError: (_session: Session<string, string>, error: SessionError) => (errors.push(error), 'keep') },
    stages: [
      () => ({
        outbound: (message: string, next: (message: string) => void) =>
          void embedded.env.setTimer(10, () => next(message)),
      }),
    ],
  })
  t.true(embedded.session.send('x'.repeat(11)))
  await embedded.advance(10)
  t.like(errors, [{ code: 'ERR_LISTENER', hook: 'stage' }])
  t.is(embedded.session.phase, 'open')
  embedded.session.send('after')
  embedded.session.destroy()
  await embedded.advance(10)
  t.is(embedded.session.stats.droppedMessages, 1)
})
