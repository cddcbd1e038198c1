import test from 'ava'
import { isHawserError } from '../../src/core/errors.ts'
import { dial, listen } from '../../src/node.ts'
import { bidiStream, clientStream, method, oneWay, serverStream, service } from '../../src/rpc/contract.ts'
import { isRpcError, RpcError } from '../../src/rpc/rpc-error.ts'
import { rpc } from '../../src/rpc/rpc.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import type { RpcContext } from '../../src/rpc/peer.ts'
import { rpcErrorOf, rpcPair } from '../support/rpc-pair.ts'

const Arith = service('arith', {
  add: method<{ a: number; b: number }, number>(),
  later: method<number, number>(),
  note: oneWay<string>(),
  count: serverStream<number, number>(),
  sum: clientStream<number, number>(),
  double: bidiStream<number, number>(),
})

const handlers = {
  add: ({ a, b }: { a: number; b: number }) => a + b,
  later: async (n: number) => n,
  note: () => undefined,
  async *count(n: number) {
    for (let i = 0; i < n; i++) yield i
  },
  async sum(numbers: AsyncIterable<number>) {
    let sum = 0
    for await (const n of numbers) sum += n
    return sum
  },
  async *double(numbers: AsyncIterable<number>) {
    for await (const n of numbers) yield n * 2
  },
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A handler that waits for its signal, and tells what happened to it. */
function waiting() {
  const seen: unknown[] = []
  return {
    seen,
    handler: (_input: unknown, { signal }: RpcContext) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          seen.push(signal.reason)
          reject(signal.reason as Error)
        })
      }),
  }
}

const Told = service('told', { told: oneWay<void>() })
const Wait = service('wait', { wait: method<void, void>(), idempotent: method<void, void>({ idempotent: true }) })

test('every kind of call works in both directions at once', async (t) => {
  const { env, near, far, close } = await rpcPair(
    { onPeer: (peer) => peer.serve(Arith, handlers) },
    { onPeer: (peer) => peer.serve(Arith, handlers) },
  )
  for (const peer of [near, far]) {
    const arith = peer.client(Arith)
    t.is(await arith.add({ a: 1, b: 2 }), 3)
    t.is(await arith.later(5), 5)
    t.is(arith.note('x'), undefined)
    t.deepEqual(await collect(arith.count(3)), [0, 1, 2])
    t.is(await arith.sum([1, 2, 3]), 6)
    t.is(await arith.sum(handlers.count(4)), 6)
    t.deepEqual(await collect(arith.double([1, 2, 3])), [2, 4, 6])
  }
  t.deepEqual(near.stats, { outgoing: 0, incoming: 0, lateAnswers: 0 })
  await close()
  t.is(env.timers, 0)
})

test('a thousand calls at once get each its own answer', async (t) => {
  const { near, far, close } = await rpcPair({ onPeer: (peer) => peer.serve(Arith, handlers) })
  const arith = near.client(Arith)
  const sums = await Promise.all(Array.from({ length: 1000 }, (_, n) => arith.add({ a: n, b: 1 })))
  t.deepEqual(
    sums,
    Array.from({ length: 1000 }, (_, n) => n + 1),
  )
  t.is(far.session.stats.sentMessages, 1001) // and the announcement
  await close()
})

test('F-05: what a handler throws reaches the caller as internal, without its text or stack, and the session goes on', async (t) => {
  const { env, near, close } = await rpcPair({
    onPeer: (peer) =>
      peer.serve(Arith, {
        ...handlers,
        add() {
          throw new Error('password: 1234')
        },
        later: () => Promise.reject(new TypeError('secret')),
        // oxlint-disable-next-line require-yield -- it throws first
        async *count() {
          throw 'a string'
        },
      }),
  })
  const arith = near.client(Arith)
  for (const call of [arith.add({ a: 1, b: 1 }), arith.later(1), collect(arith.count(1))]) {
    const error = await t.throwsAsync(call)
    t.true(isRpcError(error, 'internal'))
    t.is((error as RpcError).message, 'the handler failed')
    t.is((error as RpcError).sent, 'yes')
    t.is((error as RpcError).data, undefined)
  }
  t.is(await arith.sum([1]), 1)
  t.true(
    env.logs.some(({ message }) => message.includes('password: 1234')),
    'its owner finds it in the log',
  )
  await close()
})

