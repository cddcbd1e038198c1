import test from 'ava'
import fc from 'fast-check'
import { text } from '../../codecs/text.ts'
import type { EventListener } from '../../src/core/event-listener.ts'
import type { Session } from '../../src/core/session.ts'
import type { SessionSetup } from '../../src/core/session-options.ts'
import { connectionPair, own } from '../support/session-pair.ts'

type TextSession = Session<string, string, undefined>
type TextListener = EventListener<string, string, undefined>

const ACTIONS = [
  'send',
  'large',
  'deliver',
  'sendAll',
  'drained',
  'receive',
  'pause',
  'resume',
  'close',
  'destroy',
  'destroy with error',
  'touch',
  'settle',
  'advance',
  'unencodable',
] as const
type Action = (typeof ACTIONS)[number]

/** What a hook does when it is called: an action on its session, then how it ends. */
interface Reaction {
  readonly action: Action | 'nothing'
  readonly ending: 'returns' | 'throws' | 'rejects' | 'resolves' | 'hangs' | 'keeps'
}

const reaction = fc.record({
  action: fc.oneof({ weight: 3, arbitrary: fc.constant('nothing' as const) }, fc.constantFrom(...ACTIONS)),
  ending: fc.oneof(
    { weight: 4, arbitrary: fc.constant('returns' as const) },
    fc.constantFrom('throws' as const, 'rejects' as const, 'resolves' as const, 'hangs' as const, 'keeps' as const),
  ),
})
const HOOKS = ['onOpen', 'onMessage', 'onCron', 'onDrain', 'onError', 'onClose'] as const
const script = fc.record({
  style: fc.constantFrom('listener', 'pull', 'handle'),
  hooks: fc.record({
    onOpen: reaction,
    onMessage: fc.array(reaction, { minLength: 1, maxLength: 4 }),
    onCron: reaction,
    onDrain: reaction,
    onError: reaction,
    onClose: reaction,
  }),
  data: fc.constantFrom('none', 'sync', 'async', 'receives', 'throws', 'hangs'),
  concurrency: fc.constantFrom(1, 1, 3),
})
const step = fc.tuple(fc.constantFrom(0 as const, 1 as const), fc.constantFrom(...ACTIONS))

/** One end of a conversation that watches the rules of a life, whatever is done to it. */
class Actor {
  readonly breaches: string[] = []
  /** What was begun and has not settled. */
  readonly pending = new Set<string>()
  readonly calls: string[] = []
  #begun = 0
  #inCall = 0
  #inHook = 0
  #closed = false

