import test, { type ExecutionContext } from 'ava'
import { text } from '../../codecs/index.ts'
import { contentLength, line } from '../../codecs/framing/index.ts'
import type { Session } from '../../src/core/session.ts'
import { dial, listen } from '../../src/node.ts'
import {
  isRpcError,
  jsonRpc,
  type JsonRpcOptions,
  method,
  oneWay,
  rpc,
  RpcError,
  type RpcPeer,
  serverStream,
  service,
} from '../../src/rpc/index.ts'

let names = 0
/** An address of its own for each server. */
const inproc = (): string => `inproc://json-rpc-${++names}`

/** Methods as the specification's examples have them, by position or by name. */
const Examples = service('', {
  subtract: method<number[] | { minuend: number; subtrahend: number }, number>(),
  sum: method<number[], number>(),
  get_data: method<void, unknown[]>(),
  update: oneWay<number[]>(),
  notify_hello: oneWay<number[]>(),
  // and some that it does not have
  wait: method<void, string>(),
  release: oneWay<void>(),
  fail: method<{ code?: number }, void>(),
  crash: method<void, void>(),
  nothing: method<void, void>(),
  unsayable: method<void, unknown>(),
  first: method<number[], number>(),
})
const Streams = service('', { ticks: serverStream<object, number>() })

interface World {
  readonly address: string
  /** Notifications that arrived. */
  readonly told: unknown[]
  /** How often `wait` was aborted. */
  readonly aborted: unknown[]
  /** The other side's peers. */
  readonly peers: RpcPeer[]
}

async function serveExamples(t: ExecutionContext, address: string, options: JsonRpcOptions): Promise<World> {
  const told: unknown[] = []
  const aborted: unknown[] = []
  const peers: RpcPeer[] = []
  let release = (): void => {}
  const server = await listen(
    address,
    rpc({
      wire: jsonRpc(options),
      maxCalls: 8,
      onPeer(peer) {
        peers.push(peer)
        peer.serve(Examples, {
          subtract: (input) => {
            const [minuend = NaN, subtrahend = NaN] = Array.isArray(input) ? input : [input.minuend, input.subtrahend]
            return minuend - subtrahend
          },
          sum: (values) => values.reduce((sum, value) => sum + value, 0),
          get_data: () => ['hello', 5],
          update: (values) => void told.push(values),
          notify_hello: (values) => void told.push(values),
          wait: async (_input, { signal }) => {
            signal.addEventListener('abort', () => aborted.push(signal.reason))
            await new Promise<void>((resolve) => {
              release = resolve
            })
            return 'waited'
          },
          release: () => release(),
          fail: ({ code }) => {
            throw new RpcError('not_found', 'there is none', { data: { key: 'k' }, jsonRpcCode: code })
          },
          crash: () => {
            throw new Error('a secret')
          },
          nothing: () => {},
          unsayable: () => 1n,
          first: ([value = 0]) => value,
        })
      },
    }),
  )
  t.teardown(() => server.close())
  return { address: server.address.href, told, aborted, peers }
}

/** A program of which we see only the text. */
async function dialText(t: ExecutionContext, address: string): Promise<Session<string, string>> {
  const session = await dial(address, { codec: text(), framing: line() })
  t.teardown(() => session.destroy())
  return session
}

/** One message, or several lines; then a question whose answer shows that nothing came before it. */
const PING = '{"jsonrpc":"2.0","method":"first","params":[1],"id":"ping"}'
const PONG = { jsonrpc: '2.0', id: 'ping', result: 1 }

const error = (id: unknown, code: number) => ({ jsonrpc: '2.0', id, error: { code } })
const result = (id: unknown, value: unknown) => ({ jsonrpc: '2.0', id, result: value })

/** Without the texts of errors, which are ours; batches in any order, as the specification says. */
function plain(answer: unknown): unknown {
  if (Array.isArray(answer)) {
    return answer.map(plain).toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))
  }
  const { error: failure, ...rest } = answer as { error?: { code: number; message: unknown } }
  if (failure === undefined) return rest
  return typeof failure.message === 'string' ? { ...rest, error: { code: failure.code } } : answer
}

