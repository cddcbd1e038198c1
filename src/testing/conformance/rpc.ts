import { dial, listen } from '../../node.ts'
import type { Mount, SessionSetup } from '../../node-options.ts'
import type { Logger } from '../../core/logger.ts'
import { systemEnv } from '../../env/node/system-env.ts'
import { bidiStream, clientStream, method, oneWay, serverStream, service } from '../../rpc/contract.ts'
import { FrameType, type RpcFrame } from '../../rpc/frame.ts'
import type { RpcOptions } from '../../rpc/options.ts'
import type { Handlers, RpcContext, RpcPeer } from '../../rpc/peer.ts'
import { rpc } from '../../rpc/rpc.ts'
import { isRpcError, RpcError } from '../../rpc/rpc-error.ts'
import type { RpcStatus } from '../../rpc/rpc-status.ts'
import { type RpcWire, wireOf } from '../../rpc/wire.ts'
import { equal, ok } from './check.ts'
import { pause, until } from './party.ts'
import type { TestFunction } from './test-function.ts'

type Setup = Partial<
  Omit<SessionSetup<RpcFrame, RpcFrame, RpcPeer>, 'codec' | 'framing' | 'data' | 'listener' | 'handle'>
>

/** How the suite's arguments and answers, a number and a text, look to the body of the wire. */
export interface RpcValues<Value> {
  make(number: number, text: string): Value
  numberOf(value: Value): number
  textOf(value: Value): string
}

/** What `verifyRpc` takes: where peers meet, and what they speak. */
export interface RpcUnderTest<Value = RpcNote> {
  /** Where to listen: with port 0, or a function that gives a free place each time, as tests may run side by side. */
  readonly address: string | (() => string | Mount)
  /** Both sides speak it. @defaultValue binary() */
  readonly wire?: RpcWire | undefined
  /** For bodies that take no plain objects. The methods are those of the service `conformance`. @defaultValue RpcNote */
  readonly values?: RpcValues<Value> | undefined
  /** Whether the wire carries metadata. @defaultValue true */
  readonly metadata?: boolean | undefined
  /** For both sides: the transport's options, `wrap`, `transports` … @defaultValue none */
  readonly setup?: Setup | undefined
  /** For the server, over `setup`. @defaultValue none */
  readonly serverSetup?: Setup | undefined
  /** For the client, over `setup`. @defaultValue none */
  readonly clientSetup?: Setup | undefined
}

/** The arguments and answers of the suite, unless it is told others. */
export interface RpcNote {
  readonly n: number
  readonly text: string
}

const NOTES: RpcValues<RpcNote> = {
  make: (n, text) => ({ n, text }),
  numberOf: ({ n }) => n,
  textOf: ({ text }) => text,
}

const env = systemEnv
/** Half of the sentences are about faults, which sessions would log. */
const SILENT: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }
/** Long enough for a busy machine. */
const OPENING_MS = 20_000
const KIB = 1024

/**
 * What RPC keeps, whatever it runs on: calls, errors, deadlines, cancelling, loss and, where the wire can say it, streams,
 * announcements and leaving, as users see them from both ends of a session.
 */
export function verifyRpc<Value = RpcNote>(test: TestFunction, name: string, options: RpcUnderTest<Value>): void {
  const place = options as unknown as RpcUnderTest<Opaque>
  const sentence: Sentence = (title, run) =>
    test(`${name}: ${title}`, async () => {
      const here = new Place(place)
      try {
        await run(here)
      } finally {
        await here.close()
      }
    })
  const wire = options.wire === undefined ? undefined : wireOf(options.wire)
  const can = (type: FrameType): boolean => wire === undefined || wire.can(type)

  calls(sentence)
  failures(sentence)
  endings(sentence)
  if (options.metadata ?? true) carrying(sentence)
  if (can(FrameType.CANCEL)) canceling(sentence)
  if (can(FrameType.REGISTER)) announcing(sentence)
  if (can(FrameType.SERVER_STREAM)) streams(sentence)
  else noStreams(sentence)
}

type Sentence = (title: string, run: (place: Place) => Promise<void>) => void

