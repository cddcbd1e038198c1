// RPC as its users see it: what must be inferred, and what must not compile.
import { expectTypeOf } from 'expect-type'
import { type Client, connect, listen, type Session } from 'hawser'
import { type } from 'hawser/codecs'
import {
  bidiStream,
  binary,
  type Calls,
  clientStream,
  type Handlers,
  isRpcError,
  jsonBody,
  method,
  oneWay,
  rawBody,
  rpc,
  type RpcBody,
  rpcClient,
  type RpcContext,
  RpcError,
  type RpcFrame,
  type RpcPeer,
  type RpcStatus,
  serverStream,
  service,
} from 'hawser/rpc'
import test from 'ava'
import { z } from 'zod'

const Schema = z.object({ n: z.number().default(1) })
const S = service('s', {
  add: method<{ a: number }, number>(),
  checked: method({ input: Schema, output: z.object({ id: z.string() }), idempotent: true, timeoutMs: 5 }),
  nothing: method<void, void>(),
  note: oneWay<string>(),
  noteChecked: oneWay({ input: Schema }),
  ticks: serverStream<{ everyMs: number }, number>(),
  prices: serverStream({ input: z.object({ sku: z.string() }), output: type<number>() }),
  sum: clientStream<number, bigint>(),
  chat: bidiStream<string, { from: string; text: string }>(),
})

declare const peer: RpcPeer<{ user: string }>
declare const client: Client<RpcFrame, RpcFrame, RpcPeer<undefined>>

/** Never called. */
export async function callers(): Promise<void> {
  const calls = peer.client(S)
  expectTypeOf(calls).toEqualTypeOf<Calls<typeof S>>()
  expectTypeOf(calls.add({ a: 1 })).toEqualTypeOf<Promise<number>>()
  expectTypeOf(calls.checked({})).toEqualTypeOf<Promise<{ id: string }>>()
  expectTypeOf(calls.nothing()).toEqualTypeOf<Promise<void>>()
  expectTypeOf(calls.note('x')).toEqualTypeOf<void>()
  calls.noteChecked({})
  expectTypeOf(calls.ticks({ everyMs: 5 })).toEqualTypeOf<AsyncIterable<number>>()
  expectTypeOf(calls.prices({ sku: '' })).toEqualTypeOf<AsyncIterable<number>>()
  expectTypeOf(calls.sum([1, 2])).toEqualTypeOf<Promise<bigint>>()
  expectTypeOf(calls.chat(['x'])).toEqualTypeOf<AsyncIterable<{ from: string; text: string }>>()
  await calls.nothing(undefined, { timeoutMs: 5, signal: new AbortController().signal, metadata: { a: 'b' } })

  // @ts-expect-error wrong argument
  await calls.add({ a: 'x' })
  // @ts-expect-error an argument is missing
  await calls.add()
  // @ts-expect-error there is none
  await calls.nothing(5)
  // @ts-expect-error against the schema
  await calls.checked({ n: 'x' })
  // @ts-expect-error no such method
  void calls.sub
  // @ts-expect-error a stream is not a promise
  calls.ticks({ everyMs: 1 }).catch(() => undefined)
  // @ts-expect-error a promise is not a stream
  void calls.add({ a: 1 })[Symbol.asyncIterator]()
  // @ts-expect-error the caller streams, and not one value
  await calls.sum(1)
  // @ts-expect-error a stream of something else
  calls.chat([1])
  // @ts-expect-error no such option
  await calls.add({ a: 1 }, { timeout: 5 })
  // @ts-expect-error metadata are texts
  await calls.add({ a: 1 }, { metadata: { a: 1 } })

  const overClient = rpcClient(client, S, { retry: { attempts: 3, on: ['unavailable'] }, timeoutMs: 2_000 })
  expectTypeOf(overClient).toEqualTypeOf<Calls<typeof S>>()
  // @ts-expect-error no such status
  rpcClient(client, S, { retry: { on: ['lost'] } })
  // @ts-expect-error wrong argument
  await overClient.add({ a: 'x' })

  try {
    await calls.nothing()
  } catch (error) {
    if (isRpcError(error, 'deadline_exceeded')) expectTypeOf(error.sent).toEqualTypeOf<'no' | 'maybe' | 'yes'>()
    if (isRpcError(error)) expectTypeOf(error.status).toEqualTypeOf<RpcStatus>()
    // @ts-expect-error no such status
    isRpcError(error, 'timeout')
  }
}