const cases: Readonly<Record<string, readonly [sent: string, answer: unknown]>> = {
  // Section 7 of the specification
  'by position': ['{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}', result(1, 19)],
  'by position, the other way': [
    '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
    result(2, -19),
  ],
  'by name': [
    '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
    result(3, 19),
  ],
  'by name, in another order': [
    '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
    result(4, 19),
  ],
  'a notification': ['{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', undefined],
  'a notification nobody serves': ['{"jsonrpc": "2.0", "method": "foobar"}', undefined],
  'an unknown method': ['{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', error('1', -32601)],
  'invalid JSON': ['{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', error(null, -32700)],
  'an invalid request': ['{"jsonrpc": "2.0", "method": 1, "params": "bar"}', error(null, -32600)],
  'a batch of invalid JSON': [
    '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]',
    error(null, -32700),
  ],
  'an empty batch': ['[]', error(null, -32600)],
  'an invalid batch that is not empty': ['[1]', [error(null, -32600)]],
  'an invalid batch': ['[1,2,3]', [error(null, -32600), error(null, -32600), error(null, -32600)]],
  'a mixed batch': [
    `[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
      {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
      {"foo": "boo"},
      {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
      {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]`.replace(/\s*\n\s*/g, ''),
    [result('1', 7), result('2', 19), error(null, -32600), error('5', -32601), result('9', ['hello', 5])],
  ],
  'a batch of notifications': [
    '[{"jsonrpc": "2.0", "method": "notify_hello", "params": [1,2,4]},{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]',
    undefined,
  ],
  // and what it does not show
  'an id of null': ['{"jsonrpc":"2.0","method":"first","params":[7],"id":null}', result(null, 7)],
  'a request for what is one-way': ['{"jsonrpc":"2.0","method":"update","params":[1],"id":5}', result(5, null)],
  'a notification for what has an answer': ['{"jsonrpc":"2.0","method":"first","params":[1]}', undefined],
  'a handler that returns nothing': ['{"jsonrpc":"2.0","method":"nothing","id":5}', result(5, null)],
  'a handler that throws': ['{"jsonrpc":"2.0","method":"crash","id":5}', error(5, -32603)],
  'an answer that JSON cannot say': ['{"jsonrpc":"2.0","method":"unsayable","id":5}', error(5, -32603)],
  'an answer that JSON cannot say, in a batch': [
    '[{"jsonrpc":"2.0","method":"unsayable","id":5},{"jsonrpc":"2.0","method":"first","params":[3],"id":6}]',
    [error(5, -32603), result(6, 3)],
  ],
  'an unknown method among names of Object.prototype': [
    '{"jsonrpc":"2.0","method":"__proto__","id":5}',
    error(5, -32601),
  ],
  'answers that nobody asked for': [
    '[{"jsonrpc":"2.0","result":1,"id":1},{"jsonrpc":"2.0","result":1,"id":"x"}]',
    undefined,
  ],
  'an answer and a request in one batch': [
    '[{"jsonrpc":"2.0","result":1,"id":1},{"jsonrpc":"2.0","method":"first","params":[3],"id":1}]',
    [result(1, 3)],
  ],
  'the error of somebody who did not understand us': [
    '{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}',
    undefined,
  ],
  'as many calls in one batch as may be in progress': [
    `[${Array.from({ length: 8 }, (_, id) => `{"jsonrpc":"2.0","method":"first","params":[${id}],"id":${id}}`).join()}]`,
    Array.from({ length: 8 }, (_, id) => result(id, id)),
  ],
  more: [
    `[${Array.from({ length: 9 }, (_, id) => `{"jsonrpc":"2.0","method":"first","params":[${id}],"id":${id}}`).join()}]`,
    Array.from({ length: 9 }, (_, id) => error(id, -32008)),
  ],
}