/** A value of the body under test, which only `RpcValues` looks into. */
interface Opaque {
  readonly opaque: unique symbol
}

const Conformance = service('conformance', {
  echo: method<Opaque, Opaque>(),
  later: method<Opaque, Opaque>(),
  fail: method<Opaque, Opaque>(),
  wait: method<Opaque, Opaque>(),
  callBack: method<Opaque, Opaque>(),
  note: oneWay<Opaque>(),
  count: serverStream<Opaque, Opaque>(),
  sum: clientStream<Opaque, Opaque>(),
  double: bidiStream<Opaque, Opaque>(),
})

// ── Calls ────────────────────────────────────────────────────────────────────────────────────────────────────

function calls(sentence: Sentence): void {
  sentence('a call is answered with its own value, in both directions', async (place) => {
    const { make, numberOf, textOf } = place.values
    const [near, far] = await place.meet()
    for (const peer of [near, far]) {
      for (const methodName of ['echo', 'later'] as const) {
        const answer = await peer.client(place.contract)[methodName](make(7, 'héllo'))
        equal([numberOf(answer), textOf(answer)], [7, 'héllo'], methodName)
      }
    }
  })

  sentence('many calls at once, in both directions, get each its own answer', async (place) => {
    const { make, numberOf } = place.values
    const [near, far] = await place.meet()
    const answers = [near, far].flatMap((peer) => {
      const { echo, later } = peer.client(place.contract)
      return Array.from({ length: 400 }, (_, n) => (n % 3 === 0 ? later : echo)(make(n, 'x'.repeat(n))))
    })
    equal((await Promise.all(answers)).map(numberOf), [...upTo(400), ...upTo(400)], 'answers')
  })

  sentence('values of any size within maxFrameBytes pass whole', async (place) => {
    const { make, textOf } = place.values
    const [near] = await place.meet()
    const sizes = [0, 1, 100, 10 * KIB, 40 * KIB, 500 * KIB]
    const answers = await Promise.all(
      sizes.map((size) => near.client(place.contract).echo(make(size, 'y'.repeat(size)))),
    )
    equal(
      answers.map((answer) => textOf(answer).length),
      sizes,
      'sizes',
    )
  })

  sentence('a one-way call arrives, whatever its handler does with it', async (place) => {
    const { make, numberOf } = place.values
    const [near, , seen] = await place.meet()
    const { note, echo } = near.client(place.contract)
    for (const n of upTo(3)) note(make(n, 'fail'))
    equal(numberOf(await echo(make(9, ''))), 9, 'a call behind them')
    equal(seen.notes, upTo(3), 'what came')
  })

  sentence('a handler calls back while its caller waits, at any depth', async (place) => {
    const { make, numberOf } = place.values
    const [near, far] = await place.meet()
    const answers = await Promise.all([near, far].map((peer) => peer.client(place.contract).callBack(make(50, ''))))
    equal(answers.map(numberOf), [50, 50], 'depths')
  })
}

// ── Failures ─────────────────────────────────────────────────────────────────────────────────────────────────