test('F-06: an RpcError brings its status, message and data to the caller', async (t) => {
  const { near, close } = await rpcPair({
    onPeer: (peer) =>
      peer.serve(Arith, {
        ...handlers,
        add() {
          throw new RpcError('failed_precondition', 'not now', { data: { retryInMs: 5 } })
        },
      }),
  })
  const error = await rpcErrorOf(near.client(Arith).add({ a: 1, b: 1 }))
  t.is(error.status, 'failed_precondition')
  t.is(error.message, 'not now')
  t.deepEqual(error.data, { retryInMs: 5 })
  t.true(isRpcError(error, 'failed_precondition'))
  t.false(isRpcError(error, 'internal'))
  t.true(isHawserError(error, 'ERR_RPC'))
  await close()
})

test('data of an error that JSON cannot say are left out; a text that is too long is cut', async (t) => {
  const { near, close } = await rpcPair({
    onPeer: (peer) =>
      peer.serve(Arith, {
        ...handlers,
        add() {
          throw new RpcError('aborted', 'x'.repeat(100_000), { data: 1n })
        },
      }),
  })
  const error = await rpcErrorOf(near.client(Arith).add({ a: 1, b: 1 }))
  t.is(error.status, 'aborted')
  t.is(error.data, undefined)
  t.true(error.message.length < 4096)
  await close()
})

test('F-07: unknown methods are unimplemented, whatever they are called', async (t) => {
  const { near, close } = await rpcPair({ onPeer: (peer) => peer.serve(Arith, handlers) })
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'arith', 'sub']) {
    const unknown = service('', { [name]: method<number, number>() })
    const error = await rpcErrorOf(near.client(unknown)[name]?.(1))
    t.is(error.status, 'unimplemented', name)
    t.is(error.sent, 'no')
  }
  const wrongKind = service('arith', { add: serverStream<number, number>() })
  const error = await rpcErrorOf(collect(near.client(wrongKind).add(1)))
  t.is(error.status, 'unimplemented')
  await close()
})

test('F-03: over its deadline a call rejects to the millisecond, and the handler is told', async (t) => {
  const { seen, handler } = waiting()
  const { env, near, far, close } = await rpcPair({
    onPeer: (peer) => peer.serve(Wait, { wait: handler, idempotent: handler }),
  })
  const call = near.client(Wait).wait(undefined, { timeoutMs: 500 })
  let settled = false
  call.catch(() => (settled = true))
  await env.advance(499)
  t.false(settled)
  await env.advance(1)
  const error = await rpcErrorOf(call)
  t.is(error.status, 'deadline_exceeded')
  t.is(error.sent, 'maybe')
  await env.settle()
  t.is(seen.length, 1)
  t.deepEqual(far.stats, { outgoing: 0, incoming: 0, lateAnswers: 0 })
  await close()
})

test('F-03, F-05: the deadline travels: a handler sees what is left, and is stopped though nobody cancels', async (t) => {
  const { seen, handler } = waiting()
  const left: number[] = []
  const env = virtualEnv()
  const { near, far, close } = await rpcPair(
    {
      onPeer: (peer) =>
        peer.serve(Wait, {
          wait: (input, context) => {
            left.push(context.remainingMs)
            return handler(input, context)
          },
          idempotent: (_, { remainingMs }) => void left.push(remainingMs),
        }),
    },
    { timeoutMs: 0 },
    env,
  )
  const call = near.client(Wait).wait(undefined, { timeoutMs: 300 })
  await env.settle()
  env.network.cut()
  await env.advance(400)
  t.is((seen[0] as RpcError).status, 'deadline_exceeded')
  t.is(far.stats.incoming, 0)
  await t.throwsAsync(call)
  env.network.heal()
  await near.client(Wait).idempotent()
  t.true((left[0] as number) > 0 && (left[0] as number) <= 300)
  t.is(left[1], Infinity)
  await close()
})

