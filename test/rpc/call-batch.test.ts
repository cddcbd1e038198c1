import test, { type ExecutionContext } from 'ava'
import { line } from '../../codecs/framing/index.ts'
import { text } from '../../codecs/index.ts'
import { dial, listen } from '../../src/node.ts'
import { jsonRpc, type JsonRpcOptions, method, oneWay, rpc, type RpcPeer, service } from '../../src/rpc/index.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { rpcErrorOf } from '../support/rpc-pair.ts'

const Store = service('', { get: method<unknown[], number>(), note: oneWay<unknown[]>() })

let places = 0

/** A peer that sends batches to a program of which we see the text: it answers each `get` with the first parameter. */
async function openStore(t: ExecutionContext, options: JsonRpcOptions = {}, answers = true) {
  const env = virtualEnv()
  const address = `inproc://call-batch-${++places}`
  const lines: string[] = []
  const reported: unknown[] = []
  const server = await listen(address, {
    env,
    codec: text(),
    framing: line(),
    listener: {
      onMessage(session, message) {
        lines.push(message)
        if (!answers) return
        const told = [JSON.parse(message)].flat() as { id?: number; params: unknown[] }[]
        const results = told.filter(({ id }) => id !== undefined)
        const answer = results.map(({ id, params }) => ({ jsonrpc: '2.0', id, result: params[0] })).toReversed()
        if (answer.length > 0) session.send(JSON.stringify(answer))
      },
    },
  })
  const setup = rpc({ wire: jsonRpc({ framing: line(), batch: true, ...options }), timeoutMs: 1_000 })
  const onError = (_session: unknown, error: unknown): void => void reported.push(error)
  const session = await dial(address, { env, ...setup, listener: { ...setup.listener, onError } })
  t.teardown(() => {
    session.destroy()
    server.destroy()
  })
  await env.settle()
  const peer: RpcPeer = session.data
  return { env, peer, calls: peer.client(Store), session, lines, reported }
}

const call = (id: number, params: number): string => `{"jsonrpc":"2.0","id":${id},"method":"get","params":[${params}]}`
const note = (params: number): string => `{"jsonrpc":"2.0","method":"note","params":[${params}]}`

test('calls and notifications of one turn leave as one batch, in order; answers come in any', async (t) => {
  const { env, calls, lines } = await openStore(t)
  const first = [calls.get([7]), calls.get([8])]
  calls.note([9])
  const last = calls.get([10])
  await env.settle()
  t.deepEqual(lines, [`[${call(1, 7)},${call(2, 8)},${note(9)},${call(3, 10)}]`])
  t.deepEqual(await Promise.all([...first, last]), [7, 8, 10])
})

test('a call that is alone in its turn leaves by itself', async (t) => {
  const { env, calls, lines } = await openStore(t)
  const one = calls.get([1])
  await env.settle()
  const two = calls.get([2])
  await env.settle()
  t.deepEqual(lines, [call(1, 1), call(2, 2)])
  t.deepEqual(await Promise.all([one, two]), [1, 2])
})

test('no batch has more members than maxBatch', async (t) => {
  const { env, calls, lines } = await openStore(t, { maxBatch: 3 })
  const results = Promise.all(Array.from({ length: 7 }, (_, at) => calls.get([at])))
  await env.settle()
  t.deepEqual(
    lines.map((sent) => ([JSON.parse(sent)].flat() as unknown[]).length),
    [3, 3, 1],
  )
  t.deepEqual(await results, [0, 1, 2, 3, 4, 5, 6])
})

test('what cannot be said fails its own call, and no other of the batch', async (t) => {
  const { env, calls, lines, reported } = await openStore(t)
  const good = calls.get([1])
  const bad = rpcErrorOf(calls.get([1n]))
  calls.note([2n])
  const large = calls.get([3])
  await env.settle()
  t.is(await good, 1)
  t.like(await bad, { status: 'invalid_argument', sent: 'no' })
  t.is(await large, 3)
  t.deepEqual(lines, [call(1, 1), call(3, 3)])
  t.is(reported.length, 1) // nobody waits for a notification
  t.like(reported[0], { code: 'ERR_LISTENER', cause: { status: 'invalid_argument', sent: 'no' } })
})

test('a call that is canceled in its own turn is not sent', async (t) => {
  const { env, calls, lines, peer } = await openStore(t)
  const controller = new AbortController()
  const canceled = rpcErrorOf(calls.get([1], { signal: controller.signal }))
  const kept = calls.get([2])
  controller.abort()
  await env.settle()
  t.is((await canceled).status, 'canceled')
  t.is(await kept, 2)
  t.deepEqual(lines, [call(2, 2)])
  t.is(peer.stats.outgoing, 0)
})

test('calls of a batch settle with their session', async (t) => {
  const { env, calls, session } = await openStore(t, {}, false)
  const lost = [rpcErrorOf(calls.get([1])), rpcErrorOf(calls.get([2]))]
  await env.settle()
  const unsent = rpcErrorOf(calls.get([3]))
  session.destroy()
  await env.settle()
  for (const error of await Promise.all([...lost, unsent])) t.is(error.status, 'unavailable')
})

test('what was called before a peer is closed still leaves', async (t) => {
  const { env, calls, lines, peer } = await openStore(t)
  calls.note([1])
  calls.note([2])
  const closed = peer.close()
  await env.settle()
  await closed
  t.deepEqual(lines, [`[${note(1)},${note(2)}]`])
})

test('batch is true or false', (t) => {
  t.throws(() => jsonRpc({ batch: 'yes' as never }), { code: 'ERR_BAD_OPTION' })
})
