import test from 'ava'
import { dial, listen } from '../../src/node.ts'
import { rawBody } from '../../src/rpc/raw-body.ts'
import { binary } from '../../src/rpc/binary.ts'
import { bidiStream, clientStream, method, serverStream, service } from '../../src/rpc/contract.ts'
import { ITEM_COST_BYTES } from '../../src/rpc/item-cost.ts'
import type { Handlers } from '../../src/rpc/peer.ts'
import { RpcError } from '../../src/rpc/rpc-error.ts'
import { rpc } from '../../src/rpc/rpc.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { rpcErrorOf, rpcPair } from '../support/rpc-pair.ts'

const FIRST_WINDOW = 64 * 1024
const WINDOW = 1024 * 1024
const KIB = new Uint8Array(1024 - ITEM_COST_BYTES)

const Files = service('files', {
  get: serverStream<Uint8Array, Uint8Array>(),
  put: clientStream<Uint8Array, Uint8Array>(),
  pipe: bidiStream<Uint8Array, Uint8Array>(),
  ping: method<Uint8Array, Uint8Array>(),
})
const wire = binary({ body: rawBody })

/** Counts what is asked of it, and notes how it ended. */
class Source implements AsyncIterable<Uint8Array> {
  given = 0
  closed = false
  readonly #most: number
  constructor(most = Infinity) {
    this.#most = most
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (; this.given < this.#most; this.given++) yield KIB
    } finally {
      this.closed = true
    }
  }
}

const missing = (): never => {
  throw new RpcError('unimplemented', 'not in this test')
}
const NOTHING = { get: missing, put: missing, pipe: missing, ping: (bytes: Uint8Array) => bytes }

/** Peers where `far` serves Files with what the test gives, and fails where it gives nothing. */
function filesPair(given: Partial<Handlers<typeof Files>>) {
  return rpcPair({ wire, onPeer: (peer) => peer.serve(Files, { ...NOTHING, ...given }) }, { wire })
}

test('F-11: a slow reader stops its own stream within the window, and no other call', async (t) => {
  const source = new Source()
  const { env, near, close } = await filesPair({ get: () => source })
  const files = near.client(Files)
  const items = files.get(new Uint8Array())[Symbol.asyncIterator]()
  t.is((await items.next()).value?.length, KIB.length)
  await env.settle()
  const readAhead = source.given
  t.true(readAhead <= FIRST_WINDOW / 1024 + 1, `${readAhead} KiB`)
  t.true(readAhead > FIRST_WINDOW / 2048)
  await env.advance(10_000)
  t.is(source.given, readAhead)
  t.is((await files.ping(Uint8Array.of(1)))[0], 1)
  for (let i = 0; i < 1000; i++) await items.next()
  t.true(source.given > 1000)
  await items.return?.()
  await env.settle()
  t.true(source.closed)
  t.deepEqual(near.stats, { outgoing: 0, incoming: 0, lateAnswers: 0 })
  await close()
})

test('who keeps up with a stream gets a larger window, and holds no more than that when it stops', async (t) => {
  const source = new Source()
  const { env, near, close } = await filesPair({ get: () => source })
  const items = near.client(Files).get(new Uint8Array())[Symbol.asyncIterator]()
  for (let count = 0; count < 4000; count++) await items.next()
  await env.settle()
  const readAhead = source.given - 4000
  t.true(readAhead > WINDOW / 2048, `${readAhead} KiB`)
  t.true(readAhead <= WINDOW / 1024 + 1, `${readAhead} KiB`)
  await items.return?.()
  await close()
})

test('the windows of all streams grow by sixteen, and what a stream that is over has taken is there for others', async (t) => {
  const sources: Source[] = []
  const { env, near, close } = await filesPair({
    get: () => {
      const source = new Source()
      sources.push(source)
      return source
    },
  })
  const files = near.client(Files)
  const readAhead = async () => {
    const streams = Array.from({ length: 40 }, () => files.get(new Uint8Array())[Symbol.asyncIterator]())
    for (const items of streams) for (let count = 0; count < 4000; count++) await items.next()
    await env.settle()
    const givenItems = sources.splice(0).reduce((sum, { given }) => sum + given - 4000, 0)
    for (const items of streams) await items.return?.()
    return givenItems * (KIB.length + ITEM_COST_BYTES)
  }
  for (const round of [1, 2]) {
    const bytes = await readAhead()
    t.true(bytes > 12 * WINDOW, `${bytes} bytes in round ${round}`)
    t.true(
      bytes <= 16 * WINDOW + 40 * (FIRST_WINDOW + KIB.length + ITEM_COST_BYTES),
      `${bytes} bytes in round ${round}`,
    )
  }
  await close()
})

