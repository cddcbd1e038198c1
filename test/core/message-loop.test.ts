import test from 'ava'
import fc from 'fast-check'
import { lengthPrefixed } from '../../codecs/framing/length-prefixed.ts'
import { text } from '../../codecs/text.ts'
import { pageParts } from '../../src/browser/page-parts.ts'
import { allParts } from '../../src/core/all-parts.ts'
import { resolveSetup } from '../../src/core/session-config.ts'
import { LiveSession } from '../../src/core/live-session.ts'
import type { SessionSetup } from '../../src/core/session-options.ts'
import type { SessionParts } from '../../src/core/session-parts.ts'
import { WebSocketConnection } from '../../src/browser/web-socket-connection.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { ScriptedWebSocket } from '../support/scripted-web-socket.ts'
import { RecordingHost } from '../support/session-pair.ts'

const ALL: SessionParts = allParts(lengthPrefixed()).parts({ codec: text() })
const { encoder } = ALL
const SMALL: SessionParts = { ...ALL, encoder, halves: pageParts({ codec: text(), listener: {} }).halves }

interface Told {
  readonly heard: string[]
  readonly ended: string
  readonly received: number
}

type Step =
  | { readonly type: 'message'; readonly length: number }
  | { readonly type: 'turn' | 'pause' | 'resume' | 'close' }

/** What a listener hears of a WebSocket's messages, be it slow or paused. `end`: how the server ends it. */
async function told(parts: SessionParts, steps: readonly Step[], slow: boolean, concurrency: number): Promise<Told> {
  const env = virtualEnv()
  const socket = new ScriptedWebSocket('ws://x:1/', [])
  const connection = new WebSocketConnection(socket, {
    env,
    text: true,
    maxHeldBytes: 1_000_000,
    remoteAddress: 'ws://x:1/',
  })
  const heard: string[] = []
  const setup: SessionSetup<string, string, undefined> = {
    codec: text(),
    maxFrameBytes: 50,
    concurrency,
    listener: {
      onMessage(_session, message) {
        heard.push(message)
        return slow ? new Promise<void>((resolve) => void env.setTimer(1, () => resolve())) : undefined
      },
      onError: (_session, error) => void heard.push(error.code),
    },
  }
  const config = resolveSetup(setup, {
    ...allParts(lengthPrefixed()),
    parts: () => parts,
    env,
    transports: [],
  })
  const session = new LiveSession(connection, config, new RecordingHost(), 'dialed')
  env.defer(() => session.start())
  await env.settle()
  for (const [at, step] of steps.entries()) {
    if (step.type === 'message') socket.receives(`${at} ${'x'.repeat(step.length)}`)
    else if (step.type === 'pause') session.pause()
    else if (step.type === 'resume') session.resume()
    else if (step.type === 'close') socket.closed(1000)
    else await env.advance(1)
  }
  session.resume()
  await env.advance(1_000)
  const { receivedMessages: received } = session.stats
  const { phase: ended } = session
  session.destroy()
  await env.settle()
  return { heard, ended, received }
}

test('a listener hears what it hears with the other receiving half, however slow it is and whatever waits', async (t) => {
  const steps = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.nat(30).map((length): Step => ({ type: 'message', length })) },
      { weight: 1, arbitrary: fc.constant<Step>({ type: 'message', length: 60 }) },
      { weight: 4, arbitrary: fc.constantFrom('turn', 'pause', 'resume').map((type): Step => ({ type })) },
    ),
    { maxLength: 40 },
  )
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), fc.constantFrom(1, 3), async (sequence, slow, concurrency) => {
      const [small, all] = [
        await told(SMALL, sequence, slow, concurrency),
        await told(ALL, sequence, slow, concurrency),
      ]
      // One that is too large is heard of where its turn comes, and not before those that wait.
      if (sequence.every((step) => step.type !== 'message' || step.length <= 30)) t.deepEqual(small, all)
      else t.is(small.ended === 'open', all.ended === 'open')
    }),
    { numRuns: 200 },
  )
})

test('a burst that waited in the connection lets the page have its turn', async (t) => {
  const steps: Step[] = Array.from({ length: 5_000 }, () => ({ type: 'message', length: 1 }))
  const { heard, received } = await told(SMALL, [{ type: 'pause' }, ...steps], false, 1)
  t.is(received, 5_000)
  t.is(heard.length, 5_000)
})

test('a server that closes while the listener is slow has all that it sent heard', async (t) => {
  const steps: Step[] = ['a', 'b', 'c'].map(() => ({ type: 'message', length: 1 }))
  const { heard, ended } = await told(SMALL, [...steps, { type: 'close' }], true, 1)
  t.deepEqual(heard, ['0 x', '1 x', '2 x'])
  t.is(ended, 'closed')
})
