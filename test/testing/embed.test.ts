import test from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import { parseAddress } from '../../src/core/address.ts'
import { refused } from '../../src/core/errors.ts'
import type { Session } from '../../src/core/session.ts'
import { embed } from '../../src/testing/embed.ts'

const utf8 = (words: string) => new TextEncoder().encode(words)
const words = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const echo = {
  codec: text(),
  framing: line(),
  listener: {
    onMessage(session: Session<string, string>, message: string) {
      session.send(message.toUpperCase())
    },
  },
}

test('bytes fed are messages, what was sent comes back as bytes or frames, however the input is cut', async (t) => {
  const embedded = await embed(echo)
  await embedded.feed(utf8('one\ntwo\n'))
  t.is(words(embedded.takeBytes()), 'ONE\nTWO\n')
  await embedded.feed(utf8('three\nfo'), { slice: 'byte' })
  await embedded.feed(utf8('ur\n'), { slice: 2 })
  t.deepEqual(embedded.takeFrames().map(words), ['THREE', 'FOUR'])
  t.deepEqual(embedded.takeFrames(), [])
  t.is(embedded.cause, undefined)
  await embedded.end()
  t.is(embedded.cause?.by, 'remote')
  t.is(embedded.env.timers, 0)
})

test('a peer that takes nothing stalls the session, and time is in the hand of the test', async (t) => {
  const embedded = await embed({ ...echo, stallTimeoutMs: 1000 })
  embedded.stall()
  await embedded.feed(utf8('hello\n'))
  await embedded.advance(500)
  t.is(embedded.session.phase, 'open')
  await embedded.drain()
  await embedded.advance(5000)
  t.is(embedded.session.phase, 'open')
  embedded.stall()
  await embedded.feed(utf8('hello\n'))
  await embedded.advance(2001)
  t.like(embedded.cause, { by: 'error', error: { code: 'ERR_STALLED' } })
  t.is(embedded.env.timers, 0)
})

test('a broken link is an error, and disposal leaves nothing', async (t) => {
  const broken = await embed(echo)
  await broken.reset()
  t.like(broken.cause, { by: 'error', error: { code: 'ERR_CONNECTION_RESET' } })
  const left = await embed(echo)
  await left[Symbol.asyncDispose]()
  t.is(left.session.phase, 'closed')
  t.is(left.env.timers, 0)
})

test('the session sees the peer it was told of; one turned away rejects', async (t) => {
  const remoteAddress = parseAddress('ws://10.0.0.1:80/chat')
  const embedded = await embed(
    { codec: text(), data: (peer) => `${peer.role} ${peer.remoteAddress.host} ${peer.protocol}` },
    { peer: { role: 'dialed', remoteAddress, protocol: 'chat' } },
  )
  t.is(embedded.session.data, 'dialed 10.0.0.1 chat')
  embedded.session.send('whole')
  await embedded.env.settle()
  t.deepEqual(embedded.takeFrames().map(words), ['whole'])
  const turnedAway = embed({
    codec: text(),
    data: (): string => {
      throw refused('not you')
    },
  })
  await t.throwsAsync(turnedAway, { code: 'ERR_REFUSED' })
})