test('F-03: an aborted signal cancels the call and the signal of its handler', async (t) => {
  const { seen, handler } = waiting()
  const { env, near, far, close } = await rpcPair({
    onPeer: (peer) => peer.serve(Wait, { wait: handler, idempotent: handler }),
  })
  const stop = new AbortController()
  const call = near.client(Wait).wait(undefined, { signal: stop.signal })
  await env.settle()
  t.is(far.stats.incoming, 1)
  stop.abort(new Error('enough'))
  const error = await rpcErrorOf(call)
  t.is(error.status, 'canceled')
  t.is((error.cause as Error).message, 'enough')
  await env.settle()
  t.is((seen[0] as RpcError).status, 'canceled')
  t.is(far.stats.incoming, 0)
  const before = await rpcErrorOf(near.client(Wait).wait(undefined, { signal: stop.signal }))
  t.is(before.sent, 'no')
  await close()
})

test('a handler that goes on after a cancel keeps its place until it is done, and its answer goes nowhere', async (t) => {
  let finish: (() => void) | undefined
  const { env, near, far, close } = await rpcPair({
    onPeer: (peer) =>
      peer.serve(Wait, { wait: () => new Promise<void>((resolve) => (finish = resolve)), idempotent: () => undefined }),
  })
  const stop = new AbortController()
  const call = near.client(Wait).wait(undefined, { signal: stop.signal })
  await env.settle()
  stop.abort()
  await t.throwsAsync(call)
  await env.settle()
  t.is(far.stats.incoming, 1)
  finish?.()
  await env.settle()
  t.is(far.stats.incoming, 0)
  t.is(near.stats.lateAnswers, 0)
  await close()
})

test('F-03: late answers are dropped and counted', async (t) => {
  let finish: (() => void) | undefined
  const env = virtualEnv()
  const { near, close } = await rpcPair(
    {
      onPeer: (peer) =>
        peer.serve(Wait, {
          wait: () => new Promise<void>((resolve) => (finish = resolve)),
          idempotent: () => undefined,
        }),
    },
    {},
    env,
  )
  env.network.setFaults({ latencyMs: 50 })
  const stop = new AbortController()
  const call = near.client(Wait).wait(undefined, { signal: stop.signal })
  await env.advance(60)
  finish?.() // the answer and the cancel cross
  await env.settle()
  stop.abort()
  await t.throwsAsync(call)
  await env.advance(200)
  t.is(near.stats.lateAnswers, 1)
  await close()
})

test('F-04: a lost session rejects whatever is in progress at once, and aborts its handlers', async (t) => {
  const { seen, handler } = waiting()
  const { env, near, far, close } = await rpcPair({
    onPeer: (peer) =>
      peer.serve(Wait, { wait: handler, idempotent: handler }) &&
      peer.serve(Arith, { ...handlers, sum: () => new Promise(() => {}) }),
  })
  const calls = [
    near.client(Wait).wait(),
    near.client(Arith).sum([1]),
    collect(near.client(Arith).double(new ReadableStream<number>() as unknown as AsyncIterable<number>)),
  ]
  const settled = Promise.allSettled(calls)
  await env.settle()
  far.session.destroy()
  for (const result of await settled) {
    t.is(result.status, 'rejected')
    const error = (result as PromiseRejectedResult).reason as RpcError
    t.is(error.status, 'unavailable')
    t.is(error.sent, 'maybe')
  }
  t.is(seen.length, 1)
  await env.settle()
  const after = await rpcErrorOf(near.client(Wait).wait())
  t.is(after.status, 'unavailable')
  t.is(after.sent, 'no')
  t.throws(() => near.client(Arith).note('x'), { message: /closed/ })
  await close()
  t.is(env.timers, 0)
})

test('F-04: a one-way handler hears of the loss as well', async (t) => {
  const { seen, handler } = waiting()
  const { env, near, far, close } = await rpcPair({
    onPeer: (peer) => peer.serve(Told, { told: (_input, context) => handler(undefined, context) }),
  })
  near.client(Told).told()
  await env.settle()
  t.is(far.stats.incoming, 1)
  near.session.destroy()
  await env.settle()
  t.true(isRpcError(seen[0], 'unavailable'))
  t.is(far.stats.incoming, 0)
  await close()
})

test('F-04: calls that wait for onPeer when the session is lost are settled, and no handler is begun', async (t) => {
  const env = virtualEnv()
  const slowly = () => new Promise<void>((resolve) => void env.after(100, resolve))
  const { near, far, close } = await rpcPair({ onPeer: slowly }, {}, env)
  const calls = [1, 2].map((n) => rpcErrorOf(near.client(Arith).later(n)))
  near.client(Arith).note('too early')
  await env.settle()
  t.is(far.stats.incoming, 3)
  near.session.destroy()
  await env.settle()
  for (const call of calls) t.is((await call).status, 'unavailable')
  t.is(far.stats.incoming, 0)
  await close()
  await env.advance(100)
  t.is(env.timers, 0)
})

