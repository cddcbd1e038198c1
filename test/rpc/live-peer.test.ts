import test from 'ava'
import { dial, listen } from '../../src/node.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { bidiStream, clientStream, method, oneWay, serverStream, service } from '../../src/rpc/contract.ts'
import { rpc } from '../../src/rpc/rpc.ts'

const Arith = service('arith', {
  add: method<{ a: number; b: number }, number>(),
  slow: method<number, number>(),
  note: oneWay<string>(),
  count: serverStream<number, number>(),
  sum: clientStream<number, number>(),
  double: bidiStream<number, number>(),
})

test('all kinds of calls, both ways', async (t) => {
  const env = virtualEnv()
  const notes: string[] = []
  const server = await listen('tcp://127.0.0.1:7000', {
    env,
    ...rpc({
      onPeer: (peer) =>
        peer.serve(Arith, {
          add: ({ a, b }) => a + b,
          slow: async (n) => n,
          note: (text) => notes.push(text),
          async *count(n) {
            for (let i = 0; i < n; i++) yield i
          },
          async sum(numbers) {
            let sum = 0
            for await (const n of numbers) sum += n
            return sum
          },
          async *double(numbers) {
            for await (const n of numbers) yield n * 2
          },
        }),
    }),
  })
  const session = await dial('tcp://127.0.0.1:7000', { env, ...rpc() })
  const arith = session.data.client(Arith)
  t.is(await arith.add({ a: 1, b: 2 }), 3)
  t.is(await arith.slow(5), 5)
  arith.note('x')
  const got: number[] = []
  for await (const n of arith.count(10_000)) got.push(n)
  t.is(got.length, 10_000)
  t.is(await arith.sum([1, 2, 3]), 6)
  t.is(await arith.sum(Array.from({ length: 10_000 }, () => 1)), 10_000)
  const doubled: number[] = []
  for await (const n of arith.double([1, 2, 3])) doubled.push(n)
  t.deepEqual(doubled, [2, 4, 6])
  t.deepEqual(notes, ['x'])
  await session.data.waitFor([Arith])
  t.deepEqual(session.data.stats, { outgoing: 0, incoming: 0, lateAnswers: 0 })
  await server.close()
  await session.closed
  t.is(env.timers, 0)
})
