import test from 'ava'
import fc from 'fast-check'
import { lengthPrefixed } from '../../codecs/framing/length-prefixed.ts'
import { json } from '../../codecs/json.ts'
import { raw } from '../../codecs/raw.ts'
import { text } from '../../codecs/text.ts'
import { halves } from '../../src/browser/parts/pulling.ts'
import { pageParts } from '../../src/browser/page-parts.ts'
import { allParts } from '../../src/core/all-parts.ts'
import type { Codec } from '../../src/core/codec.ts'
import { LiveSession } from '../../src/core/live-session.ts'
import { resolveSetup } from '../../src/core/session-config.ts'
import type { SessionSetup } from '../../src/core/session-options.ts'
import type { SessionParts } from '../../src/core/session-parts.ts'
import { HeldConnection } from '../../src/testing/held-connection.ts'
import { type VirtualEnv, virtualEnv } from '../../src/testing/virtual-env.ts'
import { RecordingHost } from '../support/session-pair.ts'

const ALL: SessionParts = allParts(lengthPrefixed()).parts({ codec: raw() })
const SMALL: SessionParts = { ...ALL, halves }
const { encoder } = pageParts({ codec: json() })

interface Held<In, Out> {
  readonly env: VirtualEnv
  readonly connection: HeldConnection
  readonly session: LiveSession<In, Out, undefined>
}

/** An open session over a connection that keeps message boundaries, in the test's hand. */
async function held<In, Out>(
  setup: SessionSetup<In, Out, undefined>,
  parts: SessionParts = SMALL,
  maxWriteBytes = Infinity,
): Promise<Held<In, Out>> {
  const env = virtualEnv()
  const connection = new HeldConnection({ env, boundary: 'message', maxWriteBytes })
  const config = resolveSetup(setup, { ...allParts(lengthPrefixed()), parts: () => parts, env, transports: [] })
  const session = new LiveSession(connection, config, new RecordingHost(), 'dialed')
  env.defer(() => session.start())
  await env.settle()
  return { env, connection, session }
}

const patterned = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff)

test('what is sent in a turn leaves at its end, together, each message by itself and in order', async (t) => {
  const { env, connection, session } = await held({ codec: text() })
  for (const message of ['one', '', 'three']) session.send(message)
  t.is(connection.writes.length, 0)
  await env.settle()
  t.deepEqual(
    connection.writes.map(({ bytes, text: isText, flight }) => [Buffer.from(bytes).toString(), isText, flight]),
    [
      ['one', true, 1],
      ['', true, 1],
      ['three', true, 1],
    ],
  )
})

test('it says, counts, keeps and drops what the other sending half does, whatever is sent at whatever pace', async (t) => {
  const size = fc.oneof({ weight: 4, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(3000) })
  const commands = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: size.map((bytes) => ({ type: 'send', bytes }) as const) },
      { weight: 2, arbitrary: size.map((bytes) => ({ type: 'deliver', bytes }) as const) },
      { weight: 1, arbitrary: size.map((bytes) => ({ type: 'body', bytes }) as const) },
      { weight: 3, arbitrary: fc.constantFrom('turn', 'stall', 'drain', 'drained').map((type) => ({ type }) as const) },
    ),
    { maxLength: 60 },
  )
  const overflows = fc.constantFrom('drop', 'throw', 'close')
  type Commands = typeof commands extends fc.Arbitrary<infer T> ? T : never

  async function told(parts: SessionParts, steps: Commands, overflow: 'drop' | 'throw' | 'close'): Promise<unknown[]> {
    const events: unknown[] = []
    const { env, connection, session } = await held(
      {
        codec: raw(),
        overflow,
        highWaterMarkBytes: 2_000,
        maxBufferedBytes: 6_000,
        maxFrameBytes: 2_500,
        listener: {
          onDrain: () => void events.push('onDrain'),
          onError: (_session, { code }) => void events.push(code),
          onClose: (_session, { by }) => void events.push(`closed by ${by}`),
        },
      },
      parts,
    )
    const log = (what: string, promise: Promise<unknown>): void => {
      promise.then(
        () => events.push(what),
        (error: { code: string }) => events.push(`${what}: ${error.code}`),
      )
    }
    for (const [at, step] of steps.entries()) {
      try {
        if (step.type === 'send') events.push(session.send(patterned(step.bytes, at)), session.tookLast)
        else if (step.type === 'body') events.push(session.sendBody(patterned(step.bytes, at), false))
        else if (step.type === 'deliver') log(`delivered ${at}`, session.deliver(patterned(step.bytes, at)))
        else if (step.type === 'drained') log(`drained ${at}`, session.drained())
        else if (step.type === 'stall') connection.stall()
        else {
          if (step.type === 'drain') connection.drain()
          await env.settle()
        }
      } catch (error) {
        events.push((error as { code: string }).code)
      }
      const { sentBytes, sentMessages, droppedMessages, bufferedBytes } = session.stats
      events.push({ at, sentBytes, sentMessages, droppedMessages, bufferedBytes, writable: session.writable })
    }
    connection.drain()
    await env.settle()
    log('closed', session.close())
    connection.feedEnd()
    await env.settle()
    const written = connection.writes.map(({ bytes }) => Buffer.from(bytes).toString('hex'))
    return [...events, ...written]
  }

  await fc.assert(
    fc.asyncProperty(commands, overflows, async (steps, overflow) => {
      t.deepEqual(await told(SMALL, steps, overflow), await told(ALL, steps, overflow))
    }),
    { numRuns: 300 },
  )
})

