import { raw } from '../../../codecs/raw.ts'
import { lengthPrefixed } from '../../../codecs/framing/length-prefixed.ts'
import { unframed } from '../../../codecs/framing/unframed.ts'
import type { Address } from '../../core/address.ts'
import { type Codec, mapCodec } from '../../core/codec.ts'
import type { Connection } from '../../core/connection.ts'
import { type ErrorCode, refused, type SessionError } from '../../core/errors.ts'
import type { EventListener } from '../../core/event-listener.ts'
import type { Logger } from '../../core/logger.ts'
import type { Peer } from '../../core/peer.ts'
import type { CloseCause, Session } from '../../core/session.ts'
import type { StageFactory } from '../../core/stage.ts'
import type { Wait } from '../../core/wait.ts'
import { systemEnv } from '../../env/node/system-env.ts'
import type { Mount, SessionSetup } from '../../node-options.ts'
import { dial, listen } from '../../node.ts'
import { equal, equalBytes, ok, rejects, throws } from './check.ts'
import { knocking } from './knock.ts'
import { pause, until } from './party.ts'
import { pattern } from './pattern.ts'
import { type LeftOut, Sentences } from './sentences.ts'
import type { TestFunction } from './test-function.ts'

type Bytes = Uint8Array
type ByteSession = Session<Bytes, Bytes, undefined>
type Setup = Partial<SessionSetup<Bytes, Bytes, undefined>>
type Listener = EventListener<Bytes, Bytes, undefined>

/** What `verifySession` takes: where sessions meet, and what they are made of. */
export interface SessionsUnderTest {
  /** Where to listen: with port 0, or a function that gives a free place each time, as tests may run side by side. */
  readonly address: string | (() => string | Mount)
  /** For both sides: the transport's options, `wrap`, `transports` … @defaultValue none */
  readonly setup?: Setup
  /** For the server, over `setup`: its certificate is not its client's. @defaultValue none */
  readonly serverSetup?: Setup
  /** For the client, over `setup`. @defaultValue none */
  readonly clientSetup?: Setup
  /** The client's door: that of another entry point, such as hawser/browser. @defaultValue that of hawser */
  readonly dial?: (
    where: Address,
    setup: Setup & Pick<SessionSetup<Bytes, Bytes, undefined>, 'codec'> & Wait,
  ) => Promise<ByteSession>
  /** false: its links may lose, double and reorder messages, and have no end, as those of UDP. @defaultValue true */
  readonly reliable?: boolean
}

/** Both ends of one conversation, open. */
interface Pair {
  readonly server: ByteSession
  readonly client: ByteSession
}

const env = systemEnv
/** Half of the sentences are about faults, which sessions would log. */
const SILENT: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }
const KIB = 1024

/**
 * What every session keeps, whatever it runs on: the rules of receiving, sending, errors, time and closing, as its users
 * see them from `listen` and `dial`. Nothing here knows which transport it is, nor whether it keeps message boundaries.
 * Gives the sentences that do not apply: none where it is reliable.
 */
export function verifySession(test: TestFunction, name: string, options: SessionsUnderTest): readonly LeftOut[] {
  const sentences = new Sentences(test, name, options.reliable ?? true)
  const sentence = (title: string, run: (place: Place) => Promise<void>): void =>
    sentences.add(title, async () => {
      const place = new Place(options)
      try {
        await run(place)
      } finally {
        await place.close()
      }
    })

  messages(sentence)
  pulling(sentence)
  sending(sentence)
  opening(sentence)
  steps(sentence)
  faults(sentence)
  time(sentence)
  closing(sentence)
  return sentences.leftOut
}

type Sentence = (title: string, run: (place: Place) => Promise<void>) => void

// ── Receiving ────────────────────────────────────────────────────────────────────────────────────────────────