test('what waits for onPeer is bounded: nobody knows yet who sends it', async (t) => {
  const Store = service('store', { put: method<string, number>(), sum: clientStream<string, number>() })
  const env = virtualEnv()
  const handled: number[] = []
  const { near, far, close } = await rpcPair(
    {
      onPeer: async (peer) => {
        await new Promise<void>((resolve) => void env.after(100, resolve))
        peer.serve(Store, {
          put: (text) => handled.push(text.length),
          async sum(texts) {
            let sum = 0
            for await (const text of texts) sum += text.length
            return sum
          },
        })
      },
    },
    {},
    env,
  )
  const large = 'x'.repeat(60_000)
  const sum = near.client(Store).sum([large])
  await env.settle()
  const puts = Array.from({ length: 40 }, () => near.client(Store).put(large))
  const outcomes = Promise.allSettled(puts)
  await env.settle()
  t.is(far.stats.incoming, 18) // a stream, and arguments until there is 1 MiB
  const lateSum = rpcErrorOf(near.client(Store).sum([large]))
  await env.settle()
  await env.advance(100)
  t.is(handled.length, 17)
  const refused = (await outcomes).flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
  t.is(refused.length, 23)
  t.true(refused.every((error) => isRpcError(error, 'resource_exhausted') && error.sent === 'no'))
  t.is(await sum, large.length)
  t.is((await lateSum).status, 'resource_exhausted')
  t.is(await near.client(Store).put(large), 18, 'and afterwards nothing is in the way')
  t.is(far.stats.incoming, 0)
  await close()
})

test('an item that comes too much before onPeer is done refuses its call', async (t) => {
  const Store = service('store', { sum: clientStream<string, number>() })
  const env = virtualEnv()
  const { near, far, close } = await rpcPair(
    { onPeer: () => new Promise<void>((resolve) => void env.after(100, resolve)) },
    {},
    env,
  )
  const large = 'x'.repeat(60_000)
  const errors = Array.from({ length: 20 }, () => rpcErrorOf(near.client(Store).sum([large])))
  await env.settle()
  t.is(far.stats.incoming, 18)
  await env.advance(100)
  const statuses = (await Promise.all(errors)).map(({ status }) => status)
  t.is(statuses.filter((status) => status === 'resource_exhausted').length, 2)
  t.is(statuses.filter((status) => status === 'unimplemented').length, 18)
  t.is(far.stats.incoming, 0)
  await close()
})

test('F-08: more calls than maxCalls are refused at once, on either side', async (t) => {
  const { handler } = waiting()
  const { env, near, far, close } = await rpcPair(
    { maxCalls: 2, onPeer: (peer) => peer.serve(Wait, { wait: handler, idempotent: handler }) },
    { maxCalls: 3 },
  )
  const stop = new AbortController()
  const wait = () => near.client(Wait).wait(undefined, { signal: stop.signal })
  const settled = Promise.allSettled([wait(), wait(), wait(), wait()])
  await env.settle()
  t.is(far.stats.incoming, 2)
  stop.abort()
  const errors = (await settled).map((result) => (result as PromiseRejectedResult).reason as RpcError)
  t.deepEqual(
    errors.map(({ status, sent }) => `${status} ${sent}`),
    ['canceled maybe', 'canceled maybe', 'resource_exhausted no', 'resource_exhausted no'],
  )
  await close()
})

test('who cancels and calls again gets no more work done than maxCalls', async (t) => {
  let begun = 0
  const { env, near, close } = await rpcPair({
    maxCalls: 10,
    onPeer: (peer) => peer.serve(Wait, { wait: () => new Promise(() => void begun++), idempotent: () => undefined }),
  })
  for (let i = 0; i < 100; i++) {
    const stop = new AbortController()
    near
      .client(Wait)
      .wait(undefined, { signal: stop.signal })
      .catch(() => undefined)
    stop.abort()
  }
  await env.settle()
  t.is(begun, 10)
  await close()
})