function failures(sentence: Sentence): void {
  sentence('an RpcError arrives with its status, message and data', async (place) => {
    const [near] = await place.meet()
    const error = await failure(near.client(place.contract).fail(place.values.make(1, 'told')), 'not_found')
    equal([error.message, error.data, error.sent], ['there is no 1', { id: 1 }, 'yes'], 'what arrives')
  })

  sentence('whatever else a handler throws is internal, without its text, and the session goes on', async (place) => {
    const { make, numberOf } = place.values
    const [near] = await place.meet()
    const { fail, echo } = near.client(place.contract)
    for (const how of ['thrown', 'rejected']) {
      const error = await failure(fail(make(1, how)), 'internal')
      ok(!/secret|at /.test(error.message + JSON.stringify(error.data ?? null)), 'the text stays where it is')
    }
    equal(numberOf(await echo(make(5, ''))), 5, 'the next call')
  })

  sentence('unknown methods are unimplemented, whatever their names', async (place) => {
    const [near] = await place.meet()
    for (const name of ['__proto__', 'constructor', 'toString', 'unknown']) {
      const unknown = service('conformance', { [name]: method<Opaque, Opaque>() })
      const error = await failure(near.client(unknown)[name]?.(place.values.make(1, '')), 'unimplemented')
      ok(error.sent === 'no', 'it was certainly not run')
    }
  })

  sentence('calls above maxCalls are refused at once, and those below go on', async (place) => {
    const { make } = place.values
    const [near, , seen] = await place.meet({ maxCalls: 3 })
    const waits = Array.from({ length: 5 }, () => near.client(place.contract).wait(make(0, ''), { timeoutMs: 0 }))
    for (const wait of waits.slice(3)) await failure(wait, 'resource_exhausted')
    equal(seen.waiting, 3, 'handlers that run')
    near.session.destroy()
    for (const wait of waits.slice(0, 3)) await failure(wait, 'unavailable')
  })

  sentence('over its deadline a call rejects, and the session goes on', async (place) => {
    const { make, numberOf } = place.values
    const [near] = await place.meet()
    const { wait, echo } = near.client(place.contract)
    const error = await failure(wait(make(0, ''), { timeoutMs: 20 }), 'deadline_exceeded')
    equal(error.sent, 'maybe', 'whether it ran')
    equal(near.stats.outgoing, 0, 'calls in progress')
    equal(numberOf(await echo(make(3, ''))), 3, 'the next call')
  })
}

// ── Endings ──────────────────────────────────────────────────────────────────────────────────────────────────

function endings(sentence: Sentence): void {
  sentence('a lost session rejects every call in progress at once, and stops their handlers', async (place) => {
    const { make } = place.values
    const [near, far, seen] = await place.meet()
    const all = Array.from({ length: 20 }, () => near.client(place.contract).wait(make(0, ''), { timeoutMs: 0 }))
    await until(env, () => seen.waiting === 20, 'the handlers run')
    far.session.destroy()
    for (const call of all) equal((await failure(call, 'unavailable')).sent, 'maybe', 'whether it ran')
    await until(env, () => seen.stopped === 20, 'the handlers were stopped')
    equal(near.stats.outgoing, 0, 'calls in progress')
  })

  sentence('a call on a session that is closed was certainly not run', async (place) => {
    const [near] = await place.meet()
    await near.session.close()
    const error = await failure(near.client(place.contract).echo(place.values.make(1, '')), 'unavailable')
    equal(error.sent, 'no', 'whether it ran')
  })

  sentence('a peer that is closed lets the calls in progress end, in both directions', async (place) => {
    const { make, numberOf } = place.values
    const [near, far] = await place.meet()
    const all = [near, far].map((peer) => peer.client(place.contract).wait(make(30, '')))
    await pause(env, 10)
    const closed = far.close()
    equal((await Promise.all(all)).map(numberOf), [30, 30], 'answers')
    await closed
    await near.session.closed
  })
}

// ── What not every wire can say ──────────────────────────────────────────────────────────────────────────────

function carrying(sentence: Sentence): void {
  sentence('metadata go along with a call and with its answer', async (place) => {
    const [near] = await place.meet()
    let came: ReadonlyMap<string, string> | undefined
    const options = { metadata: { user: 'änn' }, onMetadata: (map: ReadonlyMap<string, string>) => void (came = map) }
    await near.client(place.contract).echo(place.values.make(1, ''), options)
    equal(came, new Map([['user', 'änn!']]), 'what came back')
  })
}

function canceling(sentence: Sentence): void {
  sentence('a canceled call rejects at once, and the signal of its handler aborts', async (place) => {
    const { make, numberOf } = place.values
    const [near, far, seen] = await place.meet()
    const stop = new AbortController()
    const { wait, echo } = near.client(place.contract)
    const call = wait(make(0, ''), { signal: stop.signal })
    await until(env, () => seen.waiting === 1, 'the handler runs')
    stop.abort(new Error('enough'))
    const error = await failure(call, 'canceled')
    equal((error.cause as Error).message, 'enough', 'why')
    await until(env, () => seen.stopped === 1 && far.stats.incoming === 0, 'the handler was stopped')
    equal(numberOf(await echo(make(4, ''))), 4, 'the next call')
  })
}