function messages(sentence: Sentence): void {
  sentence('messages arrive in order and whole, in bursts both ways', async (place) => {
    const ears = [new Ear(), new Ear()] as const
    const { server, client } = await place.meet({ listener: ears[0].listener }, { listener: ears[1].listener })
    const count = 3000
    for (let i = 0; i < count; i++) {
      server.send(numbered(i, i % 300))
      client.send(numbered(i, (i * 7) % 300))
    }
    for (const ear of ears) {
      await until(env, () => ear.heard.length >= count, 'all have come')
      equal(ear.heard.map(numberOf), upTo(count), 'their order')
    }
    ears[0].heard.forEach((message, i) => equalBytes(message, numbered(i, (i * 7) % 300), `message ${i}`))
    equal(server.stats.receivedMessages, count, 'received, by the statistics')
    equal(client.stats.sentMessages, count, 'sent, by the statistics')
    equal(server.stats.receivedBytes, client.stats.sentBytes, 'bytes on both sides of the wire')
  })

  sentence('a message of maxFrameBytes passes both ways, and an empty one', async (place) => {
    const maxFrameBytes = 256 * KIB
    const { server, client } = await place.meet({ maxFrameBytes }, { maxFrameBytes })
    const largest = numbered(7, maxFrameBytes)
    for (const [from, to] of [
      [server, client],
      [client, server],
    ] as const) {
      from.send(largest)
      from.send(new Uint8Array(0))
      equalBytes(await to.receive(), largest, 'the largest')
      equal((await to.receive()).length, 0, 'bytes of the empty one')
    }
  })

  sentence('one byte more is refused to its sender, leaves no byte behind, and costs nothing else', async (place) => {
    const maxFrameBytes = 100
    const { server, client } = await place.meet({}, { maxFrameBytes })
    throws(() => client.send(new Uint8Array(maxFrameBytes + 1)), 'ERR_MESSAGE_TOO_LARGE')
    await rejects(client.deliver(new Uint8Array(40_000)), 'ERR_MESSAGE_TOO_LARGE')
    client.send(numbered(1, maxFrameBytes))
    equalBytes(await server.receive(), numbered(1, maxFrameBytes), 'the next message')
  })

  sentence('a frame above maxFrameBytes reaches onError and ends the session', async (place) => {
    const ear = new Ear()
    const { server, client } = await place.meet({ maxFrameBytes: 100, listener: ear.listener })
    client.send(new Uint8Array(100))
    client.send(new Uint8Array(101))
    await causedBy(server, 'ERR_FRAME_TOO_LARGE')
    equal(ear.codes, ['ERR_FRAME_TOO_LARGE'], 'what onError heard')
    equal(ear.heard.length, 1, 'messages that were handled')
    await client.closed
  })

  sentence('an async listener gets the next message when it is done with the one before', async (place) => {
    let running = 0
    let most = 0
    const heard: number[] = []
    const listener: Listener = {
      async onMessage(session, message) {
        most = Math.max(most, ++running)
        await turns(numberOf(message) % 3)
        heard.push(numberOf(message))
        session.send(message)
        running--
      },
    }
    const { client } = await place.meet({ listener })
    for (let i = 0; i < 300; i++) client.send(numbered(i))
    for (let i = 0; i < 300; i++) equal(numberOf(await client.receive()), i, 'the answer')
    equal(heard, upTo(300), 'the order of handling')
    equal(most, 1, 'handlers at once')
  })

  sentence('concurrency lets so many handlers run at once, and no more', async (place) => {
    let running = 0
    let most = 0
    const listener: Listener = {
      async onMessage(session, message) {
        most = Math.max(most, ++running)
        await until(env, () => most === 4, 'four run at once') // however slowly the messages come
        await turns(3)
        running--
        session.send(message)
      },
    }
    const { client } = await place.meet({ concurrency: 4, listener })
    for (let i = 0; i < 100; i++) client.send(numbered(i))
    const answers = []
    for (let i = 0; i < 100; i++) answers.push(numberOf(await client.receive()))
    equal(
      answers.toSorted((a, b) => a - b),
      upTo(100),
      'the answers',
    )
    equal(most, 4, 'handlers at once')
  })

  sentence('a listener that is busy slows its sender down; nothing is lost', async (place) => {
    const gate = new Gate()
    const ear = new Ear()
    const listener: Listener = {
      async onMessage(session, message) {
        if (ear.heard.length === 0) await gate.opened
        ear.listener.onMessage?.(session, message)
      },
    }
    const inboundHighWaterMarkBytes = 64 * KIB
    const { server, client } = await place.meet(
      { listener, inboundHighWaterMarkBytes },
      { highWaterMarkBytes: 256 * KIB },
    )
    const count = await sendUntilFull(client)
    await until(env, () => server.stats.undecodedBytes > 0, 'the receiver keeps some of it')
    await pause(env, 20)
    ok(client.stats.bufferedBytes > 0, 'the sender is left with some of it')
    const { undecodedBytes } = server.stats
    ok(undecodedBytes < inboundHighWaterMarkBytes + 256 * KIB, `${undecodedBytes} B undecoded is bounded`)
    gate.open()
    await client.drained()
    await until(env, () => ear.heard.length === count, 'all have come')
    equal(ear.heard.map(numberOf), upTo(count), 'their order')
  })

  sentence('pause() holds messages back until resume(), which calls no hook itself', async (place) => {
    const ear = new Ear()
    const { server, client } = await place.meet({ listener: ear.listener })
    server.pause()
    for (let i = 0; i < 10; i++) client.send(numbered(i))
    await until(env, () => server.stats.undecodedBytes >= 10 * 4, 'they are here')
    equal(ear.heard.length, 0, 'messages while it was paused')
    server.resume()
    equal(ear.heard.length, 0, 'messages inside of resume()')
    await until(env, () => ear.heard.length === 10, 'they are handled')
  })
}