  setup(play: Script): SessionSetup<string, string, undefined> {
    const { style, data, concurrency } = play
    const limits = {
      concurrency,
      highWaterMarkBytes: 2000,
      maxBufferedBytes: 100_000,
      maxFrameBytes: 50_000,
      inboundHighWaterMarkBytes: 3000,
      cronIntervalMs: 700,
      closeTimeoutMs: 300,
      openTimeoutMs: 900,
      idleTimeoutMs: 5000,
    }
    return {
      codec: text(),
      ...limits,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      ...(data === 'none' ? {} : { data: (peer) => this.#data(data, peer.receive.bind(peer)) }),
      ...(style === 'listener' ? { listener: this.#listener(play) } : {}),
      ...(style === 'handle' ? { handle: (session: TextSession) => this.#handle(session, play) } : {}),
    }
  }

  act(session: TextSession, action: Action | 'nothing'): void {
    this.#inCall++
    try {
      this.#perform(session, action)
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== 'ERR_MESSAGE_TOO_LARGE') this.breaches.push(`${action} threw ${String(error)}`)
    }
    this.#inCall--
  }

  #perform(session: TextSession, action: Action | 'nothing'): void {
    switch (action) {
      case 'send':
        session.send('word')
        return
      case 'large':
        session.send('x'.repeat(40_000))
        return
      case 'unencodable':
        session.send('x'.repeat(50_001))
        return
      case 'deliver':
        this.#keep(action, session.deliver('delivered'))
        return
      case 'sendAll':
        this.#keep(action, session.sendAll(['a', 'b'.repeat(1500), 'c'.repeat(1500)]))
        return
      case 'drained':
        this.#keep(action, session.drained())
        return
      case 'receive':
        this.#keep(action, session.receive({ timeoutMs: 400 }))
        return
      case 'pause':
        session.pause()
        return
      case 'resume':
        session.resume()
        return
      case 'close':
        this.#keep(action, session.close())
        return
      case 'destroy':
        session.destroy()
        return
      case 'destroy with error':
        session.destroy(new Error('enough'))
        return
      case 'touch':
        session.touch()
        return
      default:
    }
  }

  #keep(name: Action, promise: Promise<unknown>): void {
    const key = `${name} ${++this.#begun}`
    this.pending.add(key)
    const settled = (): void => void this.pending.delete(key)
    promise.then(settled, settled)
  }

  async #data(kind: string, receive: (wait: object) => Promise<string>): Promise<undefined> {
    if (kind === 'sync') return undefined
    if (kind === 'throws') throw new Error('data')
    if (kind === 'hangs') return new Promise(() => {})
    if (kind === 'receives') await receive({ timeoutMs: 500 })
    return undefined
  }

  #listener({ hooks }: Script): TextListener {
    let messages = 0
    return {
      onOpen: (session) => this.#hook('onOpen', session, hooks.onOpen),
      onMessage: (session) =>
        this.#hook('onMessage', session, hooks.onMessage[messages++ % hooks.onMessage.length] as Reaction),
      onCron: (session) => this.#hook('onCron', session, hooks.onCron),
      onDrain: (session) => this.#hook('onDrain', session, hooks.onDrain),
      onError: (session) => this.#hook('onError', session, hooks.onError),
      onClose: (session) => this.#hook('onClose', session, hooks.onClose),
    }
  }

  #hook(name: (typeof HOOKS)[number], session: TextSession, { action, ending }: Reaction): unknown {
    this.calls.push(name)
    if (this.#inCall > 0) this.breaches.push(`${name} inside of a call`)
    if (this.#inHook > 0) this.breaches.push(`${name} inside of a hook`)
    if (this.#closed) this.breaches.push(`${name} after onClose`)
    if (name === 'onClose') {
      this.#closed = true
      if (!session.signal.aborted) this.breaches.push('onClose before the signal')
    } else if (session.phase === 'closed') this.breaches.push(`${name} of a closed session`)
    if ((name === 'onMessage' || name === 'onCron' || name === 'onDrain') && session.phase !== 'open') {
      this.breaches.push(`${name} while ${session.phase}`)
    }
    this.#inHook++
    if (this.calls.length < 30) this.act(session, action) // an onDrain that always sends would go on for ever
    this.#inHook--
    switch (ending) {
      case 'throws':
        throw new Error(`${name} throws`)
      case 'rejects':
        return Promise.resolve().then(() => Promise.reject(new Error(`${name} rejects`)))
      case 'resolves':
        return Promise.resolve()
      case 'hangs':
        return new Promise(() => {})
      case 'keeps':
        return 'keep'
      default:
        return undefined
    }
  }

  async #handle(session: TextSession, { hooks }: Script): Promise<void> {
    this.calls.push('handle')
    let messages = 0
    for await (const message of session) {
      const { action, ending } = hooks.onMessage[messages++ % hooks.onMessage.length] as Reaction
      this.act(session, action)
      if (ending === 'throws' || ending === 'rejects') throw new Error(message)
      if (ending === 'keeps') return
    }
  }
}

type Script = typeof script extends fc.Arbitrary<infer S> ? S : never

test('B-10: whatever is done in whatever order, a life has its order, one end, and leaves nothing', async (t) => {
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  const boundary = fc.constantFrom('stream' as const, 'message' as const)
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(script, script),
      boundary,
      fc.array(step, { maxLength: 25 }),
      async (scripts, mode, steps) => {
        const { env, near, far } = await connectionPair(mode)
        const actors = [new Actor(), new Actor()] as const
        const ends = [
          own(env, near, 'accepted', actors[0].setup(scripts[0])),
          own(env, far, 'dialed', actors[1].setup(scripts[1])),
        ] as const
        for (const [i, action] of steps) {
          if (action === 'settle') await env.settle()
          else if (action === 'advance') await env.advance(250)
          else actors[i].act(ends[i].session, action)
        }
        await env.advance(2000)
        for (const { session } of ends) session.destroy()
        await env.advance(10_000)
        for (const [i, { session, host }] of ends.entries()) {
          const { breaches, calls, pending } = actors[i as 0 | 1]
          t.deepEqual(breaches, [])
          t.is(session.phase, 'closed')
          t.deepEqual([...pending], [])
          t.deepEqual([await session.closed], [host.cause])
          const closes = calls.filter((name) => name === 'onClose').length
          t.is(closes, calls.includes('onOpen') ? 1 : 0)
          t.is(host.told.at(-1), 'gone')
          t.is(host.told.length, 2)
          t.is(session.stats.bufferedBytes, 0)
        }
        t.is(env.timers, 0)
      },
    ),
    { numRuns: 400 },
  )
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', onUnhandled)
  t.deepEqual(unhandled, [])
})
