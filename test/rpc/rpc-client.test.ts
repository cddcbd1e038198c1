import test from 'ava'
import { connect, listen } from '../../src/node.ts'
import { clientStream, method, oneWay, serverStream, service } from '../../src/rpc/contract.ts'
import type { RpcPeer } from '../../src/rpc/peer.ts'
import { rpcClient } from '../../src/rpc/rpc-client.ts'
import { RpcError } from '../../src/rpc/rpc-error.ts'
import { rpc } from '../../src/rpc/rpc.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'
import { rpcErrorOf } from '../support/rpc-pair.ts'

const Api = service('api', {
  name: method<void, string>(),
  slow: method<number, string>(),
  safe: method<number, string>({ idempotent: true }),
  note: oneWay<string>(),
  items: serverStream<void, string>(),
  sum: clientStream<number, number>(),
})

interface Counted {
  readonly calls: string[]
  readonly peers: RpcPeer[]
}

/** A server whose answers carry its name. */
async function serving(env: VirtualEnv, address: string, name: string) {
  const seen: Counted = { calls: [], peers: [] }
  const wait = (ms: number) => new Promise<string>((resolve) => void env.after(ms, () => resolve(name)))
  const server = await listen(address, {
    env,
    ...rpc({
      onPeer: (peer) => {
        seen.peers.push(peer)
        peer.serve(Api, {
          name: () => {
            seen.calls.push('name')
            return name
          },
          slow: (ms) => {
            seen.calls.push('slow')
            return wait(ms)
          },
          safe: (ms) => {
            seen.calls.push('safe')
            return wait(ms)
          },
          note: () => seen.calls.push('note'),
          async *items() {
            yield name
          },
          async sum(numbers) {
            let sum = 0
            for await (const n of numbers) sum += n
            return sum
          },
        })
      },
    }),
  })
  return { server, ...seen }
}

test('calls go to the session with the fewest calls in progress, equals in turn', async (t) => {
  const env = virtualEnv()
  const a = await serving(env, 'tcp://127.0.0.1:1', 'a')
  const b = await serving(env, 'tcp://127.0.0.1:2', 'b')
  const client = connect(['tcp://127.0.0.1:1', 'tcp://127.0.0.1:2'], { env, ...rpc(), connections: 2 })
  await client.ready()
  const api = rpcClient(client, Api)
  const names = await Promise.all([api.name(), api.name(), api.name(), api.name()])
  t.deepEqual(names.toSorted(), ['a', 'a', 'b', 'b'])
  const slow = api.slow(1000)
  await env.settle()
  const busy = a.calls.includes('slow') ? 'a' : 'b'
  for (let i = 0; i < 4; i++) t.not(await api.name(), busy)
  await env.advance(1000)
  t.is(await slow, busy)
  api.note('x')
  const got: string[] = []
  for await (const item of api.items()) got.push(item)
  t.is(got.length, 1)
  t.is(await api.sum([1, 2]), 3)
  await client.close()
  await a.server.close()
  await b.server.close()
  t.is(env.timers, 0)
})

test('without a session a call waits for one, and a stream does', async (t) => {
  const env = virtualEnv()
  const client = connect('tcp://127.0.0.1:3', { env, ...rpc(), reconnect: { initialMs: 10, maxMs: 10 } })
  const api = rpcClient(client, Api)
  t.throws(() => api.note('x'), { message: /no session/ })
  const call = api.name()
  const items = api.items()[Symbol.asyncIterator]()
  const item = items.next()
  await env.advance(100)
  const a = await serving(env, 'tcp://127.0.0.1:3', 'a')
  await env.advance(100)
  t.is(await call, 'a')
  t.is((await item).value, 'a')
  await client.close()
  await a.server.close()
})

test('who waits for a session in vain is told: over time, canceled, or because the client is closed', async (t) => {
  const env = virtualEnv()
  const client = connect('tcp://127.0.0.1:4', { env, ...rpc() })
  const api = rpcClient(client, Api, { timeoutMs: 200 })
  const stop = new AbortController()
  const late = rpcErrorOf(api.name())
  const canceled = rpcErrorOf(api.name(undefined, { signal: stop.signal }))
  const closed = rpcErrorOf(api.name(undefined, { timeoutMs: 0 }))
  stop.abort(new Error('enough'))
  await env.advance(200)
  await client.close()
  for (const [error, status] of [
    [await late, 'deadline_exceeded'],
    [await canceled, 'canceled'],
    [await closed, 'unavailable'],
  ] as const) {
    t.is(error.status, status)
    t.is(error.sent, 'no')
  }
  await t.throwsAsync(api.name(undefined, { timeoutMs: -1 }), { code: 'ERR_BAD_OPTION' })
})