function pulling(sentence: Sentence): void {
  sentence('receive() gives what came before the end, then rejects; for await just ends', async (place) => {
    const { server, client } = await place.meet()
    for (let i = 0; i < 3; i++) server.send(numbered(i))
    void server.close()
    await until(env, () => client.stats.undecodedBytes > 0, 'they are here')
    equal(numberOf(await client.receive()), 0, 'the first')
    const left: number[] = []
    for await (const message of client) left.push(numberOf(message))
    equal(left, [1, 2], 'the others')
    await rejects(client.receive(), 'ERR_SESSION_CLOSED')
    equal((await client.closed).by, 'remote', 'who closed it')
  })

  sentence('receive() can be left by time or signal, and loses no message by it', async (place) => {
    const { server, client } = await place.meet()
    await rejects(client.receive({ timeoutMs: 5 }), 'ERR_TIMEOUT')
    const abort = new AbortController()
    const waiting = client.receive({ signal: abort.signal })
    abort.abort(new RangeError('enough'))
    equal(await waiting.catch((error: Error) => error.message), 'enough', 'the reason')
    server.send(numbered(5))
    equal(numberOf(await client.receive()), 5, 'the message')
  })

  sentence('where a listener is set, receive() is refused', async (place) => {
    const { server } = await place.meet({ listener: {} })
    await rejects(server.receive(), 'ERR_BAD_OPTION')
  })

  sentence('handle pulls, and the session closes when it returns', async (place) => {
    const { server, client } = await place.meet({
      async handle(session) {
        for await (const message of session) {
          session.send(message)
          if (numberOf(message) === 2) return
        }
      },
    })
    for (let i = 0; i < 3; i++) client.send(numbered(i))
    for (let i = 0; i < 3; i++) equal(numberOf(await client.receive()), i, 'the answer')
    equal((await server.closed).by, 'local', 'who closed it')
    equal((await client.closed).by, 'remote', 'who closed it, to the client')
  })

  sentence('handle that has seen the end of its peer can still answer', async (place) => {
    const handle = async (session: ByteSession) => {
      let sum = 0
      for await (const message of session) sum += numberOf(message)
      await turns(2)
      session.send(numbered(sum))
    }
    const ear = new Ear()
    const half = new HalfClose()
    const { server, client } = await place.meet({ handle }, { listener: ear.listener, wrap: [half.wrap] })
    for (let i = 1; i <= 10; i++) client.send(numbered(i))
    await half.end()
    equal((await server.closed).by, 'remote', 'who closed it')
    await client.closed
    equal(ear.heard.map(numberOf), [55], 'the answer')
  })
}

// ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────

