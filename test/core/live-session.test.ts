import test from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { json } from '../../codecs/json.ts'
import { raw } from '../../codecs/raw.ts'
import { text } from '../../codecs/text.ts'
import type { CloseCause, Session } from '../../src/core/session.ts'
import { embed, type EmbeddedSession } from '../../src/testing/embed.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { connectionPair, own } from '../support/session-pair.ts'

const settled = <T>(promise: Promise<T>) =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )

test('messages go both ways, in order, to listener and receive()', async (t) => {
  const { env, near, far } = await connectionPair()
  const heard: string[] = []
  const server = own(env, near, 'accepted', {
    codec: text(),
    listener: {
      onOpen: (session: Session<string, string>) => session.send('hello'),
      onMessage(session: Session<string, string>, message: string) {
        heard.push(message)
        session.send(message.toUpperCase())
      },
    },
  })
  const client = own(env, far, 'dialed', { codec: text() })
  for (const word of ['a', 'b', 'c']) t.true(client.session.send(word))
  t.is(await client.session.receive(), 'hello')
  t.is(await client.session.receive(), 'A')
  t.is(await client.session.receive(), 'B')
  t.is(await client.session.receive(), 'C')
  t.deepEqual(heard, ['a', 'b', 'c'])
  const cause: Promise<CloseCause> = client.session.close({ reason: 'done' })
  t.deepEqual(await cause, { by: 'local', code: undefined, reason: 'done' })
  t.is((await server.session.closed).by, 'remote')
  t.deepEqual(server.host.told, ['opened', 'gone'])
  t.is(env.timers, 0)
})

test('1,000 messages in one chunk to an async listener leave with at most 3 writes', async (t) => {
  const { env, near, far } = await connectionPair()
  let writes = 0
  const write = near.write.bind(near)
  near.write = (...args) => {
    writes++
    write(...args)
  }
  own(env, near, 'accepted', {
    codec: raw(),
    listener: {
      async onMessage(session: Session<Uint8Array, Uint8Array>, message: Uint8Array) {
        await Promise.resolve()
        session.send(message)
      },
    },
  })
  const client = own(env, far, 'dialed', { codec: raw() })
  for (let i = 0; i < 1000; i++) client.session.send(new Uint8Array(40).fill(i & 0xff))
  for (let i = 0; i < 1000; i++) t.is((await client.session.receive())[0], i & 0xff)
  t.true(writes <= 3, `${writes} writes`)
})

test('an error of a hook reaches onError, then the session closes with it, or is kept', async (t) => {
  const { env, near, far } = await connectionPair()
  const log: string[] = []
  const server = own(env, near, 'accepted', {
    codec: text(),
    listener: {
      onMessage(session: Session<string, string>, message: string) {
        log.push(message)
        if (message !== 'fine') throw new Error(message)
        session.send(message)
      },
      onError(_session: Session<string, string>, error) {
        log.push(`${error.code} ${(error.cause as Error).message}`)
        return (error.cause as Error).message === 'keep' ? 'keep' : undefined
      },
      onClose(session: Session<string, string>, cause: CloseCause) {
        log.push(`closed by ${cause.by}, ${session.phase}, aborted ${session.signal.aborted}`)
      },
    },
  })
  const client = own(env, far, 'dialed', { codec: text() })
  for (const word of ['keep', 'fine', 'bad', 'late']) client.session.send(word)
  t.is(await client.session.receive(), 'fine')
  t.like(await settled(client.session.receive()), { error: { code: 'ERR_SESSION_CLOSED' } })
  await server.session.closed
  t.deepEqual(log, [
    'keep',
    'ERR_LISTENER keep',
    'fine',
    'bad',
    'ERR_LISTENER bad',
    'closed by error, closed, aborted true',
  ])
  await env.settle()
  t.is(env.timers, 0)
})

const words = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const utf8 = (written: string): Uint8Array => new TextEncoder().encode(written)
const lines = { codec: text(), framing: line() }
type TextSession = Session<string, string>

test('getty#39: waiting for an answer inside onMessage does not dead-lock where concurrency lets it come', async (t) => {
  const answers = new Map<string, (answer: string) => void>()
  const embedded = await embed({
    ...lines,
    concurrency: 2,
    listener: {
      onMessage(session: TextSession, message: string) {
        const waiting = answers.get(message)
        if (waiting !== undefined) return waiting(message)
        return new Promise<string>((resolve) => answers.set('answer', resolve)).then((answer) => session.send(answer))
      },
    },
  })
  await embedded.feed(utf8('question\nanswer\n'))
  t.is(words(embedded.takeBytes()), 'answer\n')
})