function announcing(sentence: Sentence): void {
  sentence('waitFor resolves when the peer serves all that is asked for', async (place) => {
    const Late = service('late', { echo: method<Opaque, Opaque>() })
    const [near, far] = await place.meet()
    await near.waitFor([place.contract])
    const waited = near.waitFor([place.contract, Late])
    const served = far.serve(Late, { echo: (value) => value })
    await waited
    served[Symbol.dispose]()
    await failure(near.client(Late).echo(place.values.make(1, '')), 'unimplemented')
  })
}

function noStreams(sentence: Sentence): void {
  sentence('a stream is refused before anything is sent', async (place) => {
    const [near, far] = await place.meet()
    const { count, sum } = near.client(place.contract)
    const { receivedMessages } = far.session.stats
    await failure(collect(count(place.values.make(1, ''))), 'unimplemented')
    await failure(sum([]), 'unimplemented')
    equal(near.session.stats.sentMessages, receivedMessages, 'messages')
  })
}

function streams(sentence: Sentence): void {
  sentence('streams in each direction, and in both, bring every item in order', async (place) => {
    const { make, numberOf } = place.values
    const [near, far] = await place.meet()
    for (const peer of [near, far]) {
      const { count, sum, double } = peer.client(place.contract)
      equal((await collect(count(make(3000, '')))).map(numberOf), upTo(3000), 'items that came')
      equal(numberOf(await sum(upTo(3000).map((n) => make(n, '')))), (2999 * 3000) / 2, 'the sum of those sent')
      const doubled = await collect(double(upTo(500).map((n) => make(n, 'z'.repeat(n)))))
      equal(
        doubled.map(numberOf),
        upTo(500).map((n) => 2 * n),
        'items both ways',
      )
    }
  })

  sentence('a slow reader holds up its own stream within its window, and nothing else', async (place) => {
    const { make, numberOf } = place.values
    const [near, , seen] = await place.meet()
    const { count, echo } = near.client(place.contract)
    const items = count(make(100_000, 'w'.repeat(KIB)))[Symbol.asyncIterator]()
    await items.next()
    await until(env, () => seen.given > 50, 'some were sent ahead')
    await pause(env, 50)
    ok(seen.given < 300, `${seen.given} KiB were sent to a reader who has read one`)
    equal(numberOf(await echo(make(6, ''))), 6, 'a call meanwhile')
    await items.return?.()
    await until(env, () => seen.closedStreams === 1, 'the generator was closed')
  })

  sentence('items before an error are read, then comes the error', async (place) => {
    const { make, numberOf } = place.values
    const [near] = await place.meet()
    const came: number[] = []
    await failure(async () => {
      for await (const item of near.client(place.contract).count(make(3, 'fail'))) came.push(numberOf(item))
    }, 'data_loss')
    equal(came, upTo(3), 'items')
  })

  sentence('whoever leaves a stream early closes what feeds it, on the other side too', async (place) => {
    const { make, numberOf } = place.values
    const [near, , seen] = await place.meet()
    const { double } = near.client(place.contract)
    let closed = false
    async function* endless(): AsyncGenerator<Opaque> {
      try {
        for (let n = 0; ; n++) yield make(n, '')
      } finally {
        closed = true
      }
    }
    for await (const item of double(endless())) if (numberOf(item) === 10) break
    await until(env, () => closed && seen.closedStreams === 1, 'both are closed')
  })
}

// ── Places ───────────────────────────────────────────────────────────────────────────────────────────────────

/** What the handlers of both sides have seen. */
interface Seen {
  readonly notes: number[]
  waiting: number
  stopped: number
  given: number
  closedStreams: number
}

/** One server, listening anew for each sentence, and one peer that has dialed it; both serve the same. */
class Place {
  readonly values: RpcValues<Opaque>
  readonly contract: typeof Conformance = Conformance
  readonly #options: RpcUnderTest<Opaque>
  #closing: (() => Promise<void>) | undefined

  constructor(options: RpcUnderTest<Opaque>) {
    this.#options = options
    this.values = options.values ?? (NOTES as unknown as RpcValues<Opaque>)
  }