function sending(sentence: Sentence): void {
  sentence('send says false from the mark on, and drained() and onDrain come once it falls', async (place) => {
    let drains = 0
    const { server, client } = await place.meet(
      { inboundHighWaterMarkBytes: KIB },
      { highWaterMarkBytes: 64 * KIB, listener: { onDrain: () => void drains++ } },
    )
    const count = await sendUntilFull(client)
    ok(!client.writable, 'it is not writable')
    drains = 0 // on the way there the system may have taken some more
    const drained = client.drained()
    for (let i = 0; i < count; i++) equal(numberOf(await server.receive()), i, 'what was said false to came as well')
    await drained
    ok(client.writable, 'it is writable again')
    await until(env, () => drains > 0, 'onDrain was called')
    equal(drains, 1, 'calls of onDrain')
  })

  sentence('deliver() resolves when the bytes are taken, and rejects where they never will be', async (place) => {
    const { server, client } = await place.meet({ inboundHighWaterMarkBytes: KIB }, { highWaterMarkBytes: 64 * KIB })
    await client.deliver(numbered(0))
    equal(numberOf(await server.receive()), 0, 'the message')
    await sendUntilFull(client)
    const stuck = rejects(client.deliver(numbered(1)), 'ERR_SESSION_CLOSED')
    client.destroy()
    await stuck
    await rejects(client.deliver(numbered(2)), 'ERR_SESSION_CLOSED')
    await rejects(client.drained(), 'ERR_SESSION_CLOSED')
  })

  sentence('sendAll sends everything at the pace of the peer', async (place) => {
    const { server, client } = await place.meet({ inboundHighWaterMarkBytes: KIB }, { highWaterMarkBytes: 32 * KIB })
    const count = 500
    async function* source() {
      for (let i = 0; i < count; i++) yield numbered(i, 4 * KIB)
    }
    const sent = client.sendAll(source())
    for (let i = 0; i < count; i++) equal(numberOf(await server.receive()), i, 'the message')
    equal(await sent, count, 'their number')
    equal(await client.sendAll([numbered(0), numbered(1)]), 2, 'the number of two')
  })

  for (const overflow of ['drop', 'throw', 'close'] as const) {
    sentence(`past maxBufferedBytes overflow '${overflow}' acts`, async (place) => {
      const limits = { highWaterMarkBytes: 32 * KIB, maxBufferedBytes: 64 * KIB, overflow }
      const { server, client } = await place.meet({ inboundHighWaterMarkBytes: KIB }, limits)
      const count = await sendUntilFull(client)
      const overfill = () => {
        for (let i = 0; i < 5; i++) client.send(numbered(count + i, 16 * KIB))
      }
      if (overflow === 'throw') throws(overfill, 'ERR_OVERFLOW')
      else overfill()
      ok(client.stats.bufferedBytes <= limits.maxBufferedBytes, 'what waits is bounded')
      ok(client.stats.droppedMessages > 0, 'a message was not taken')
      if (overflow === 'close') return causedBy(client, 'ERR_OVERFLOW')
      equal(client.phase, 'open', 'phase')
      for (let i = 0; i < count; i++) equal(numberOf(await server.receive()), i, 'what was taken came')
    })
  }

  sentence('large payloads go as they are, between small messages, in order', async (place) => {
    const { server, client } = await place.meet()
    const sizes = [5, 40 * KIB, 6, 200 * KIB, 32 * KIB, 7, 33 * KIB]
    sizes.forEach((size, i) => client.send(numbered(i, size)))
    for (const [i, size] of sizes.entries()) equalBytes(await server.receive(), numbered(i, size), `message ${i}`)
  })
}

// ── Opening ──────────────────────────────────────────────────────────────────────────────────────────────────

function opening(sentence: Sentence): void {
  sentence('data speaks first by hand; what follows goes to the listener', async (place) => {
    const ear = new Ear()
    const { client } = await place.meet(
      {
        listener: ear.listener,
        data: async (peer) => {
          equal(numberOf(await peer.receive()), 1, 'the greeting')
          peer.send(numbered(2))
          equal(numberOf(await peer.receive()), 3, 'the second message')
          return undefined
        },
      },
      {
        data: async (peer) => {
          for (const number of [1, 3, 4]) peer.send(numbered(number))
          equal(numberOf(await peer.receive()), 2, 'the answer')
          return undefined
        },
      },
    )
    client.send(numbered(5))
    await until(env, () => ear.heard.length === 2, 'the others came')
    equal(ear.heard.map(numberOf), [4, 5], 'to the listener')
  })

  sentence('a peer that data refuses gets what was sent to it, and no hook hears of it', async (place) => {
    const ear = new Ear()
    const client = await place.reach({
      listener: ear.listener,
      data: (peer) => {
        peer.send(numbered(9))
        throw refused('not today')
      },
    })
    equal(numberOf(await client.receive()), 9, 'the parting word')
    equal((await client.closed).by, 'remote', 'cause')
    equal(ear.events, [], 'calls of hooks')
  })

  sentence('onOpen is awaited before the first message, and may greet', async (place) => {
    const gate = new Gate()
    const ear = new Ear()
    const listener: Listener = {
      ...ear.listener,
      async onOpen(session) {
        session.send(numbered(1))
        await gate.opened
        ear.events.push('open')
      },
    }
    const client = await place.reach({ listener })
    equal(numberOf(await client.receive()), 1, 'the greeting')
    client.send(numbered(2))
    await pause(env, 5)
    equal(ear.heard.length, 0, 'messages before onOpen was done')
    gate.open()
    await until(env, () => ear.heard.length === 1, 'the message')
    equal(ear.events, ['open', 'message'], 'the order')
  })

  sentence('a function as listener makes one for each session', async (place) => {
    const made: string[] = []
    const listener = (session: ByteSession): Listener => {
      made.push(session.id)
      return { onMessage: (self, message) => void self.send(concat(numbered(made.indexOf(self.id)), message)) }
    }
    const first = await place.reach({ listener })
    const second = await place.reach()
    for (const [i, client] of [first, second].entries()) {
      client.send(numbered(7))
      equal(numberOf(await client.receive()), i, 'which listener answered')
    }
    equal(new Set(made).size, 2, 'ids')
  })
}

// ── Codecs and stages ────────────────────────────────────────────────────────────────────────────────────────