test('getty#42: a message of several parts is sent once, whole', async (t) => {
  const embedded = await embed({ codec: raw() })
  const parts = new Uint8Array(100 * 1024).fill(7)
  await embedded.session.deliver(parts)
  t.is(embedded.session.stats.sentBytes, parts.length + 4)
  t.is(embedded.takeFrames().length, 1)
})

test('getty#73, getty#74, getty#75: code and reason of a close reach the wire and both causes', async (t) => {
  const embedded = await embed(lines)
  void embedded.session.close({ code: 4001, reason: 'enough' })
  t.deepEqual(embedded.connection.ended, { reason: { code: 4001, text: 'enough' } })
  await embedded.end()
  t.deepEqual(embedded.cause, { by: 'local', code: 4001, reason: 'enough' })
  const other = await embed({ ...lines, listener: {} })
  other.connection.feedEnd({ code: 4002, text: 'over' })
  await other.env.settle()
  t.deepEqual(other.cause, { by: 'remote', code: 4002, reason: 'over' })
})

test('getty#103: a time limit of one wait is forgotten by the next', async (t) => {
  const embedded = await embed(lines)
  const first = t.throwsAsync(embedded.session.receive({ timeoutMs: 10 }), { code: 'ERR_TIMEOUT' })
  await embedded.advance(10)
  await first
  const second = embedded.session.receive()
  await embedded.advance(10_000)
  await embedded.feed(utf8('late\n'))
  t.is(await second, 'late')
})

test('getty#105, getty#122: everything may be called after the close, and changes nothing', async (t) => {
  const embedded = await embed(lines)
  const { session } = embedded
  const causes = [session.close(), session.close({ reason: 'again' })]
  await embedded.end()
  t.is(await causes[0], await causes[1])
  session.destroy(new Error('late'))
  session.pause()
  session.resume()
  session.touch()
  session.idleTimeoutMs = 5
  t.false(session.send('late'))
  t.is(session.data, undefined)
  await t.throwsAsync(session.deliver('late'), { code: 'ERR_SESSION_CLOSED' })
  await t.throwsAsync(session.drained(), { code: 'ERR_SESSION_CLOSED' })
  await t.throwsAsync(session.receive(), { code: 'ERR_SESSION_CLOSED' })
  t.deepEqual(await session.close(), { by: 'local', code: undefined, reason: undefined })
  t.is(session.stats.droppedMessages, 2)
  t.true(session.signal.aborted)
  t.is(embedded.env.timers, 0)
})

test('getty-go#107, getty-go#108: what comes in after close() is read and forgotten, without a hook', async (t) => {
  const heard: string[] = []
  const embedded = await embed({
    ...lines,
    listener: { onMessage: (_session: TextSession, message: string) => void heard.push(message) },
  })
  void embedded.session.close()
  await embedded.feed(utf8('late\n'.repeat(1000)))
  t.deepEqual(heard, [])
  t.is(embedded.session.stats.undecodedBytes, 0)
  t.is(embedded.session.stats.receivedBytes, 5000)
  await embedded.end()
})

test('B-05: a peer that has ended and a session that pulls: the answer leaves, what is left stays receivable', async (t) => {
  const embedded = await embed({ ...lines, closeTimeoutMs: 500, cronIntervalMs: 0 })
  const { session } = embedded
  const first = session.receive()
  await embedded.feed(utf8('one\ntwo\nthree\n'))
  t.is(await first, 'one')
  await embedded.end()
  t.is(session.phase, 'open')
  t.true(session.send('answer'))
  t.is(await session.receive(), 'two')
  await embedded.advance(500)
  t.like(embedded.cause, { by: 'remote' })
  t.is(words(embedded.takeBytes()), 'answer\n')
  t.is(await session.receive(), 'three')
  await t.throwsAsync(session.receive(), { code: 'ERR_SESSION_CLOSED' })
  t.is(embedded.env.timers, 0)

  const early = await embed({ ...lines, closeTimeoutMs: 500, cronIntervalMs: 0 })
  void early.session.close()
  await early.end()
  t.is(early.env.timers, 0)
})

test('a connection that is lost leaves to who pulls what had come', async (t) => {
  const embedded = await embed(lines)
  await embedded.feed(utf8('one\ntwo\n'))
  await embedded.reset()
  t.is(await embedded.session.receive(), 'one')
  const left: string[] = []
  const error = await t.throwsAsync(async () => {
    for await (const message of embedded.session) left.push(message)
  })
  t.like(error, { code: 'ERR_CONNECTION_RESET' })
  t.deepEqual(left, ['two'])
})