for (const [title, [sent, answer]] of Object.entries(cases)) {
  test(`as text over inproc: ${title}`, async (t) => {
    const { address } = await serveExamples(t, inproc(), { framing: line() })
    const session = await dialText(t, address)
    session.send(sent)
    session.send(PING)
    const answers: unknown[] = []
    for (;;) {
      const received: unknown = JSON.parse(await session.receive({ timeoutMs: 5_000 }))
      if ((received as { id?: unknown }).id === 'ping') break
      answers.push(plain(received))
    }
    t.deepEqual(answers, answer === undefined ? [] : [plain(withTexts(answer))])
    t.false(session.signal.aborted)
  })
}

/** So that `plain` can take them away again. */
function withTexts(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(withTexts)
  const { error: failure, ...rest } = answer as { error?: object }
  return failure === undefined ? rest : { ...rest, error: { ...failure, message: '' } }
}

test('notifications arrive, in order', async (t) => {
  const { address, told } = await serveExamples(t, inproc(), { framing: line() })
  const session = await dialText(t, address)
  session.send('{"jsonrpc":"2.0","method":"update","params":[1]}')
  session.send(
    '[{"jsonrpc":"2.0","method":"notify_hello","params":[2]},{"jsonrpc":"2.0","method":"update","params":[3]}]',
  )
  session.send(PING)
  t.deepEqual(JSON.parse(await session.receive()), PONG)
  t.deepEqual(told, [[1], [2], [3]])
})

test('an error has its code, its text and its data; of a crash the peer learns nothing', async (t) => {
  const { address } = await serveExamples(t, inproc(), { framing: line() })
  const session = await dialText(t, address)
  const ask = async (request: string): Promise<unknown> => {
    session.send(request)
    return JSON.parse(await session.receive({ timeoutMs: 5_000 }))
  }
  t.deepEqual(await ask('{"jsonrpc":"2.0","method":"fail","params":{},"id":1}'), {
    jsonrpc: '2.0',
    id: 1,
    error: { code: -32005, message: 'there is none', data: { key: 'k' } },
  })
  t.deepEqual(await ask('{"jsonrpc":"2.0","method":"fail","params":{"code":404},"id":1}'), {
    jsonrpc: '2.0',
    id: 1,
    error: { code: 404, message: 'there is none', data: { key: 'k' } },
  })
  t.false(JSON.stringify(await ask('{"jsonrpc":"2.0","method":"crash","id":1}')).includes('secret'))
})

test('answers of a batch wait for the slowest, and for nothing else', async (t) => {
  const { address } = await serveExamples(t, inproc(), { framing: line() })
  const session = await dialText(t, address)
  session.send('[{"jsonrpc":"2.0","method":"wait","id":1},{"jsonrpc":"2.0","method":"first","params":[2],"id":2}]')
  session.send(PING)
  t.deepEqual(JSON.parse(await session.receive()), PONG)
  session.send('{"jsonrpc":"2.0","method":"release"}')
  t.deepEqual(plain(JSON.parse(await session.receive())), [result(1, 'waited'), result(2, 2)])
})

test('calls in progress may have the same id, or null', async (t) => {
  const { address } = await serveExamples(t, inproc(), { framing: line() })
  for (const id of ['1', 'null', '"same"']) {
    const session = await dialText(t, address)
    session.send(`{"jsonrpc":"2.0","method":"wait","id":${id}}`)
    session.send(`{"jsonrpc":"2.0","method":"first","params":[2],"id":${id}}`)
    session.send('{"jsonrpc":"2.0","method":"release"}')
    t.deepEqual(JSON.parse(await session.receive()), result(JSON.parse(id), 2))
    t.deepEqual(JSON.parse(await session.receive()), result(JSON.parse(id), 'waited'))
  }
})

test('calls that repeat an id are all aborted when their session is lost', async (t) => {
  const { address, aborted } = await serveExamples(t, inproc(), { framing: line() })
  const session = await dialText(t, address)
  for (let i = 0; i < 3; i++) session.send('{"jsonrpc":"2.0","method":"wait","id":1}')
  session.send(PING)
  await session.receive()
  session.destroy()
  await session.closed
  await new Promise((resolve) => setImmediate(resolve))
  t.is(aborted.length, 3)
})