test('handlers may call back to their caller, both may do so at once', async (t) => {
  const Ping = service('ping', { ping: method<number, number>() })
  const serve = (peer: Parameters<NonNullable<Parameters<typeof rpc>[0]>['onPeer'] & {}>[0]) =>
    peer.serve(Ping, { ping: async (depth) => (depth === 0 ? 0 : 1 + (await peer.client(Ping).ping(depth - 1))) })
  const { near, far, close } = await rpcPair({ onPeer: serve }, { onPeer: serve })
  t.deepEqual(await Promise.all([near.client(Ping).ping(100), far.client(Ping).ping(100)]), [100, 100])
  await close()
})

test('F-10: a call that calls back for ever ends with resource_exhausted', async (t) => {
  const Ping = service('ping', { ping: method<void, void>() })
  const serve = (peer: Parameters<NonNullable<Parameters<typeof rpc>[0]>['onPeer'] & {}>[0]) =>
    peer.serve(Ping, { ping: () => peer.client(Ping).ping() })
  const { near, close } = await rpcPair({ maxCalls: 50, onPeer: serve }, { maxCalls: 50, onPeer: serve })
  const error = await rpcErrorOf(near.client(Ping).ping())
  t.is(error.status, 'resource_exhausted')
  await close()
})

test('metadata go along with the call and with the answer', async (t) => {
  const { near, close } = await rpcPair({
    onPeer: (peer) =>
      peer.serve(Arith, {
        ...handlers,
        add(_, { metadata, answerMetadata }) {
          answerMetadata.set('user', `${metadata.get('user')}!`)
          return metadata.size
        },
        async later(_, { answerMetadata }) {
          answerMetadata.set('a', 'b')
          throw new RpcError('not_found', 'x')
        },
        async *count(_, { answerMetadata }) {
          yield 1
          answerMetadata.set('items', '1')
        },
      }),
  })
  const arith = near.client(Arith)
  const seen: unknown[] = []
  const onMetadata = (metadata: ReadonlyMap<string, string>) => seen.push(Object.fromEntries(metadata))
  t.is(await arith.add({ a: 1, b: 1 }, { metadata: { user: 'ann', trace: 'é' }, onMetadata }), 2)
  await t.throwsAsync(arith.later(1, { onMetadata }))
  await collect(arith.count(1, { onMetadata }))
  t.deepEqual(seen, [{ user: 'ann!' }, { a: 'b' }, { items: '1' }])
  const tooMany = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 'v']))
  const error = await rpcErrorOf(arith.add({ a: 1, b: 1 }, { metadata: tooMany }))
  t.is(error.status, 'invalid_argument')
  t.is(error.sent, 'no')
  t.is(await arith.later(1).catch(() => 'alive'), 'alive')
  await close()
})

test('an answer that calls somebody while it is encoded, and cannot be, is still the answer of its call', async (t) => {
  const back: Promise<RpcError>[] = []
  const { near, env, close } = await rpcPair({
    onPeer(peer) {
      const add = (): never => {
        back.push(rpcErrorOf(peer.client(Arith).later(1)))
        throw new Error('cannot be said')
      }
      peer.serve(Arith, { ...handlers, add: () => ({ toJSON: add }) as unknown as number })
    },
  })
  const error = await rpcErrorOf(near.client(Arith).add({ a: 1, b: 2 }, { timeoutMs: 1000 }))
  t.is(error.message, 'the answer cannot be encoded')
  t.is(back.length, 1)
  t.regex((await back[0])?.message ?? '', /encode/)
  t.is(await near.client(Arith).later(3), 3)
  await env.settle()
  await close()
})

test('an argument that cannot be encoded fails its call alone, and so does an answer', async (t) => {
  const { near, close } = await rpcPair(
    {
      onPeer: (peer) => peer.serve(Arith, { ...handlers, later: async () => 1n as unknown as number }),
      limits: { maxFrameBytes: 1000 },
    },
    { limits: { maxFrameBytes: 1000 } },
  )
  const arith = near.client(Arith)
  const circle: { a: number; b: number; self?: unknown } = { a: 1, b: 2 }
  circle.self = circle
  const first = await rpcErrorOf(arith.add(circle))
  t.is(first.status, 'invalid_argument')
  t.is(first.sent, 'no')
  const tooLarge = await rpcErrorOf(
    near.client(service('arith', { add: method<string, number>() })).add('x'.repeat(2000)),
  )
  t.is(tooLarge.status, 'resource_exhausted')
  t.is(tooLarge.sent, 'no')
  const answer = await rpcErrorOf(arith.later(1))
  t.is(answer.status, 'internal')
  t.is(await arith.add({ a: 1, b: 2 }), 3)
  await close()
})

