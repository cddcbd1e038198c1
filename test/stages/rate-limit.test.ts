import test from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import type { EventListener } from '../../src/core/event-listener.ts'
import { type RateLimitOptions, rateLimit } from '../../src/stages/rate-limit.ts'
import { embed, type EmbeddedSession } from '../../src/testing/embed.ts'

type Session = EmbeddedSession<string, string, unknown>

interface Limited {
  readonly session: Session
  readonly heard: string[]
}

/** A session of lines that remembers what its listener was given. */
async function limited(
  options: RateLimitOptions,
  more: { readonly inboundHighWaterMarkBytes?: number; readonly listener?: EventListener<string> } = {},
): Promise<Limited> {
  const heard: string[] = []
  const session = await embed({
    codec: text(),
    framing: line(),
    stages: [rateLimit(options)],
    listener: { onMessage: (_session, message) => void heard.push(message) },
    ...more,
  })
  return { session, heard }
}

function lines(from: number, to: number): Uint8Array {
  let all = ''
  for (let i = from; i <= to; i++) all += `${i}\n`
  return new TextEncoder().encode(all)
}

function upTo(count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, at) => String(at + from))
}

test('delay: the burst passes at once, the rest at the rate, in order, and nothing is lost', async (t) => {
  const { session, heard } = await limited({ messagesPerSecond: 10, burst: 5 })
  await session.feed(lines(1, 20))
  t.deepEqual(heard, upTo(5))
  await session.advance(99)
  t.is(heard.length, 5)
  await session.advance(1)
  t.deepEqual(heard, upTo(6))
  await session.advance(900)
  t.deepEqual(heard, upTo(15))
  await session.advance(10_000)
  t.deepEqual(heard, upTo(20))
})

test('delay: what waits is bytes, and past the inbound mark the connection is asked to pause', async (t) => {
  const { session, heard } = await limited({ messagesPerSecond: 1, burst: 1 }, { inboundHighWaterMarkBytes: 100 })
  await session.feed(lines(1000, 1050))
  t.is(heard.length, 1)
  t.true(session.connection.isPaused)
  t.true(session.session.stats.undecodedBytes >= 100)
  t.is(session.session.stats.receivedMessages, 1, 'nothing is decoded ahead of the rate')
  await session.advance(60_000)
  t.is(heard.length, 51)
  t.false(session.connection.isPaused)
})

test('silence earns a burst again, and never more than that', async (t) => {
  const { session, heard } = await limited({ messagesPerSecond: 10, burst: 3 })
  await session.feed(lines(1, 3))
  await session.advance(60_000)
  await session.feed(lines(4, 10))
  t.deepEqual(heard, upTo(6))
})

test("the application's own pause is left alone, and leaves the limit alone", async (t) => {
  const { session, heard } = await limited({ messagesPerSecond: 10, burst: 1 })
  await session.feed(lines(1, 9))
  session.session.resume()
  await session.env.settle()
  t.is(heard.length, 1, 'resume() does not buy messages')
  session.session.pause()
  await session.advance(5_000)
  t.is(heard.length, 1, 'the end of a delay does not undo pause()')
  session.session.resume()
  await session.env.settle()
  t.is(heard.length, 2)
})

test('bytes: a message pays for itself, framing included, and the next one waits until it is paid', async (t) => {
  const { session, heard } = await limited({ bytesPerSecond: 1_000, burstBytes: 10 })
  await session.feed(new TextEncoder().encode(`${'x'.repeat(109)}\nnext\n`))
  t.is(heard.length, 1)
  await session.advance(99) // 110 bytes, of which 10 were there
  t.is(heard.length, 1)
  await session.advance(1)
  t.deepEqual(heard.slice(1), ['next'])
})

test('bytes: small ones cost what they are, however they came', async (t) => {
  const { session, heard } = await limited({ bytesPerSecond: 100, burstBytes: 20 })
  await session.feed(new TextEncoder().encode('1234\n'.repeat(10)))
  t.is(heard.length, 5, 'until bytes are owed')
  await session.advance(200)
  t.is(heard.length, 9)
  await session.advance(1000)
  t.is(heard.length, 10)
})

test('close: who sends too much is closed with ERR_RATE_LIMIT, told as a policy violation; the message is not handled', async (t) => {
  const { session, heard } = await limited({ messagesPerSecond: 10, burst: 3, over: 'close' })
  await session.feed(lines(1, 3))
  t.is(session.session.phase, 'open')
  await session.feed(lines(4, 9))
  t.deepEqual(heard, upTo(3))
  t.is(session.connection.ended?.reason?.code, 1008)
  await session.end()
  t.true(session.cause?.by === 'error' && session.cause.error.code === 'ERR_RATE_LIMIT')
})

test('close: bytes count as well', async (t) => {
  const { session } = await limited({ bytesPerSecond: 100, over: 'close' })
  await session.feed(new TextEncoder().encode(`${'x'.repeat(98)}\n`))
  t.is(session.session.phase, 'open')
  await session.feed(new TextEncoder().encode('y\n'))
  t.is(session.session.phase, 'closing')
})

test('a rate below one a second is one', async (t) => {
  const { session, heard } = await limited({ messagesPerSecond: 0.1 })
  await session.feed(lines(1, 3))
  t.is(heard.length, 1)
  await session.advance(10_000)
  t.is(heard.length, 2)
})

test('a session that ends while it is delayed hands out the rest at the rate, then closes; destroyed it leaves no timer', async (t) => {
  const { session, heard } = await limited({ messagesPerSecond: 10, burst: 1 })
  await session.feed(lines(1, 3))
  await session.end()
  t.is(session.session.phase, 'open')
  await session.advance(200)
  t.deepEqual(heard, upTo(3))
  t.is(session.cause?.by, 'remote')

  const other = await limited({ messagesPerSecond: 10, burst: 1 })
  await other.session.feed(lines(1, 3))
  other.session.session.destroy()
  await other.session.env.settle()
  t.is(other.session.env.timers, 0)
})

test('messages that are pulled are delayed as well', async (t) => {
  const { env, session, feed } = await pulled()
  await feed()
  t.is(await session.receive(), '1')
  const second = session.receive()
  await env.advance(99)
  let settled = false
  void second.then(() => (settled = true))
  await env.settle()
  t.false(settled)
  await env.advance(1)
  t.is(await second, '2')
})

async function pulled() {
  const embedded = await embed({
    codec: text(),
    framing: line(),
    stages: [rateLimit({ messagesPerSecond: 10, burst: 1 })],
  })
  return { env: embedded.env, session: embedded.session, feed: () => embedded.feed(lines(1, 3)) }
}

test('bad options are refused by name', (t) => {
  const bad = (options: object, option: string) =>
    t.like(
      t.throws(() => rateLimit(options), { code: 'ERR_BAD_OPTION' } as never),
      { option } as never,
    )
  bad({}, 'rateLimit')
  bad({ messagesPerSecond: 0 }, 'rateLimit.messagesPerSecond')
  bad({ messagesPerSecond: Number.NaN }, 'rateLimit.messagesPerSecond')
  bad({ bytesPerSecond: -1 }, 'rateLimit.bytesPerSecond')
  bad({ messagesPerSecond: 1, burst: 0.5 }, 'rateLimit.burst')
  bad({ messagesPerSecond: 1, over: 'drop' }, 'rateLimit.over')
  bad({ messagesPerSeconds: 1 }, 'rateLimit.messagesPerSeconds')
})