test('too many calls are refused one by one', async (t) => {
  const { address } = await serveExamples(t, inproc(), { framing: line() })
  const session = await dialText(t, address)
  for (let id = 1; id <= 9; id++) session.send(`{"jsonrpc":"2.0","method":"wait","id":${id}}`)
  t.deepEqual(plain(JSON.parse(await session.receive())), error(9, -32008))
})

test('answers that wait for the others of their batch count as calls in progress', async (t) => {
  const { address } = await serveExamples(t, inproc(), { framing: line() })
  const session = await dialText(t, address)
  const quick = (id: number) => `{"jsonrpc":"2.0","method":"first","params":[${id}],"id":${id}}`
  session.send(`[{"jsonrpc":"2.0","method":"wait","id":0},${[1, 2, 3, 4, 5].map(quick).join()}]`)
  session.send(`[${[6, 7, 8].map(quick).join()}]`)
  t.deepEqual(
    plain(JSON.parse(await session.receive())),
    [6, 7, 8].map((id) => error(id, -32008)),
  )
  session.send(quick(9))
  t.deepEqual(JSON.parse(await session.receive()), result(9, 9))
  session.send(`[${[10, 11].map(quick).join()}]`)
  t.deepEqual(
    JSON.parse(await session.receive()),
    [10, 11].map((id) => result(id, id)),
  )
  session.send('{"jsonrpc":"2.0","method":"release"}')
  t.is((JSON.parse(await session.receive()) as unknown[]).length, 6)
  session.send(`[${[1, 2, 3, 4, 5, 6, 7, 8].map(quick).join()}]`)
  t.is((JSON.parse(await session.receive()) as { result: number }[])[7]?.result, 8)
})

test('a canceled call is aborted, and answered all the same', async (t) => {
  const { address, aborted } = await serveExamples(t, inproc(), {
    framing: line(),
    cancelMethod: '$/cancelRequest',
  })
  const session = await dialText(t, address)
  session.send('{"jsonrpc":"2.0","method":"wait","id":1}')
  session.send('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}')
  t.deepEqual(plain(JSON.parse(await session.receive())), error(1, -32800))
  t.is(aborted.length, 1)
  session.send('[{"jsonrpc":"2.0","method":"wait","id":2},{"jsonrpc":"2.0","method":"first","params":[3],"id":3}]')
  session.send('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":2}}')
  t.deepEqual(plain(JSON.parse(await session.receive())), [error(2, -32800), result(3, 3)].map(plain))
  session.send('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":99}}')
  session.send(PING)
  t.deepEqual(JSON.parse(await session.receive()), PONG)
})

// ── Both sides ours ──────────────────────────────────────────────────────────────────────────────────────────

const ways: readonly (readonly [string, string, JsonRpcOptions])[] = [
  ['lines over tcp', 'tcp://127.0.0.1:0', { framing: line(), cancelMethod: '$/cancelRequest' }],
  ['Content-Length over tcp', 'tcp://127.0.0.1:0', { framing: contentLength(), cancelMethod: '$/cancelRequest' }],
  ['the default framing over inproc', inproc(), { cancelMethod: '$/cancelRequest' }],
  ['WebSocket text', 'ws://127.0.0.1:0/rpc', { framing: line(), cancelMethod: '$/cancelRequest' }],
]