function steps(sentence: Sentence): void {
  sentence('stages run first to last for what comes in, last to first for what goes out', async (place) => {
    const { server, client } = await place.meet({ stages: [tagging(1), tagging(2)] })
    client.send(Uint8Array.of(0))
    equalBytes(await server.receive(), Uint8Array.of(0, 1, 2), 'inbound')
    server.send(Uint8Array.of(0))
    equalBytes(await client.receive(), Uint8Array.of(0, 12, 11), 'outbound')
    await server.deliver(Uint8Array.of(9))
    equalBytes(await client.receive(), Uint8Array.of(9, 12, 11), 'delivered')
  })

  sentence('a stage may swallow, double or delay messages, both ways', async (place) => {
    const disposed: string[] = []
    let kept: (() => void) | undefined
    const odd = () => ({
      inbound(message: Bytes, next: (message: Bytes) => void) {
        const number = numberOf(message)
        if (number === 1) return // swallowed
        if (number === 2) next(message)
        if (number === 3) kept = () => next(message)
        else next(message)
        if (number === 4) env.setTimer(5, () => kept?.(), true)
      },
      outbound(message: Bytes, next: (message: Bytes) => void) {
        env.setTimer(2, () => next(message), true)
      },
      dispose: () => void disposed.push('once'),
    })
    const ear = new Ear()
    const { server, client } = await place.meet({ stages: [odd], listener: ear.listener })
    for (let i = 0; i < 5; i++) client.send(numbered(i))
    await until(env, () => ear.heard.length === 5, 'they came')
    equal(ear.heard.map(numberOf), [0, 2, 2, 4, 3], 'what came of them')
    const delivered = server.deliver(numbered(6))
    equal(numberOf(await client.receive()), 6, 'the delayed one')
    await delivered
    await client.close()
    await place.told(server)
    equal(disposed, ['once'], 'dispose')
  })

  sentence('mapCodec changes the types and not the wire', async (place) => {
    const numbers = mapCodec(raw(), {
      in: (bytes) => numbered(numberOf(bytes) + 1),
      out: (bytes: Bytes) => numbered(numberOf(bytes) * 10),
    })
    const { server, client } = await place.meet({}, { codec: numbers })
    client.send(numbered(3))
    equal(numberOf(await server.receive()), 30, 'on the wire')
    server.send(numbered(4))
    equal(numberOf(await client.receive()), 5, 'to the program')
  })
}

function tagging(mark: number): StageFactory<Bytes, Bytes> {
  return () => ({
    inbound: (message, next) => next(concat(message, Uint8Array.of(mark))),
    outbound: (message, next) => next(concat(message, Uint8Array.of(mark + 10))),
  })
}

// ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────

function faults(sentence: Sentence): void {
  for (const hook of ['onOpen', 'onMessage', 'onDrain', 'onCron'] as const) {
    for (const kind of ['throws', 'rejects'] as const) {
      sentence(`${hook} that ${kind} is ERR_LISTENER, and costs its own session alone`, async (place) => {
        const ear = new Ear()
        const fail = kind === 'throws' ? failing : failingLater
        const echo: Listener = { ...ear.listener, onMessage: (session, message) => void session.send(message) }
        const client = await place.reach({
          listener: { ...echo, [hook]: fail },
          cronIntervalMs: 5,
          highWaterMarkBytes: 1,
        })
        client.send(numbered(1))
        await until(env, () => ear.causes.length > 0, 'it closed')
        const [error] = ear.errors
        equal(
          [error?.code, (error as { hook?: string } | undefined)?.hook],
          ['ERR_LISTENER', hook],
          'what onError heard',
        )
        equal(ear.causes[0]?.by, 'error', 'the cause')
        equal(ear.events.slice(-2), ['error', 'close'], 'the last hooks')
        await place.told(client)
        const other = await place.reach()
        equal(other.phase, 'open', 'the server goes on')
      })
    }
  }

  sentence("onError that returns 'keep', or resolves with it, keeps the session", async (place) => {
    const heard: number[] = []
    const listener: Listener = {
      onMessage(_session, message) {
        heard.push(numberOf(message))
        if (numberOf(message) < 2) throw new Error('no')
      },
      onError: (_session, error) => {
        ok(error.keepable, 'it says so')
        return heard.length === 1 ? 'keep' : turns(2).then(() => 'keep')
      },
    }
    const { server, client } = await place.meet({ listener })
    for (let i = 0; i < 4; i++) client.send(numbered(i))
    await until(env, () => heard.length === 4, 'the next messages came')
    equal(server.phase, 'open', 'phase')
  })

  sentence('onError and onClose that throw change nothing', async (place) => {
    const silent = { debug() {}, info() {}, warn() {}, error() {} }
    const listener: Listener = { onMessage: failing, onError: failing, onClose: failing }
    const { server, client } = await place.meet({ listener, logger: silent })
    client.send(numbered(1))
    await causedBy(server, 'ERR_LISTENER')
    await place.told(client)
  })

  sentence('what cannot be decoded reaches onError, then the session closes', async (place) => {
    const ear = new Ear()
    const picky: Codec<Bytes> = {
      ...raw(),
      decode(frame) {
        if (frame[0] === 0xff) throw new Error('what is this?')
        return frame
      },
    }
    const { server, client } = await place.meet({ codec: picky, listener: ear.listener })
    client.send(numbered(0))
    client.send(Uint8Array.of(0xff))
    client.send(numbered(1))
    await causedBy(server, 'ERR_BAD_MESSAGE')
    equal(ear.events, ['message', 'error', 'close'], 'hooks')
    await client.closed
  })

  sentence('an end in the middle of a frame is ERR_TRUNCATED', async (place) => {
    const ear = new Ear()
    const stream = { boundary: 'stream', framing: lengthPrefixed() } as const
    const { server, client } = await place.meet(
      { ...stream, listener: ear.listener },
      { boundary: 'stream', framing: unframed() },
    )
    client.send(Uint8Array.of(0, 0, 0, 1, 42, 0, 0, 0, 9, 1, 2))
    void client.close()
    await causedBy(server, 'ERR_TRUNCATED')
    equal(ear.events, ['message', 'error', 'close'], 'hooks')
  })
}

// ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────

function time(sentence: Sentence): void {
  sentence('onCron comes again and again, and never while the one before runs', async (place) => {
    let running = 0
    let calls = 0
    const listener: Listener = {
      async onCron() {
        equal(++running, 1, 'onCron at once')
        await pause(env, 12)
        running--
        calls++
      },
    }
    const { server } = await place.meet({ cronIntervalMs: 5, listener })
    await until(env, () => calls >= 3, 'it was called')
    equal(server.phase, 'open', 'phase')
  })

  sentence('heartbeats keep two silent peers together, and from their listeners', async (place) => {
    const ears = [new Ear(), new Ear()] as const
    const beat = Uint8Array.of(1, 1)
    const heartbeat = {
      intervalMs: 10,
      timeoutMs: 2000,
      message: beat,
      match: (message: Bytes) => message.length === 2,
    }
    const pong = { ...heartbeat, intervalMs: 1500, answer: () => Uint8Array.of(2, 2) }
    const { server, client } = await place.meet(
      { heartbeat, listener: ears[0].listener },
      { heartbeat: pong, listener: ears[1].listener },
    )
    await until(env, () => client.stats.receivedMessages >= 1 && server.stats.receivedMessages >= 1, 'they beat')
    equal([server.phase, client.phase], ['open', 'open'], 'phases')
    equal(
      ears.map((ear) => ear.heard.length),
      [0, 0],
      'messages to the listeners',
    )
  })

  sentence('a peer that answers no heartbeat is given up', async (place) => {
    const heartbeat = { intervalMs: 100, timeoutMs: 400, message: Uint8Array.of(1) }
    const { server } = await place.meet({ heartbeat })
    await causedBy(server, 'ERR_HEARTBEAT_TIMEOUT')
  })

  sentence('idleTimeoutMs, also set later, ends a session in which nothing comes in', async (place) => {
    const { server, client } = await place.meet()
    ok(server.idleMs >= 0 && server.activeAt <= env.now(), 'the time of the last byte')
    client.idleTimeoutMs = 20
    await causedBy(client, 'ERR_IDLE_TIMEOUT')
    await place.told(server)
  })
}

// ── Closing ──────────────────────────────────────────────────────────────────────────────────────────────────