test('what waits of streams that have ended is counted until it is read', async (t) => {
  const sources: Source[] = []
  const { env, near, close } = await filesPair({
    get: () => {
      const source = new Source(6000)
      sources.push(source)
      return source
    },
  })
  const files = near.client(Files)
  const streams = Array.from({ length: 40 }, () => files.get(new Uint8Array())[Symbol.asyncIterator]())
  let read = 0
  for (const items of streams) {
    // until its sender is done, while most of a grown window is unread
    for (let count = 0; count < 5200; count++, read++) await items.next()
    await env.settle()
  }
  const waitingBytes = (sources.reduce((sum, { given }) => sum + given, 0) - read) * 1024
  t.true(waitingBytes <= 16 * WINDOW + 40 * (FIRST_WINDOW + 1024), `${waitingBytes} bytes`)
  t.true(waitingBytes > 12 * WINDOW, `${waitingBytes} bytes`)
  for (const items of streams) while ((await items.next()).done !== true) read++
  t.is(read, 40 * 6000)
  await close()
})

test('what handlers that have answered left unread is counted no more', async (t) => {
  let readAhead = 0
  const { env, near, close } = await filesPair({
    async put(items) {
      const reader = items[Symbol.asyncIterator]()
      for (let count = 0; count < 4000; count++) await reader.next()
      await env.settle()
      readAhead = source.given - 4000
      return KIB
    },
  })
  let source = new Source(5000)
  for (let call = 0; call < 20; call++) {
    source = new Source(5000)
    await near.client(Files).put(source)
  }
  t.true(readAhead > WINDOW / 2048, `${readAhead} KiB`)
  await close()
})

test('who never reads a stream is owed the small first window at most', async (t) => {
  const source = new Source()
  let stop: (() => void) | undefined
  const { env, near, close } = await filesPair({
    put: () => new Promise<Uint8Array>((resolve) => (stop = () => resolve(KIB))),
  })
  const call = near.client(Files).put(source)
  await env.settle()
  t.true(source.given <= 65, `${source.given} KiB`)
  stop?.()
  t.is((await call).length, KIB.length)
  await env.settle()
  t.true(source.closed, 'the answer came before all was read: the rest is not wanted')
  await close()
})

test('F-11: breaking out of a stream runs the finally of its handler', async (t) => {
  const source = new Source()
  const { env, near, far, close } = await filesPair({ get: () => source })
  let count = 0
  for await (const _ of near.client(Files).get(new Uint8Array())) if (++count === 3) break
  await env.settle()
  t.true(source.closed)
  t.is(far.stats.incoming, 0)
  await close()
})

test('F-11: cancel, deadline and loss end both directions of a stream', async (t) => {
  for (const how of ['cancel', 'deadline', 'loss', 'far loss']) {
    const out = new Source()
    const back = new Source()
    let read = 0
    let failure: unknown
    const { env, near, far, close } = await filesPair({
      async *pipe(input: AsyncIterable<Uint8Array>, { signal }) {
        const items = input[Symbol.asyncIterator]()
        for (; read < 5; read++) await items.next()
        signal.addEventListener('abort', () => {
          items.next().catch((error: unknown) => (failure = error))
        })
        yield* back
      },
    })
    const stop = new AbortController()
    const options = how === 'deadline' ? { timeoutMs: 100 } : { signal: stop.signal }
    const items = near.client(Files).pipe(out, options)[Symbol.asyncIterator]()
    t.is((await items.next()).done, false)
    await env.settle()
    if (how === 'cancel') stop.abort()
    else if (how === 'deadline') await env.advance(100)
    else (how === 'loss' ? near : far).session.destroy()
    await env.settle()
    const error = await rpcErrorOf(async () => {
      while ((await items.next()).done !== true);
    })
    t.is(error.status, how === 'cancel' ? 'canceled' : how === 'deadline' ? 'deadline_exceeded' : 'unavailable', how)
    t.true(out.closed, how)
    t.true(back.closed, how)
    t.true(failure instanceof RpcError, how)
    t.is(near.stats.outgoing + far.stats.incoming, 0, how)
    await close()
    t.is(env.timers, 0, how)
  }
})

test('half-close: the caller has sent everything, the handler goes on', async (t) => {
  const { near, close } = await filesPair({
    async *pipe(input: AsyncIterable<Uint8Array>) {
      let count = 0
      for await (const _ of input) count++
      for (let i = 0; i < count; i++) yield Uint8Array.of(i)
    },
  })
  const got: number[] = []
  for await (const [n] of near.client(Files).pipe([KIB, KIB, KIB])) got.push(n as number)
  t.deepEqual(got, [0, 1, 2])
  await close()
})

test('the handler ends a stream both ways: the caller is asked for nothing more', async (t) => {
  const source = new Source()
  const { env, near, close } = await filesPair({
    async *pipe(input: AsyncIterable<Uint8Array>) {
      for await (const item of input) {
        yield item
        return
      }
    },
  })
  let count = 0
  for await (const _ of near.client(Files).pipe(source)) count++
  await env.settle()
  t.is(count, 1)
  t.true(source.closed)
  await close()
})