const handlers: Handlers<typeof S, { user: string }> = {
  add: ({ a }, { data }) => a + data.user.length,
  checked: async ({ n }) => ({ id: n.toFixed() }),
  nothing: () => undefined,
  note: (text) => text.length,
  noteChecked: ({ n }) => n.toFixed(),
  async *ticks({ everyMs }, { signal }) {
    if (!signal.aborted) yield everyMs
  },
  prices: () => [1, 2],
  async sum(numbers) {
    let sum = 0n
    for await (const n of numbers) sum += BigInt(n)
    return sum
  },
  async *chat(texts, { remainingMs, metadata, answerMetadata, peer: caller }) {
    expectTypeOf(caller).toEqualTypeOf<RpcPeer<{ user: string }>>()
    expectTypeOf(metadata.get('x')).toEqualTypeOf<string | undefined>()
    answerMetadata.set('left', `${remainingMs}`)
    for await (const text of texts) yield { from: 'me', text }
  },
}

/** Never called. */
export function servers(): void {
  expectTypeOf(peer.serve(S, handlers)).toEqualTypeOf<Disposable>()
  // @ts-expect-error wrong result
  peer.serve(S, { ...handlers, add: () => 'x' })
  // @ts-expect-error wrong result, by its schema
  peer.serve(S, { ...handlers, checked: () => ({ id: 5 }) })
  // @ts-expect-error a handler is missing
  peer.serve(S, { add: () => 1 })
  // @ts-expect-error there is no such argument
  peer.serve(S, { ...handlers, add: ({ b }) => b })
  // @ts-expect-error a stream is wanted
  peer.serve(S, { ...handlers, ticks: () => 5 })
  // @ts-expect-error a stream comes
  peer.serve(S, { ...handlers, sum: (n: number) => BigInt(n) })
  // @ts-expect-error this peer has other data
  peer.serve(S, { ...handlers, add: (_: { a: number }, { data }: RpcContext<{ age: number }>) => data.age })
  // @ts-expect-error no such status
  void new RpcError('timeout', 'x')
}

/** Never called. */
export function setups(): void {
  const server = listen('tcp://*:0', {
    ...rpc({
      wire: binary({ body: jsonBody }),
      data: (opening) => {
        // @ts-expect-error the wire is RPC's
        void opening.send
        return { user: opening.remoteAddress.host }
      },
      onPeer(caller) {
        expectTypeOf(caller.data).toEqualTypeOf<{ user: string }>()
      },
    }),
    maxSessions: 3,
  })
  expectTypeOf(server).resolves.toHaveProperty('sessions')
  const made = connect('tcp://x:1', { ...rpc(), connections: 2 })
  expectTypeOf([...made.sessions]).toEqualTypeOf<Session<RpcFrame, RpcFrame, RpcPeer<undefined>>[]>()
  rpcClient(made, S)
  // @ts-expect-error a misspelt option
  rpc({ timeout: 5 })
  // @ts-expect-error no body
  binary({ body: {} })
  const own: RpcBody = rawBody
  binary({ body: own })
  for (const session of made.sessions) {
    // @ts-expect-error frames are RPC's own
    session.send({ type: 1 })
    // @ts-expect-error wrong result, missing handlers
    session.data.serve(S, { add: () => '' })
  }
}

test('the public types of RPC hold: the compiler has said so', (t) => {
  t.is(S.name, 's')
  t.true(S.methods.checked.idempotent)
})