test('calls wait until onPeer is done, which may itself call the peer', async (t) => {
  const Login = service('login', { login: method<void, string>() })
  const { near, env, close } = await rpcPair(
    {
      onPeer: async (peer) => {
        const user = await peer.client(Login).login()
        peer.serve(Arith, { ...handlers, later: async () => user.length })
      },
    },
    { onPeer: (peer) => peer.serve(Login, { login: async () => 'ann' }) },
  )
  t.is(await near.client(Arith).later(0), 3)
  t.is(await near.client(Arith).sum([1, 2]), 3)
  await env.settle()
  await close()
})

test('what onPeer throws closes the session, at once or later', async (t) => {
  for (const onPeer of [
    () => {
      throw new Error('no')
    },
    () => Promise.reject(new Error('no')),
  ]) {
    const env = virtualEnv()
    const server = await listen('tcp://127.0.0.1:900', { env, ...rpc({ onPeer }) })
    const session = await dial('tcp://127.0.0.1:900', { env, ...rpc() })
    const call = session.data.client(Arith).add({ a: 1, b: 2 })
    t.is((await rpcErrorOf(call)).status, 'unavailable')
    await session.closed
    await server.close()
  }
})

test('waitFor resolves when the peer serves them all, and services can be withdrawn', async (t) => {
  const { env, near, far, close } = await rpcPair()
  let ready = false
  const waited = near.waitFor([Arith, Wait]).then(() => (ready = true))
  const arith = far.serve(Arith, handlers)
  await env.settle()
  t.false(ready)
  const { handler } = waiting()
  far.serve(Wait, { wait: handler, idempotent: handler })
  await env.settle()
  t.true(ready)
  await waited
  t.throws(() => far.serve(Arith, handlers), { code: 'ERR_BAD_OPTION' })
  t.is(await near.client(Arith).add({ a: 1, b: 1 }), 2)
  arith[Symbol.dispose]()
  await env.settle()
  t.is((await rpcErrorOf(near.client(Arith).add({ a: 1, b: 1 }))).status, 'unimplemented')
  await t.throwsAsync(near.waitFor([Arith], { signal: AbortSignal.abort(new Error('x')) }), { message: 'x' })
  far.serve(Arith, handlers)
  await near.waitFor([Arith])
  const never = t.throwsAsync(near.waitFor([service('never', {})]))
  await close()
  t.is(((await never) as RpcError).status, 'unavailable')
})

test('a fallback takes what nobody serves, undecoded, and forward sends it on', async (t) => {
  const backend = await rpcPair({ onPeer: (peer) => peer.serve(Arith, handlers) })
  const front = await rpcPair({
    onPeer: (peer) => peer.fallback((call, { signal }) => backend.near.forward(call, { signal })),
  })
  const arith = front.near.client(Arith)
  t.is(await arith.add({ a: 20, b: 22 }), 42)
  t.is(await arith.later(7), 7)
  const sub = service('arith', { sub: method<number, number>() })
  t.is((await rpcErrorOf(front.near.client(sub).sub(1))).status, 'unimplemented')
  t.throws(() => front.far.fallback(async () => new Uint8Array()), { code: 'ERR_BAD_OPTION' })
  await front.close()
  await backend.close()
})