test('F-04: a call that may have run is repeated only where its method is idempotent', async (t) => {
  const env = virtualEnv()
  const a = await serving(env, 'tcp://127.0.0.1:5', 'a')
  const client = connect('tcp://127.0.0.1:5', { env, ...rpc(), reconnect: { initialMs: 10, maxMs: 10 } })
  await client.ready()
  const api = rpcClient(client, Api)
  const unsafe = rpcErrorOf(api.slow(100))
  const safe = api.safe(100)
  await env.settle()
  a.peers[0]?.session.destroy()
  await env.advance(1000)
  const error = await unsafe
  t.is(error.status, 'unavailable')
  t.is(error.sent, 'maybe')
  t.is(await safe, 'a')
  t.deepEqual(a.calls.toSorted(), ['safe', 'safe', 'slow'])
  await client.close()
  await a.server.close()
})

test('F-04: a call whose first attempt may have run says so, whatever became of the last one', async (t) => {
  const env = virtualEnv()
  const a = await serving(env, 'tcp://127.0.0.1:5', 'a')
  const client = connect('tcp://127.0.0.1:5', { env, ...rpc(), reconnect: { initialMs: 10, maxMs: 10 } })
  await client.ready()
  const api = rpcClient(client, Api, { timeoutMs: 500 })
  const stop = new AbortController()
  const late = rpcErrorOf(api.safe(100))
  const canceled = rpcErrorOf(api.safe(100, { signal: stop.signal }))
  await env.settle()
  t.deepEqual(a.calls, ['safe', 'safe'])
  a.server.destroy() // they are tried again, and nobody is there
  await env.advance(200)
  stop.abort()
  await env.advance(500)
  t.like(await canceled, { status: 'canceled', sent: 'maybe' })
  t.like(await late, { status: 'deadline_exceeded', sent: 'maybe' })
  client.destroy()
  await env.settle()
})

test('F-09: retries keep within their budget, whatever fails', async (t) => {
  const env = virtualEnv()
  let calls = 0
  const server = await listen('tcp://127.0.0.1:6', {
    env,
    ...rpc({
      onPeer: (peer) =>
        peer.serve(service('api', { safe: method<number, string>({ idempotent: true }) }), {
          safe() {
            calls++
            throw new RpcError('unavailable', 'overloaded')
          },
        }),
    }),
  })
  const client = connect('tcp://127.0.0.1:6', { env, ...rpc() })
  await client.ready()
  const api = rpcClient(client, Api, { retry: { attempts: 3, budget: 0.2 } })
  const errors = Promise.all(Array.from({ length: 100 }, () => rpcErrorOf(api.safe(1))))
  await env.advance(10_000)
  t.true((await errors).every(({ status }) => status === 'unavailable'))
  t.true(calls <= 100 + 10 + 20, `${calls} calls`)
  t.true(calls >= 110)
  const once = calls
  const never = rpcClient(client, Api, { retry: false })
  await rpcErrorOf(never.safe(1))
  t.is(calls, once + 1)
  const other = rpcClient(client, Api, { retry: { on: ['aborted'] } })
  await rpcErrorOf(other.safe(1))
  t.is(calls, once + 2)
  await client.close()
  await server.close()
})

test('F-09: the deadline is for all attempts together', async (t) => {
  const env = virtualEnv()
  const started = env.now()
  const server = await listen('tcp://127.0.0.1:7', {
    env,
    ...rpc({
      onPeer: (peer) =>
        peer.serve(service('api', { safe: method<number, string>() }), {
          safe: () => Promise.reject(new RpcError('unavailable', 'x')),
        }),
    }),
  })
  const client = connect('tcp://127.0.0.1:7', { env, ...rpc() })
  await client.ready()
  const api = rpcClient(client, Api, {
    retry: { attempts: 100, initialMs: 100, maxMs: 100, budget: 1 },
    timeoutMs: 250,
  })
  const error = rpcErrorOf(api.safe(1))
  await env.advance(1_000)
  t.is((await error).status, 'unavailable')
  t.true(env.now() - started >= 250)
  await client.close()
  await server.close()
})

test('a canceled call is not tried again', async (t) => {
  const env = virtualEnv()
  const server = await listen('tcp://127.0.0.1:8', {
    env,
    ...rpc({
      onPeer: (peer) =>
        peer.serve(service('api', { safe: method<number, string>() }), {
          safe: () => Promise.reject(new RpcError('unavailable', 'x')),
        }),
    }),
  })
  const client = connect('tcp://127.0.0.1:8', { env, ...rpc() })
  await client.ready()
  const stop = new AbortController()
  const error = rpcErrorOf(
    rpcClient(client, Api, { retry: { initialMs: 1_000_000, maxMs: 1_000_000 }, timeoutMs: 0 }).safe(1, {
      signal: stop.signal,
    }),
  )
  await env.settle()
  stop.abort()
  t.is((await error).status, 'canceled')
  await client.close()
  await server.close()
  t.is(env.timers, 0)
})