function closing(sentence: Sentence): void {
  sentence('close() flushes what was sent, and both sides know who closed', async (place) => {
    const ear = new Ear()
    const patient = { closeTimeoutMs: 20_000 } // on a busy machine the flush may take its time
    const { server, client } = await place.meet({ listener: ear.listener, ...patient }, patient)
    for (let i = 0; i < 1000; i++) client.send(numbered(i, 100))
    const cause = client.close({ reason: 'done' })
    equal(client.phase, 'closing', 'phase')
    equal(client.send(numbered(0)), false, 'send while closing')
    equal(await cause, { by: 'local', code: undefined, reason: 'done' }, 'cause')
    equal(client.phase, 'closed', 'phase')
    equal((await server.closed).by, 'remote', 'cause to the peer')
    equal(ear.heard.map(numberOf), upTo(1000), 'what was sent')
    equal(await client.close(), await client.closed, 'closing again')
    ok(client.signal.aborted, 'its signal is aborted')
  })

  sentence('what was sent arrives although the closing side had bytes unread', async (place) => {
    const { server, client } = await place.meet(
      { listener: { onMessage: () => new Promise(() => {}) }, inboundHighWaterMarkBytes: KIB },
      { highWaterMarkBytes: 256 * KIB },
    )
    await sendUntilFull(client)
    const answer = numbered(1, 300 * KIB)
    server.send(answer)
    void server.close()
    equalBytes(await client.receive(), answer, 'the answer')
    equal((await client.closed).by, 'remote', 'cause')
  })

  sentence('a peer that ends gets the answers to all that it sent', async (place) => {
    const listener: Listener = {
      async onMessage(session, message) {
        await turns(1)
        session.send(message)
      },
    }
    const ear = new Ear()
    const half = new HalfClose()
    const { server, client } = await place.meet({ listener }, { listener: ear.listener, wrap: [half.wrap] })
    for (let i = 0; i < 100; i++) client.send(numbered(i))
    await half.end()
    equal((await server.closed).by, 'remote', 'cause')
    await client.closed
    equal(ear.heard.map(numberOf), upTo(100), 'the answers')
  })

  sentence('destroy() ends at once; with an error, that is the cause', async (place) => {
    const ear = new Ear()
    const { server, client } = await place.meet({ listener: ear.listener })
    server.destroy(new Error('enough'))
    equal(ear.events, [], 'hooks inside of destroy()')
    const cause = await server.closed
    equal(cause.by === 'error' ? cause.error.message : cause.by, 'enough', 'cause')
    equal(ear.events, ['close'], 'hooks')
    const told = await place.told(client)
    ok(told === undefined || told.by !== 'local', 'the peer hears of it')
  })

  for (const way of ['close', 'destroy'] as const) {
    sentence(`${way}() inside of a hook, twice at that: no message after it, and onClose once`, async (place) => {
      const ear = new Ear()
      const listener: Listener = {
        ...ear.listener,
        onMessage(session, message) {
          ear.listener.onMessage?.(session, message)
          for (let i = 0; i < 2; i++) void (way === 'close' ? session.close() : session.destroy())
        },
      }
      const { server, client } = await place.meet({ listener })
      for (let i = 0; i < 10; i++) client.send(numbered(i))
      equal((await server.closed).by, 'local', 'cause')
      await client.closed
      equal(ear.events, ['message', 'close'], 'hooks')
    })
  }

  sentence('signal is aborted before onClose, and no hook begins after it', async (place) => {
    const events: string[] = []
    const listener: Listener = {
      onOpen: (session) => session.signal.addEventListener('abort', () => events.push('abort')),
      onMessage: () => void events.push('message'),
      onCron: () => void events.push('cron'),
      onClose: (session) => {
        events.push(`close ${session.phase}`)
      },
    }
    const { server, client } = await place.meet({ listener, cronIntervalMs: 5 })
    client.send(numbered(1))
    await until(env, () => events.includes('message'), 'the message')
    client.destroy()
    await place.told(server)
    await pause(env, 20)
    equal(events.slice(events.indexOf('abort')), ['abort', 'close closed'], 'events')
  })

  sentence('closing does not wait for a running handler, whose send then says false', async (place) => {
    const gate = new Gate()
    const sent: boolean[] = []
    const listener: Listener = {
      async onMessage(session, message) {
        await gate.opened
        sent.push(session.send(message))
      },
    }
    const { server, client } = await place.meet({ listener })
    client.send(numbered(1))
    await until(env, () => server.stats.receivedMessages === 1, 'the handler runs')
    await client.close()
    await server.close()
    gate.open()
    await until(env, () => sent.length === 1, 'the handler is done')
    equal(sent, [false], 'its send')
    equal(server.stats.droppedMessages, 1, 'what was not taken')
  })
}

// ── The two ends ─────────────────────────────────────────────────────────────────────────────────────────────

/** All tests of a file may shake hands at once, on a machine that is busy. */
const OPENING_MS = 25_000

/** One server, and those who dialed it. */
class Place {
  readonly #options: SessionsUnderTest
  readonly #clients: ByteSession[] = []
  #server: Awaited<ReturnType<typeof listen<Bytes, Bytes, undefined>>> | undefined

  constructor(options: SessionsUnderTest) {
    this.#options = options
  }

