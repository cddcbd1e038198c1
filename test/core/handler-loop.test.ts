import test from 'ava'
import fc from 'fast-check'
import { delimiter } from '../../codecs/framing/delimiter.ts'
import { lengthPrefixed } from '../../codecs/framing/length-prefixed.ts'
import { line } from '../../codecs/framing/line.ts'
import { raw } from '../../codecs/raw.ts'
import { text } from '../../codecs/text.ts'
import { parseAddress } from '../../src/core/address.ts'
import type { Codec, InPlaceCodec } from '../../src/core/codec.ts'
import type { SessionError } from '../../src/core/errors.ts'
import type { Framing } from '../../src/core/framing.ts'
import type { Session } from '../../src/core/session.ts'
import { embed } from '../../src/testing/embed.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'

type TextSession = Session<string, string>

const utf8 = (words: string): Uint8Array => new TextEncoder().encode(words)

/** Messages as the default framing puts them on the wire. */
function wireOf(messages: readonly string[]): Uint8Array {
  const parts = messages.map(utf8)
  const wire = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0))
  let at = 0
  for (const part of parts) {
    new DataView(wire.buffer).setUint32(at, part.length)
    wire.set(part, at + 4)
    at += 4 + part.length
  }
  return wire
}

const messages = fc.array(
  fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.nat(60_000).map((length) => 'x'.repeat(length)),
  ),
  { minLength: 1, maxLength: 12 },
)

/** Reads where frames lie: counts how often. */
class TextInPlace implements Codec<string>, InPlaceCodec<string> {
  readonly keeps = 'values'
  readonly decode = text().decode
  readonly encode = text().encode
  inPlace = 0

  decodeInPlace(memory: ArrayBufferLike, bytes: Uint8Array, from: number, to: number): string {
    this.inPlace++
    return this.decode(new Uint8Array(memory, bytes.byteOffset + from, to - from), false)
  }
}

test('A-01: however the stream is cut, and however chunks are lent, the same messages come in order', async (t) => {
  const toFrame = fc.constant(0) // to the end of the frame: what follows may be a chunk that is one frame
  const cutting = fc.array(fc.oneof(toFrame, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40_000 })), {
    minLength: 1,
  })
  await fc.assert(
    fc.asyncProperty(
      messages,
      cutting,
      fc.constantFrom('kept', 'borrowed'),
      fc.boolean(),
      fc.constantFrom(text, () => new TextInPlace()),
      async (sent, cuts, chunks, slow, codec) => {
        const heard: string[] = []
        const listener = {
          onMessage(_session: TextSession, message: string) {
            heard.push(message)
            return slow ? Promise.resolve() : undefined
          },
        }
        const embedded = await embed({ codec: codec(), chunks, listener, frameTimeoutMs: 0, cronIntervalMs: 0 })
        const wire = wireOf(sent)
        const ends = sent.map((_, i) => wireOf(sent.slice(0, i + 1)).length)
        for (let at = 0, i = 0; at < wire.length; i++) {
          const cut = cuts[i % cuts.length] as number
          const toEnd = (ends.find((end) => end > at) ?? 0) - at
          const size = cut === 0 ? toEnd : Math.max(cut, Math.floor(wire.length / 500))
          embedded.connection.feed(wire.subarray(at, at + size))
          at += size
          if (i % 3 === 0) await embedded.env.settle()
        }
        await embedded.env.settle()
        t.deepEqual(heard, sent)
        t.is(embedded.session.stats.undecodedBytes, 0)
      },
    ),
    { numRuns: 150 },
  )
})