test('a session on which calls run out of time one after the other is replaced', async (t) => {
  const env = virtualEnv()
  const a = await serving(env, 'tcp://127.0.0.1:9', 'a')
  const client = connect('tcp://127.0.0.1:9', { env, ...rpc(), reconnect: { initialMs: 10, maxMs: 10 } })
  await client.ready()
  const [first] = client.sessions
  const api = rpcClient(client, Api, { maxTimeouts: 3 })
  for (let i = 0; i < 5; i++) {
    // an answer between: it lives
    const error = rpcErrorOf(api.slow(1000, { timeoutMs: 100 }))
    await env.advance(100)
    t.is((await error).status, 'deadline_exceeded')
    t.is(await api.name(), 'a')
  }
  t.is(first?.phase, 'open')
  for (let i = 0; i < 3; i++) {
    const error = rpcErrorOf(api.slow(1_000_000, { timeoutMs: 100 }))
    await env.advance(100)
    await error
  }
  t.not(first?.phase, 'open')
  await env.advance(100)
  t.is(await api.name(), 'a')
  t.not([...client.sessions][0], first)
  client.destroy()
  a.server.destroy()
})

test('a rolling restart fails no call', async (t) => {
  const env = virtualEnv()
  env.network.setFaults({ latencyMs: 2 })
  const servers = [await serving(env, 'tcp://127.0.0.1:11', 'a'), await serving(env, 'tcp://127.0.0.1:12', 'b')]
  const client = connect(['tcp://127.0.0.1:11', 'tcp://127.0.0.1:12'], {
    env,
    ...rpc(),
    connections: 2,
    reconnect: { initialMs: 10, maxMs: 50 },
  })
  const ready = client.ready()
  await env.advance(100)
  await ready
  const api = rpcClient(client, Api)
  const calls: Promise<string>[] = []
  const load = env.every(1, () => calls.push(api.slow(20), api.name()))
  for (const [index, address] of ['tcp://127.0.0.1:11', 'tcp://127.0.0.1:12'].entries()) {
    await env.advance(200)
    const closed = servers[index]?.server.close()
    await env.advance(300)
    await closed
    servers[index] = await serving(env, address, 'new')
    await env.advance(500)
  }
  load[Symbol.dispose]()
  await env.advance(1_000)
  const results = await Promise.allSettled(calls)
  t.true(results.length > 1000)
  t.deepEqual(
    results
      .filter(({ status }) => status === 'rejected')
      .map((result) => (result as PromiseRejectedResult).reason as unknown),
    [],
  )
  client.destroy()
  for (const { server } of servers) server.destroy()
})

test('after a reconnect the client serves again what its onPeer serves', async (t) => {
  const env = virtualEnv()
  const Back = service('back', { hello: method<void, string>() })
  const a = await serving(env, 'tcp://127.0.0.1:13', 'a')
  const client = connect('tcp://127.0.0.1:13', {
    env,
    ...rpc({ onPeer: (peer) => peer.serve(Back, { hello: () => 'hi' }) }),
    reconnect: { initialMs: 10, maxMs: 10 },
  })
  await client.ready()
  await env.settle()
  t.is(await a.peers[0]?.client(Back).hello(), 'hi')
  a.peers[0]?.session.destroy()
  await env.advance(100)
  await a.peers[1]?.waitFor([Back])
  t.is(await a.peers[1]?.client(Back).hello(), 'hi')
  await client.close()
  await a.server.close()
})

test('wrong options are refused by name', (t) => {
  const client = connect('tcp://127.0.0.1:14', { env: virtualEnv(), ...rpc() })
  t.throws(() => rpcClient(client, Api, { timeoutMs: -1 }), { message: /timeoutMs/ })
  t.throws(() => rpcClient(client, Api, { maxTimeouts: 0.5 }), { message: /maxTimeouts/ })
  t.throws(() => rpcClient(client, Api, { retry: { attempts: 0 } }), { message: /retry\.attempts/ })
  t.throws(() => rpcClient(client, Api, { retry: { budget: 2 } }), { message: /retry\.budget/ })
  t.throws(() => rpcClient(client, Api, { retry: { on: ['lost' as 'aborted'] } }), { message: /retry\.on/ })
  t.throws(() => rpcClient(client, Api, { tries: 1 } as object), { message: /rpcClient\.tries/ })
  client.destroy()
})