test('messages pulled by hand, asked for before and after they came, are in order; who returns gets no more', async (t) => {
  const embedded = await embed(lines)
  const messages = embedded.session[Symbol.asyncIterator]()
  const early = [messages.next(), messages.next()]
  await embedded.feed(utf8('one\ntwo\nthree\nfour\nfive\nsix\n'))
  const late = [messages.next(), embedded.session.receive(), messages.next()]
  t.deepEqual(await Promise.all(early), [
    { value: 'one', done: false },
    { value: 'two', done: false },
  ])
  t.deepEqual(await Promise.all(late), [{ value: 'three', done: false }, 'four', { value: 'five', done: false }])
  t.deepEqual(await messages.return?.(), { value: undefined, done: true })
  t.deepEqual(await messages.next(), { value: undefined, done: true })
  t.is(await embedded.session.receive(), 'six')

  const pushed = await embed({ ...lines, listener: {} })
  await t.throwsAsync(pushed.session[Symbol.asyncIterator]().next(), { code: 'ERR_BAD_OPTION' })
})

test('who waits for room while it closes is told at once; a wait in data that is over is turned away', async (t) => {
  const embedded = await embed({ ...lines, highWaterMarkBytes: 10 })
  embedded.stall()
  embedded.session.send('more than ten bytes')
  const waiting = t.throwsAsync(embedded.session.drained(), { code: 'ERR_SESSION_CLOSED' })
  void embedded.session.close()
  await waiting
  t.is(embedded.session.phase, 'closing')

  let leftOver: Promise<string> | undefined
  const opened = await embed({
    ...lines,
    data: (peer) => {
      leftOver = peer.receive()
      return 1
    },
  })
  await t.throwsAsync(leftOver as Promise<string>, { code: 'ERR_SESSION_CLOSED' })
  const first = opened.session.receive()
  await opened.feed(utf8('mine\n'))
  t.is(await first, 'mine')
})

test('a dead peer is given up even while an async onError is undecided', async (t) => {
  const events: string[] = []
  const embedded = await embed({
    ...lines,
    idleTimeoutMs: 1000,
    closeTimeoutMs: 100,
    listener: {
      onMessage() {
        throw new Error('bad')
      },
      onError: (_session: TextSession, error) => {
        events.push(error.code)
        return new Promise(() => {})
      },
      onClose: () => void events.push('close'),
    },
  })
  await embedded.feed(utf8('x\n'))
  await embedded.advance(1100)
  t.deepEqual(events, ['ERR_LISTENER', 'close'])
  t.like(embedded.cause, { by: 'error', error: { code: 'ERR_IDLE_TIMEOUT' } })
  t.is(embedded.env.timers, 0)
})

test('an idle peer is still told why, within closeTimeoutMs; one beyond reach is not, and what is sent to it is not taken', async (t) => {
  const sent: boolean[] = []
  const told = (session: TextSession): void => {
    sent.push(session.send('goodbye'), session.writable)
    session.deliver('and this').then(
      () => sent.push(true),
      () => sent.push(false),
    )
  }
  const limits = { idleTimeoutMs: 1000, stallTimeoutMs: 3000, closeTimeoutMs: 500, maxBufferedBytes: 4096 }
  const setup = { ...lines, ...limits, listener: { onError: told } }
  const idle = await embed(setup)
  await idle.advance(1000)
  t.deepEqual(sent.splice(0), [true, true, true])
  t.is(words(idle.takeBytes()), 'goodbye\nand this\n')
  t.not(idle.connection.ended, undefined)
  t.is(idle.connection.destroyed, undefined)
  await idle.advance(499)
  t.is(idle.session.phase, 'closing')
  await idle.advance(1)
  t.is(idle.session.phase, 'closed')
  t.like(idle.cause, { by: 'error', error: { code: 'ERR_IDLE_TIMEOUT' } })
  t.is(idle.env.timers, 0)

  const heartbeat = { intervalMs: 100, timeoutMs: 200, message: 'ping' }
  const beyondReach: readonly [string, object, (embedded: EmbeddedSession<string, string, unknown>) => unknown][] = [
    ['ERR_HEARTBEAT_TIMEOUT', { heartbeat }, (lost) => lost.advance(500)],
    [
      'ERR_STALLED',
      { idleTimeoutMs: 0 },
      (lost) => {
        lost.stall()
        lost.session.send('x')
        return lost.advance(5000)
      },
    ],
    [
      'ERR_OVERFLOW',
      {},
      (lost) => {
        lost.stall()
        for (let i = 0; i < 5; i++) lost.session.send('x'.repeat(1000))
        return lost.env.settle()
      },
    ],
    ['ERR_CONNECTION_RESET', {}, (lost) => lost.reset()],
  ]
  for (const [code, more, happens] of beyondReach) {
    const lost = await embed({ ...setup, ...more })
    await happens(lost)
    await lost.env.settle()
    t.deepEqual(sent.splice(0), [false, false, false], code)
    t.like(lost.cause, { by: 'error', error: { code } })
    t.true(lost.session.stats.droppedMessages >= 2, code)
    t.notRegex(words(lost.takeBytes()), /goodbye/)
  }
})