  /** The peer that dialed, the other one, and what their handlers see. `far` are options of the one that listens. */
  async meet(far: RpcOptions<undefined> = {}): Promise<readonly [RpcPeer, RpcPeer, Seen]> {
    const { address, wire, setup, serverSetup, clientSetup } = this.#options
    const seen: Seen = { notes: [], waiting: 0, stopped: 0, given: 0, closedStreams: 0 }
    const accepted: RpcPeer[] = []
    const serve = (peer: RpcPeer): void => void peer.serve(this.contract, handlersOf(this.values, seen))
    const common = { logger: SILENT, openTimeoutMs: OPENING_MS, ...setup }
    const server = await listen(typeof address === 'string' ? address : address(), {
      ...common,
      ...serverSetup,
      ...rpc({
        wire,
        ...far,
        onPeer: (peer) => {
          accepted.push(peer)
          serve(peer)
        },
      }),
    })
    const session = await dial(server.address, {
      timeoutMs: OPENING_MS,
      ...common,
      ...clientSetup,
      ...rpc({ wire, onPeer: serve }),
    })
    this.#closing = async () => {
      session.destroy()
      server.destroy()
      await server.closed
    }
    await until(env, () => accepted.length > 0, 'the server has the peer')
    return [session.data, accepted[0] as RpcPeer, seen]
  }

  async close(): Promise<void> {
    await this.#closing?.()
  }
}

function handlersOf({ make, numberOf, textOf }: RpcValues<Opaque>, seen: Seen): Handlers<typeof Conformance> {
  return {
    echo(value, { metadata, answerMetadata }) {
      const user = metadata.get('user')
      if (user !== undefined) answerMetadata.set('user', `${user}!`)
      return value
    },
    async later(value) {
      await pause(env, numberOf(value) % 5)
      return value
    },
    fail(value) {
      const how = textOf(value)
      const n = numberOf(value)
      if (how === 'told') throw new RpcError('not_found', `there is no ${n}`, { data: { id: n } })
      if (how === 'thrown') throw new TypeError('a secret')
      return Promise.reject(new Error('a secret'))
    },
    wait: (value, context) => waitFor(value, numberOf(value), context, seen),
    async callBack(value, { peer }) {
      const depth = numberOf(value)
      if (depth === 0) return value
      return make(1 + numberOf(await peer.client(Conformance).callBack(make(depth - 1, ''))), '')
    },
    note(value) {
      seen.notes.push(numberOf(value))
      if (textOf(value) === 'fail') throw new Error('nobody hears of it')
    },
    async *count(value) {
      try {
        for (; seen.given < numberOf(value); seen.given++) yield make(seen.given, textOf(value))
        if (textOf(value) === 'fail') throw new RpcError('data_loss', 'the disk is gone')
      } finally {
        seen.given = 0
        seen.closedStreams++
      }
    },
    async sum(items) {
      let sum = 0
      for await (const item of items) sum += numberOf(item)
      return make(sum, '')
    },
    async *double(items) {
      try {
        for await (const item of items) yield make(2 * numberOf(item), textOf(item))
      } finally {
        seen.closedStreams++
      }
    },
  }
}

/** So many milliseconds, or 0: until it is stopped. */
function waitFor(value: Opaque, delayMs: number, { signal }: RpcContext, seen: Seen): Promise<Opaque> {
  seen.waiting++
  return new Promise((resolve, reject) => {
    if (delayMs > 0) env.setTimer(delayMs, () => resolve(value), true)
    signal.addEventListener('abort', () => {
      seen.stopped++
      reject(signal.reason as Error)
    })
  })
}

/** The call fails with this status. */
async function failure(
  call: PromiseLike<unknown> | undefined | (() => Promise<unknown>),
  status: RpcStatus,
): Promise<RpcError> {
  let answer: unknown
  try {
    answer = await (typeof call === 'function' ? call() : call)
  } catch (error) {
    if (isRpcError(error, status)) return error
    throw error
  }
  throw new Error(`no ${status}, but the answer ${JSON.stringify(answer)}`)
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

function ignore(): void {
  // nobody reads it
}