for (const [title, address, options] of ways) {
  test(`${title}: calls, errors, cancellation and calls back`, async (t) => {
    const world = await serveExamples(t, address, options)
    const Client = service('client', { name: method<void, string>() })
    const session = await dial(
      world.address,
      rpc({ wire: jsonRpc(options), onPeer: (peer) => peer.serve(Client, { name: () => 'ann' }) }),
    )
    t.teardown(() => session.destroy())
    const calls = session.data.client(Examples)
    t.is(await calls.subtract([5, 3]), 2)
    t.is(await calls.subtract({ minuend: 5, subtrahend: 3 }), 2)
    t.deepEqual(await calls.get_data(), ['hello', 5])
    t.deepEqual(await calls.nothing(), null as never)
    calls.update([1, 2])
    const failure = await t.throwsAsync(calls.fail({}), { instanceOf: RpcError })
    t.like(failure, {
      status: 'not_found',
      message: 'there is none',
      data: { key: 'k' },
      jsonRpcCode: -32005,
      sent: 'yes',
    })
    t.like(await t.throwsAsync(calls.fail({ code: 404 })), { status: 'unknown', jsonRpcCode: 404 })
    t.like(await t.throwsAsync(calls.crash()), { status: 'internal', jsonRpcCode: -32603 })
    t.like(await t.throwsAsync(session.data.client(service('no', { m: method<void, void>() })).m()), {
      status: 'unimplemented',
      sent: 'no',
    })
    t.like(await t.throwsAsync(calls.sum(5 as never)), { status: 'invalid_argument', sent: 'no' })

    const stop = new AbortController()
    const waiting = calls.wait(undefined, { signal: stop.signal })
    t.is(await calls.first([1]), 1)
    stop.abort()
    const canceled = await t.throwsAsync(waiting)
    t.true(isRpcError(canceled, 'canceled'))
    t.is(await calls.first([2]), 2)
    t.is(world.aborted.length, 1)
    t.like(session.data.stats, { outgoing: 0, lateAnswers: 1 })

    t.is(await world.peers[0]?.client(Client).name(), 'ann')
    t.deepEqual(world.told, [[1, 2]])
    await session.data.close()
  })
}

test('what JSON-RPC cannot carry is refused before anything is sent', async (t) => {
  const { address } = await serveExamples(t, inproc(), {})
  const session = await dial(address, rpc({ wire: jsonRpc() }))
  t.teardown(() => session.destroy())
  const streaming = async (): Promise<void> => {
    for await (const _ of session.data.client(Streams).ticks({})) t.fail()
  }
  t.like(await t.throwsAsync(streaming()), { status: 'unimplemented', sent: 'no' })
  t.like(await t.throwsAsync(session.data.waitFor([Examples])), { status: 'unimplemented' })
  t.is(await session.data.client(Examples).first([1]), 1)
})

test('without cancelMethod a call that nobody waits for any more runs on', async (t) => {
  const { address, aborted } = await serveExamples(t, inproc(), {})
  const session = await dial(address, rpc({ wire: jsonRpc() }))
  t.teardown(() => session.destroy())
  const calls = session.data.client(Examples)
  t.true(isRpcError(await t.throwsAsync(calls.wait(undefined, { timeoutMs: 1 })), 'deadline_exceeded'))
  t.is(await calls.first([1]), 1)
  t.is(aborted.length, 0)
  calls.release()
  while (session.data.stats.lateAnswers === 0) await calls.first([2])
  t.is(session.data.stats.lateAnswers, 1)
})

test('a gateway between two JSON-RPC peers hands on what it does not serve', async (t) => {
  const { address } = await serveExamples(t, inproc(), {})
  const upstream = await dial(address, rpc({ wire: jsonRpc() }))
  t.teardown(() => upstream.destroy())
  const gateway = await listen(
    inproc(),
    rpc({
      wire: jsonRpc(),
      onPeer: (peer) => peer.fallback((call, { signal }) => upstream.data.forward(call, { signal })),
    }),
  )
  t.teardown(() => gateway.close())
  const session = await dial(gateway.address.href, rpc({ wire: jsonRpc() }))
  t.teardown(() => session.destroy())
  const calls = session.data.client(Examples)
  t.is(await calls.subtract({ minuend: 7, subtrahend: 3 }), 4)
  t.deepEqual(await calls.get_data(), ['hello', 5])
  t.like(await t.throwsAsync(calls.fail({ code: 7 })), { status: 'unknown', jsonRpcCode: 7, data: { key: 'k' } })
})