test('J-01, J-02: without onError a fault is logged once in a while and costs its session; others hear nothing', async (t) => {
  const env = virtualEnv()
  const listener = {
    onMessage(session: TextSession, message: string) {
      if (message === 'bad') throw new Error('secret')
      session.send(message)
    },
  }
  const good = await embed({ ...lines, listener }, { env })
  for (let i = 0; i < 20; i++) {
    const bad = await embed({ ...lines, listener }, { env })
    await bad.feed(utf8('bad\n'))
    await bad.end()
    t.like(bad.cause, { by: 'error', error: { code: 'ERR_LISTENER', hook: 'onMessage' } })
  }
  await good.feed(utf8('good\n'))
  t.is(words(good.takeBytes()), 'good\n')
  t.is(env.logs.length, 1)
})

test('J-08: neither errors nor logs hold what a peer sent once it has sent a message, or what we send', async (t) => {
  const env = virtualEnv()
  const embedded = await embed({ codec: json<object>(), framing: line(), maxFrameBytes: 60 }, { env })
  t.throws(() => embedded.session.send({ password: 'hunter2', padding: 'x'.repeat(60) }), {
    message: /^(?!.*hunter2)/,
  })
  const received = embedded.session.receive()
  await embedded.feed(utf8('{}\n'))
  await received
  const failed = t.throwsAsync(embedded.session.receive())
  await embedded.feed(utf8('{"password":"hunter2"\n'))
  await embedded.end()
  const error = await failed
  t.false(`${error?.message} ${JSON.stringify(env.logs)}`.includes('hunter2'))
  const wordy = await embed({ codec: json<object>(), framing: line(), listener: {} }, { env })
  await wordy.feed(utf8('{}\n{"password":hunter2}\n'))
  await wordy.end()
  const logs = JSON.stringify(env.logs)
  t.true(logs.includes('not JSON'))
  t.false(/password|hunter2/.test(logs), logs)
})

test('J-05: a thousand sessions opened and closed leave no timer, whichever way they end', async (t) => {
  const env = virtualEnv()
  for (let i = 0; i < 1000; i++) {
    const embedded = await embed({ ...lines, idleTimeoutMs: 1000, listener: { onCron() {} } }, { env })
    if (i % 4 === 0) embedded.session.destroy()
    else if (i % 4 === 1) await embedded.reset()
    else if (i % 4 === 2) await embedded.end()
    else {
      void embedded.session.close()
      await embedded.end()
    }
    await env.settle()
    t.is(embedded.session.phase, 'closed')
  }
  t.is(env.timers, 0)
})

test('shutdown: goodbyes, then running handlers finish and send, then the code reaches the wire', async (t) => {
  const gate: { open?: () => void } = {}
  const { env, near, far } = await connectionPair()
  const server = own(env, near, 'accepted', {
    codec: text(),
    listener: {
      async onMessage(session: TextSession, message: string) {
        await new Promise<void>((resolve) => {
          gate.open = resolve
        })
        session.send(message)
      },
      onShutdown: (session: TextSession) => void session.send('goodbye'),
    },
  })
  const client = own(env, far, 'dialed', { codec: text() })
  client.session.send('one')
  client.session.send('two')
  await env.settle()
  const gone = server.session.shutdown({ signal: new AbortController().signal, code: 1001 })
  await env.settle()
  t.is(server.session.phase, 'open')
  gate.open?.()
  t.is(await client.session.receive(), 'goodbye')
  t.is(await client.session.receive(), 'one')
  await t.throwsAsync(client.session.receive(), { code: 'ERR_SESSION_CLOSED' })
  await gone
  t.like(server.host.cause, { by: 'local', code: 1001 })
  await env.settle()
  t.is(env.timers, 0)
})