test('interceptors stand around calls on both sides', async (t) => {
  const seen: string[] = []
  const { near, close } = await rpcPair(
    {
      onPeer: (peer) => peer.serve(Arith, handlers),
      interceptors: [
        async ({ method: name, side, metadata }, next) => {
          if (metadata.get('token') !== 'secret') throw new RpcError('unauthenticated', 'no')
          seen.push(`${side} ${name}`)
          return next()
        },
      ],
    },
    {
      interceptors: [
        async ({ side, metadata, method: name }, next) => {
          seen.push(`outer ${side}`)
          if (name !== 'arith.later') metadata.set('token', 'secret')
          const answer = await next()
          return typeof answer === 'number' ? answer + 1000 : answer
        },
        (_, next) => {
          seen.push('inner')
          return next()
        },
      ],
    },
  )
  const arith = near.client(Arith)
  t.is(await arith.add({ a: 1, b: 2 }), 1003)
  t.deepEqual(seen, ['outer caller', 'inner', 'handler arith.add'])
  t.is((await rpcErrorOf(arith.later(1))).status, 'unauthenticated')
  t.deepEqual(await collect(arith.count(3)), [0, 1, 2])
  t.is(await arith.sum([1, 2]), 1003)
  t.deepEqual(await collect(arith.double([4])), [8])
  arith.note('x')
  await close()
})

test('a peer that closes ends what is in progress first, and takes calls that cross it', async (t) => {
  let finish: ((n: number) => void) | undefined
  const env = virtualEnv()
  const { near, far, close } = await rpcPair(
    {
      onPeer: (peer) => peer.serve(Arith, { ...handlers, later: () => new Promise((resolve) => (finish = resolve)) }),
    },
    {},
    env,
  )
  env.network.setFaults({ latencyMs: 10 })
  const call = near.client(Arith).later(1)
  await env.advance(20)
  const closed = far.close()
  const crossing = near.client(Arith).add({ a: 1, b: 2 })
  await env.advance(50)
  t.is(await crossing, 3)
  t.is(near.session.phase, 'open')
  t.is((await rpcErrorOf(near.client(Arith).add({ a: 1, b: 2 }))).sent, 'no')
  finish?.(9)
  await env.advance(50)
  t.is(await call, 9)
  await closed
  await env.advance(50)
  t.is(near.session.phase, 'closed')
  await close()
})

test('a call that crosses the leaving of its idle peer is answered', async (t) => {
  const env = virtualEnv()
  const { near, far, close } = await rpcPair({ onPeer: (peer) => peer.serve(Arith, handlers) }, {}, env)
  env.network.setFaults({ latencyMs: 10 })
  const closed = far.close()
  const crossing = near.client(Arith).add({ a: 1, b: 2 })
  await env.advance(100)
  t.is(await crossing, 3)
  await closed
  await close()
})

test('server.close lets calls in progress end', async (t) => {
  const env = virtualEnv()
  const server = await listen('tcp://127.0.0.1:901', {
    env,
    ...rpc({
      onPeer: (peer) =>
        peer.serve(Arith, {
          ...handlers,
          later: (n) => new Promise((resolve) => void env.after(1000, () => resolve(n))),
        }),
    }),
  })
  const session = await dial('tcp://127.0.0.1:901', { env, ...rpc() })
  const call = session.data.client(Arith).later(3)
  await env.settle()
  const closed = server.close()
  await env.advance(1100)
  t.is(await call, 3)
  await closed
  await session.closed
  t.is(env.timers, 0)
})

test('udp is refused with a clear error', async (t) => {
  const env = virtualEnv()
  await t.throwsAsync(dial('udp://127.0.0.1:9', { env, ...rpc() }), { code: 'ERR_BAD_OPTION', message: /reliable/ })
})

test('wrong options are refused by name', async (t) => {
  t.throws(() => rpc({ maxCalls: 0 }), { code: 'ERR_BAD_OPTION', message: /maxCalls/ })
  t.throws(() => rpc({ timeoutMs: -1 }), { code: 'ERR_BAD_OPTION', message: /timeoutMs/ })
  t.throws(() => rpc({ streamWindowBytes: 1 }), { code: 'ERR_BAD_OPTION', message: /streamWindowBytes/ })
  t.throws(() => rpc({ timeoutMS: 1 } as object), { code: 'ERR_BAD_OPTION', message: /timeoutMs/ })
  t.throws(() => rpc({ wire: {} as never }), { code: 'ERR_BAD_OPTION', message: /wire/ })
  const { near, far, close } = await rpcPair()
  t.throws(() => far.serve(Arith, {} as never), { code: 'ERR_BAD_OPTION', message: /handlers\.add/ })
  far.serve(Arith, handlers)
  await t.throwsAsync(near.client(Arith).add({ a: 1, b: 1 }, { timeoutMs: Number.NaN }), { code: 'ERR_BAD_OPTION' })
  await close()
})