test('a codec that can reads frames where they lie; one that is cut, or above the limit, as any other', async (t) => {
  const errors: SessionError[] = []
  const heard: string[] = []
  const listener = {
    onMessage: (_session: TextSession, message: string) => void heard.push(message),
    onError: (_session: TextSession, error: SessionError) => void errors.push(error),
  }
  const codec = new TextInPlace()
  const { connection, env } = await embed({ codec, listener, maxFrameBytes: 8 })
  const wire = wireOf(['one', 'two', 'three'])
  connection.feed(wire.subarray(0, 16))
  connection.feed(wire.subarray(16))
  await env.settle()
  t.deepEqual(heard, ['one', 'two', 'three'])
  t.is(codec.inPlace, 3)
  connection.feed(wireOf(['four', 'above the limit']))
  await env.settle()
  t.deepEqual(heard.slice(3), ['four'])
  t.is(errors[0]?.code, 'ERR_FRAME_TOO_LARGE')
})

test('what comes from inside of the listener is handled behind the message that it was told of', async (t) => {
  const heard: string[] = []
  const listener = {
    onMessage(_session: TextSession, message: string) {
      heard.push(`${message} begins`)
      if (message === 'one') connection.feed(wireOf(['two']))
      if (message === 'two') connection.feed(wireOf(['three']).subarray(0, 6))
      heard.push(`${message} ends`)
    },
  }
  const { connection, env, session } = await embed({ codec: text(), listener })
  connection.feed(wireOf(['one']))
  await env.settle()
  connection.feed(wireOf(['three']).subarray(6))
  await env.settle()
  t.deepEqual(
    heard,
    ['one', 'two', 'three'].flatMap((message) => [`${message} begins`, `${message} ends`]),
  )
  t.is(session.stats.undecodedBytes, 0)
})

test('message mode: each chunk is a message, whatever the listener takes and whenever', async (t) => {
  const remoteAddress = parseAddress('ws://10.0.0.1:80/')
  for (const chunks of ['kept', 'borrowed'] as const) {
    const heard: string[] = []
    const listener = {
      onMessage(_session: TextSession, message: string) {
        heard.push(message)
        return message.length % 2 === 0 ? Promise.resolve() : undefined
      },
    }
    const embedded = await embed({ codec: text(), chunks, listener }, { peer: { remoteAddress } })
    const sent = Array.from({ length: 100 }, (_, i) => 'y'.repeat((i * 7) % 13))
    for (const message of sent) embedded.connection.feed(utf8(message))
    await embedded.env.settle()
    t.deepEqual(heard, sent)
    embedded.session.pause()
    for (const message of sent) embedded.connection.feed(utf8(message))
    await embedded.env.settle()
    t.true(embedded.session.stats.undecodedBytes >= 100 * 64) // a flood of empty ones must not be free
    embedded.session.resume()
    await embedded.env.settle()
    t.is(heard.length, 200)
    t.is(embedded.session.stats.undecodedBytes, 0)
  }
})

test('borrowed chunks are refused to a codec that keeps views, also one made for the peer', async (t) => {
  const setup = { codec: () => raw(), chunks: 'borrowed' } as const
  await t.throwsAsync(embed(setup), { code: 'ERR_BAD_OPTION', message: /chunks/ })
})

test('A-02, A-03: a frame announced too large fails when its header is known; one of the limit passes', async (t) => {
  const errors: SessionError[] = []
  const heard: number[] = []
  const listener = {
    onMessage: (_session: TextSession, message: string) => void heard.push(message.length),
    onError: (_session: TextSession, error: SessionError) => void errors.push(error),
  }
  const embedded = await embed({ codec: text(), maxFrameBytes: 1000, listener })
  await embedded.feed(wireOf(['x'.repeat(1000)]), { slice: 'byte' })
  await embedded.feed(Uint8Array.of(0, 0, 3, 0xe9))
  t.deepEqual(heard, [1000])
  t.like(errors, [{ code: 'ERR_FRAME_TOO_LARGE', frameBytes: 1001, limitBytes: 1000 }])
})

const hungry = (): Framing => ({ next: () => undefined, begin: () => 0, end: () => {} })