test('J-04: a flood of empty messages is bounded', async (t) => {
  const { env, connection, session } = await held({ codec: raw(), maxBufferedBytes: 64 * 1024, overflow: 'drop' })
  connection.stall()
  for (let sent = 0; sent < 10_000; sent++) {
    session.send(new Uint8Array(0))
    if (sent % 100 === 0) await env.settle()
  }
  t.is(session.stats.sentMessages, 256)
  t.is(session.stats.droppedMessages, 9_744)
  connection.drain()
  await env.settle()
  t.true(session.send(new Uint8Array(0)))
})

test('A-14: what is too large for peer or connection throws to its sender, and no byte is left behind', async (t) => {
  const moody: Codec<string> = {
    ...text(),
    encode(message, out) {
      out.utf8(message)
      if (message === 'bad') throw new RangeError('mood')
    },
  }
  const { env, connection, session } = await held({ codec: moody, maxFrameBytes: 20 }, SMALL, 10)
  t.throws(() => session.send('x'.repeat(21)), { code: 'ERR_MESSAGE_TOO_LARGE', message: /maxFrameBytes/ })
  t.throws(() => session.send('x'.repeat(11)), {
    code: 'ERR_MESSAGE_TOO_LARGE',
    message: /what the connection carries/,
  })
  t.throws(() => session.sendBody(new Uint8Array(11), true), { code: 'ERR_MESSAGE_TOO_LARGE' })
  t.throws(() => session.send('bad'), { code: 'ERR_ENCODE', message: /mood/ })
  await t.throwsAsync(session.deliver('bad'), { code: 'ERR_ENCODE' })
  t.true(session.send('fine'))
  await env.settle()
  t.deepEqual(
    connection.writes.map(({ bytes }) => Buffer.from(bytes).toString()),
    ['fine'],
  )
  t.is(session.stats.sentMessages, 1)
  t.is(session.phase, 'open')
})

test('a message sent from inside of encode() is a mistake that costs nothing else', async (t) => {
  const { session } = await held({
    codec: {
      ...text(),
      encode(message: string, out) {
        if (message === 'outer') session.send('inner')
        out.utf8(message)
      },
    },
  })
  t.throws(() => session.send('outer'), { code: 'ERR_ENCODE', message: /from inside of encode/ })
  t.true(session.send('alone'))
})

test('a connection whose write throws ends its session', async (t) => {
  const { env, connection, session } = await held({ codec: text() })
  connection.write = () => {
    throw new Error('no more')
  }
  session.send('lost')
  const delivery = session.deliver('lost, too')
  await env.advance(5_000) // closeTimeoutMs: nobody is there to end
  await t.throwsAsync(delivery, { code: 'ERR_SESSION_CLOSED' })
  const cause = await session.closed
  t.is(cause.by === 'error' && cause.error.code, 'ERR_LISTENER')
})

test('B-06: a peer that takes nothing is ERR_STALLED after stallTimeoutMs; one that takes a little is not', async (t) => {
  const { env, connection, session } = await held({ codec: raw(), stallTimeoutMs: 100 })
  connection.stall()
  session.send(patterned(100, 0))
  await env.advance(60)
  session.send(patterned(100, 1))
  connection.drain()
  await env.settle()
  connection.stall()
  session.send(patterned(100, 2))
  await env.advance(60)
  t.is(session.phase, 'open')
  await env.advance(60)
  const cause = await session.closed
  t.is(cause.by === 'error' && cause.error.code, 'ERR_STALLED')
})

test('deliver() resolves with the flight that its message left in, and no earlier', async (t) => {
  const { env, connection, session } = await held({ codec: text() })
  const taken: (() => void)[] = []
  connection.write = (_chunk, onTaken) => {
    if (onTaken !== undefined) taken.push(onTaken)
  }
  const delivered: string[] = []
  for (const message of ['one', 'two']) {
    void session.deliver(message).then(() => delivered.push(message))
    await env.settle()
  }
  for (const expected of [['one'], ['one', 'two']]) {
    taken.shift()?.()
    await env.settle()
    t.deepEqual(delivered, expected)
  }
  t.is(taken.length, 0)
})

test('a codec that says its text is written as it says, and kept within the limit before there is memory for more', async (t) => {
  const { env, connection, session } = await held({ codec: json<string>(), maxFrameBytes: 8 }, { ...SMALL, encoder })
  t.true(session.send('häw'))
  t.throws(() => session.send('x'.repeat(9)), { code: 'ERR_MESSAGE_TOO_LARGE' })
  t.throws(() => session.send('äöüäöü'), { code: 'ERR_MESSAGE_TOO_LARGE' })
  t.throws(() => session.send(undefined as never), { code: 'ERR_ENCODE' })
  await env.settle()
  t.deepEqual(
    connection.writes.map(({ bytes, text: isText }) => [Buffer.from(bytes).toString(), isText]),
    [['"häw"', true]],
  )
})