  get #isReliable(): boolean {
    return this.#options.reliable ?? true
  }

  /** Both ends, open. */
  async meet(server: Setup = {}, client: Setup = {}): Promise<Pair> {
    const dialed = await this.reach(server, client)
    await until(env, () => (this.#server?.sessions.size ?? 0) > 0, 'the server has the session')
    const [accepted] = this.#server?.sessions ?? []
    return { server: accepted as ByteSession, client: dialed }
  }

  /** Dials; the first call listens, with `server`. */
  async reach(server: Setup = {}, client: Setup = {}): Promise<ByteSession> {
    const { address, serverSetup, clientSetup, dial: door = dial } = this.#options
    this.#server ??= await listen<Bytes, Bytes, undefined>(
      typeof address === 'string' ? address : address(),
      this.#setupOf(serverSetup, server),
    )
    const options = this.#setupOf(clientSetup, client)
    const session = await door(this.#server.address, { timeoutMs: OPENING_MS, ...options })
    this.#clients.push(session)
    return session
  }

  /**
   * The other side is gone, and this one hears of it, where the link can tell; gives the cause. Elsewhere it is destroyed,
   * and there is nothing to give.
   */
  async told(session: ByteSession): Promise<CloseCause | undefined> {
    if (this.#isReliable) return session.closed
    session.destroy()
    await session.closed
    return undefined
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy()
    this.#server?.destroy()
    await this.#server?.closed
  }

  /** Later ones win, but layers add up. */
  #setupOf(
    side: Setup | undefined,
    own: Setup,
  ): Setup & { readonly codec: Codec<Bytes> | ((peer: Peer) => Codec<Bytes>) } {
    const { setup } = this.#options
    const knock: Setup = this.#isReliable ? {} : { wrap: [knocking] }
    const wrap = [knock, setup, side, own].flatMap((part) => part?.wrap ?? [])
    return { codec: raw(), logger: SILENT, openTimeoutMs: OPENING_MS, ...setup, ...side, ...own, wrap }
  }
}

/** Ends what one side sends, as a peer may that is no session: this one goes on to listen. */
class HalfClose {
  #connection: Connection | undefined

  readonly wrap = (connection: Connection): Connection => {
    this.#connection = connection
    return connection
  }

  /** After what was sent in this turn. */
  async end(): Promise<void> {
    await turns(1)
    this.#connection?.end()
  }
}

/** Writes down what a listener hears. */
class Ear {
  readonly heard: Bytes[] = []
  readonly errors: SessionError[] = []
  readonly causes: CloseCause[] = []
  readonly events: string[] = []

  readonly listener: Listener = {
    onMessage: (_session, message) => {
      this.heard.push(message.slice()) // a view of its chunk
      this.events.push('message')
    },
    onError: (_session, error) => {
      this.errors.push(error)
      this.events.push('error')
    },
    onClose: (_session, cause) => {
      this.causes.push(cause)
      this.events.push('close')
    },
  }

  get codes(): ErrorCode[] {
    return this.errors.map(({ code }) => code)
  }
}

/** A promise in the hand of the test. */
class Gate {
  open: () => void = () => {}
  readonly opened: Promise<void> = new Promise((resolve) => {
    this.open = resolve
  })
}

async function causedBy(session: ByteSession, code: ErrorCode): Promise<void> {
  const cause = await session.closed
  equal(cause.by === 'error' ? cause.error.code : cause, code, 'cause')
}

/** A number in its first four bytes, and a pattern up to `length`. */
function numbered(number: number, length = 4): Bytes {
  const bytes = pattern(Math.max(4, length), number)
  new DataView(bytes.buffer).setUint32(0, number)
  return bytes
}

function numberOf(message: Bytes): number {
  return new DataView(message.buffer, message.byteOffset, message.length).getUint32(0)
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function concat(one: Bytes, other: Bytes): Bytes {
  return Uint8Array.of(...one, ...other)
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => env.yield(resolve))
}

const FULL_STEP_BYTES = 16 * KIB
const MOST_STEPS = 4096
/** 20 ms apart: longer than TCP waits until it probes a window that was closed, and may find it open (200 ms). */
const LOOKS = 15

/** Sends until the peer's slowness shows: `send` says false and stays so. Gives how many were taken. */
async function sendUntilFull(session: ByteSession): Promise<number> {
  for (let count = 1; count <= MOST_STEPS; count++) {
    if (session.send(numbered(count - 1, FULL_STEP_BYTES))) continue
    // The system's buffers still take some, on a busy machine little by little.
    for (let looks = 0, left = -1; looks < LOOKS && !session.writable; looks++) {
      await pause(env, 20)
      const { bufferedBytes } = session.stats
      if (bufferedBytes !== left) looks = 0
      left = bufferedBytes
    }
    if (!session.writable) return count
  }
  throw new Error(`a peer that does not read took ${MOST_STEPS * FULL_STEP_BYTES} B`)
}

function ignore(): void {}

function failing(): never {
  throw new Error('a hook that fails')
}

async function failingLater(): Promise<void> {
  await turns(1)
  failing()
}