test('a framing that never says what it needs may not gather more than a frame', async (t) => {
  for (const framing of [hungry, delimiter('\0'), line()]) {
    const embedded = await embed({ codec: text(), framing, maxFrameBytes: 1000, listener: {} })
    for (let i = 0; i < 30; i++) await embedded.feed(utf8('x'.repeat(100)))
    await embedded.end()
    t.like(embedded.cause, { by: 'error', error: { code: 'ERR_FRAME_TOO_LARGE' } })
  }
})

test('A-05: what waits for its rest does not pin the chunk it came in', async (t) => {
  let decoded: Uint8Array | undefined
  const listener = { onMessage: (_session: Session<Uint8Array>, message: Uint8Array) => void (decoded = message) }
  const embedded = await embed({ codec: raw(), listener })
  const large = new Uint8Array(64 * 1024)
  large.set([0, 0, 0xff, 0xf0], 0) // 65,520 bytes, and 12 of the next frame
  large.set([0, 0, 0, 20], 4 + 65_520)
  await embedded.feed(large)
  t.is(decoded?.length, 65_520)
  await embedded.feed(new Uint8Array(12))
  t.is(decoded?.length, 20)
  t.true((decoded?.buffer.byteLength ?? Infinity) < 100, 'the split frame lies in memory of its size')
})

test('A-12: a burst lets the others have their turn each 1,024 frames; a decoder that throws costs its session', async (t) => {
  const env = virtualEnv()
  const order: string[] = []
  const speaker = (name: string) => ({
    codec: text(),
    listener: { onMessage: () => void (order.at(-1) === name || order.push(name)) },
  })
  const one = await embed(speaker('one'), { env })
  const other = await embed(speaker('other'), { env })
  const burst = wireOf(Array.from({ length: 5000 }, () => 'x'))
  one.connection.feed(burst)
  other.connection.feed(burst)
  await env.settle()
  t.deepEqual(
    order,
    Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? 'one' : 'other')),
  )
  t.is(one.session.stats.receivedMessages + other.session.stats.receivedMessages, 10_000)

  const bad: Codec<string> = {
    ...text(),
    decode() {
      throw new Error('cannot')
    },
  }
  const broken = await embed({ codec: bad, listener: {} }, { env })
  await broken.feed(wireOf(['a', 'b']))
  await broken.end()
  t.like(broken.cause, {
    by: 'error',
    error: { code: 'ERR_BAD_MESSAGE' },
  })
  t.is(other.session.phase, 'open')
})