test('items that came before an error are read before it', async (t) => {
  const { env, near, close } = await filesPair({
    async *get() {
      yield Uint8Array.of(1)
      yield Uint8Array.of(2)
      throw new RpcError('data_loss', 'the disk is gone')
    },
  })
  const items = near.client(Files).get(new Uint8Array())[Symbol.asyncIterator]()
  const first = items.next()
  await env.settle()
  t.is((await first).value?.[0], 1)
  t.is((await items.next()).value?.[0], 2)
  t.is((await rpcErrorOf(items.next())).status, 'data_loss')
  t.true((await items.next()).done)
  await close()
})

test('an iterable of the caller that throws cancels the call, which rejects with that very error', async (t) => {
  let failure: unknown
  const { env, near, far, close } = await filesPair({
    async put(input: AsyncIterable<Uint8Array>) {
      try {
        for await (const _ of input);
      } catch (error) {
        failure = error
      }
      return KIB
    },
  })
  const mine = new Error('my own')
  async function* broken() {
    yield KIB
    throw mine
  }
  t.is(await t.throwsAsync(near.client(Files).put(broken())), mine)
  t.is(
    await t.throwsAsync(
      near.client(Files).put({
        [Symbol.iterator]: () => {
          throw mine
        },
      }),
    ),
    mine,
  )
  await t.throwsAsync(near.client(Files).put(5 as never), { instanceOf: TypeError })
  await env.settle()
  t.is((failure as RpcError).status, 'canceled')
  t.is(far.stats.incoming, 0)
  await close()
})

test('an item that cannot be encoded ends its stream, and closes the iterable', async (t) => {
  let closed = 0
  async function* wrong() {
    try {
      yield 'no bytes' as unknown as Uint8Array
    } finally {
      closed++
    }
  }
  const { env, near, close } = await filesPair({ get: wrong, put: async () => KIB })
  await t.throwsAsync(near.client(Files).put(wrong()), { code: 'ERR_ENCODE' })
  const error = await rpcErrorOf(async () => {
    for await (const _ of near.client(Files).get(new Uint8Array()));
  })
  t.is(error.status, 'internal')
  await env.settle()
  t.is(closed, 2)
  await close()
})

test('each iteration is a call of its own, and none is made before', async (t) => {
  let calls = 0
  const { near, close } = await filesPair({
    async *get() {
      calls++
      yield KIB
    },
  })
  const stream = near.client(Files).get(new Uint8Array())
  t.is(calls, 0)
  for await (const _ of stream);
  for await (const _ of stream);
  t.is(calls, 2)
  await close()
})

test('a plain list may be streamed in either direction', async (t) => {
  const { near, close } = await filesPair({ get: () => [KIB, KIB] })
  let count = 0
  for await (const _ of near.client(Files).get(new Uint8Array())) count++
  t.is(count, 2)
  await close()
})

test('several who wait for the next item of one stream get one each, then the end', async (t) => {
  const { near, close } = await filesPair({
    async *get() {
      yield Uint8Array.of(1)
      yield Uint8Array.of(2)
    },
  })
  const items = near.client(Files).get(new Uint8Array())[Symbol.asyncIterator]()
  const results = await Promise.all([items.next(), items.next(), items.next(), items.next()])
  t.deepEqual(
    results.map(({ value }) => value?.[0]),
    [1, 2, undefined, undefined],
  )
  await close()
})

test('a stream waits for room in its session, too', async (t) => {
  const source = new Source(2000)
  const { near, close } = await rpcPair(
    {
      wire,
      onPeer: (peer) => peer.serve(Files, { get: () => source, put: async () => KIB, pipe: () => [], ping: (b) => b }),
      limits: { highWaterMarkBytes: 4096 },
    },
    { wire },
  )
  let count = 0
  for await (const _ of near.client(Files).get(new Uint8Array())) count++
  t.is(count, 2000)
  await close()
})

test('streams of items without bytes are bounded, too', async (t) => {
  let given = 0
  const { env, near, close } = await filesPair({
    *get() {
      for (; ; given++) yield new Uint8Array()
    },
  })
  const items = near.client(Files).get(new Uint8Array())[Symbol.asyncIterator]()
  await items.next()
  await env.settle()
  t.true(given <= FIRST_WINDOW / ITEM_COST_BYTES + 1)
  await items.return?.()
  await close()
})

test('a stage that keeps an item for a while keeps those behind it, and no more', async (t) => {
  const env = virtualEnv()
  let frames = 0
  const server = await listen('tcp://127.0.0.1:1', {
    env,
    ...rpc({
      wire,
      onPeer: (peer) => peer.serve(Files, { ...NOTHING, get: () => Array.from({ length: 5 }, () => KIB) }),
    }),
    stages: [
      () => ({
        outbound(frame, next) {
          // what is served, one item, and this one
          if (++frames === 3) env.setTimer(50, () => next(frame), true)
          else next(frame)
        },
      }),
    ],
  })
  const session = await dial('tcp://127.0.0.1:1', { env, ...rpc({ wire }) })
  let read = 0
  const reading = (async () => {
    for await (const item of session.data.client(Files).get(KIB)) read += item.length
  })()
  await env.advance(40)
  t.is(read, KIB.length)
  await env.advance(20)
  await reading
  t.is(read, 5 * KIB.length)
  session.destroy()
  server.destroy()
  await server.closed
})