test('B-13: the error of a first frame says what the bytes look like', async (t) => {
  const hello = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3)
  for (const [bytes, hint] of [
    [hello, /looks like a TLS ClientHello/],
    [utf8('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /looks like an HTTP request/],
    [utf8('PROXY TCP4 1.1.1.1 '), /looks like a PROXY protocol header/],
    [utf8('SSH-2.0-x\r\n'), /looks like an SSH greeting/],
  ] as const) {
    const errors: SessionError[] = []
    const onError = (_session: TextSession, error: SessionError) => void errors.push(error)
    const embedded = await embed({ codec: text(), listener: { onError } })
    await embedded.feed(bytes)
    t.is(errors[0]?.code, 'ERR_FRAME_TOO_LARGE')
    t.regex(errors[0]?.message ?? '', hint)
  }
  // Where the length looks plausible, it is time that tells.
  const errors: SessionError[] = []
  const onError = (_session: TextSession, error: SessionError) => void errors.push(error)
  const late = await embed({ codec: text(), maxFrameBytes: 2 ** 31, frameTimeoutMs: 100, listener: { onError } })
  await late.feed(hello)
  await late.advance(200)
  t.is(errors[0]?.code, 'ERR_FRAME_TIMEOUT')
  t.regex(errors[0]?.message ?? '', /TLS ClientHello/)
})

test('a framing that gives frames and takes nothing fails; one that takes a byte for each empty frame does not', async (t) => {
  const forever = (): Framing => ({ ...hungry(), next: () => new Uint8Array(0) })
  const stages = [() => ({ inbound: (message: string, next: (m: string) => void) => next(message) })]
  for (const setup of [{ framing: forever }, { framing: forever, stages }]) {
    const errors: SessionError[] = []
    let heard = 0
    const listener = {
      onMessage: () => void heard++,
      onError: (_session: TextSession, error: SessionError) => void errors.push(error),
    }
    const embedded = await embed({ codec: text(), ...setup, listener })
    await embedded.feed(utf8('x'))
    await embedded.advance(100)
    t.like(errors, [{ code: 'ERR_BAD_FRAME' }])
    t.regex(errors[0]?.message ?? '', /^the framing makes no progress/)
    t.true(heard <= 2048)
  }
  const empty = (): Framing => ({
    ...hungry(),
    next(buffer) {
      return buffer.length > 0 || buffer.more() ? buffer.take(1).subarray(1) : undefined
    },
  })
  let heard = 0
  const echoing = [
    () => ({
      inbound(message: string, next: (m: string) => void) {
        for (let i = 0; i < 3; i++) next(message)
      },
    }),
  ]
  const embedded = await embed({
    codec: text(),
    framing: empty,
    stages: echoing,
    listener: { onMessage: () => Promise.resolve(heard++) },
  })
  await embedded.feed(new Uint8Array(5000))
  await embedded.advance(100)
  t.is(heard, 15_000)
})

test('an undecodable datagram is reported, and the next one is handled', async (t) => {
  const events: string[] = []
  const picky: Codec<string> = {
    ...text(),
    decode(frame, isText) {
      if (frame[0] === 0xff) throw new Error('what?')
      return text().decode(frame, isText)
    },
  }
  const listener = {
    onMessage: (_session: TextSession, message: string) => void events.push(message),
    onError: (_session: TextSession, error: SessionError) => void events.push(error.code),
  }
  const remoteAddress = parseAddress('udp://10.0.0.1:80')
  const embedded = await embed({ codec: picky, listener }, { peer: { remoteAddress } })
  for (const bytes of [utf8('a'), Uint8Array.of(0xff), utf8('b')]) await embedded.feed(bytes)
  t.deepEqual(events, ['a', 'ERR_BAD_MESSAGE', 'b'])
  t.is(embedded.session.phase, 'open')
})

test('a thenable of somebody’s own that settles twice, at once, frees its place once', async (t) => {
  let running = 0
  let most = 0
  const listener = {
    onMessage() {
      most = Math.max(most, ++running)
      return {
        then(resolve: () => void) {
          running--
          resolve()
          resolve()
        },
      }
    },
  }
  const embedded = await embed({ codec: text(), listener })
  await embedded.feed(wireOf(['a', 'b', 'c', 'd']))
  t.is(embedded.session.stats.receivedMessages, 4)
  t.is(most, 1)
})

/** What is sent comes back in. */
const loopback = () => {
  let toListener: ((message: string) => void) | undefined
  return {
    inbound(message: string, next: (message: string) => void) {
      toListener = next
      next(message)
    },
    outbound: (message: string) => toListener?.(`echo ${message}`),
  }
}

test('a stage that hands in by itself never runs the listener inside of another hook', async (t) => {
  const events: string[] = []
  const listener = {
    onMessage(session: TextSession, message: string) {
      events.push(`begin ${message}`)
      if (!message.startsWith('echo')) session.send(message)
      events.push(`end ${message}`)
    },
  }
  const embedded = await embed({ codec: text(), framing: lengthPrefixed(), stages: [loopback], listener })
  await embedded.feed(wireOf(['a']))
  embedded.session.send('b')
  t.is(events.length, 4)
  await embedded.env.settle()
  t.deepEqual(events, ['begin a', 'end a', 'begin echo a', 'end echo a', 'begin echo b', 'end echo b'])
})
