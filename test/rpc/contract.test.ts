import test from 'ava'
import { z } from 'zod'
import { type } from '../../src/core/schema.ts'
import { bidiStream, clientStream, method, oneWay, serverStream, service } from '../../src/rpc/contract.ts'
import { rpcErrorOf, rpcPair } from '../support/rpc-pair.ts'

const Item = z.object({ sku: z.string(), count: z.coerce.number().default(1) })

const S = service('s', {
  place: method({ input: Item, output: z.object({ id: z.string() }) }),
  wrong: method({ input: type<void>(), output: z.object({ id: z.string() }) }),
  slow: method({
    input: z.string().refine(async (text) => text !== 'no'),
    output: z.string().transform(async (text) => `${text}!`),
  }),
  note: oneWay({ input: Item }),
  items: serverStream({ input: z.number(), output: z.number().max(2) }),
  sum: clientStream({ input: z.coerce.number(), output: z.number() }),
  double: bidiStream({ input: z.coerce.number(), output: z.number() }),
  throws: method({
    input: {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (): { value: string } => {
          throw new Error('a broken schema')
        },
      },
    },
    output: type<void>(),
  }),
})

async function pair() {
  const seen: unknown[] = []
  const { near, close, env } = await rpcPair({
    onPeer: (peer) =>
      peer.serve(S, {
        place(item) {
          seen.push(item)
          return { id: `${item.sku}-${item.count}`, more: 1 }
        },
        wrong: () => ({ id: 5 as unknown as string }),
        slow: (text) => text,
        note: (item) => seen.push(item),
        *items(n) {
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
        throws: () => undefined,
      }),
  })
  return { calls: near.client(S), seen, close, env }
}

test('the handler gets what the schema makes of the argument, the caller what it makes of the answer', async (t) => {
  const { calls, seen, close } = await pair()
  t.deepEqual(await calls.place({ sku: 'rope', count: '3' }), { id: 'rope-3' })
  t.deepEqual(await calls.place({ sku: 'tar' }), { id: 'tar-1' })
  calls.note({ sku: 'oar' })
  t.is(await calls.slow('yes'), 'yes!')
  t.deepEqual(seen, [
    { sku: 'rope', count: 3 },
    { sku: 'tar', count: 1 },
    { sku: 'oar', count: 1 },
  ])
  await close()
})

test('an argument against its schema is invalid_argument with its issues, and no handler is begun', async (t) => {
  const { calls, seen, close } = await pair()
  const error = await rpcErrorOf(calls.place({ sku: 5 as never }))
  t.is(error.status, 'invalid_argument')
  t.is(error.sent, 'no')
  t.like(error.data, { issues: [{ path: 'sku' }] })
  t.regex(error.message, /the argument is against its schema: sku: /)
  t.is((await rpcErrorOf(calls.slow('no'))).status, 'invalid_argument')
  calls.note({ sku: 5 as never })
  t.is((await rpcErrorOf(calls.throws('x'))).status, 'internal')
  t.deepEqual(seen, [])
  await close()
})

test('an answer against its schema is internal', async (t) => {
  const { calls, close } = await pair()
  const error = await rpcErrorOf(calls.wrong())
  t.is(error.status, 'internal')
  t.is(error.sent, 'yes')
  t.like(error.data, { issues: [{ path: 'id' }] })
  await close()
})

test('each item of a stream is checked, by the side that reads it', async (t) => {
  const { calls, close, env } = await pair()
  t.is(await calls.sum(['1', 2, '3']), 6)
  t.is((await rpcErrorOf(calls.sum([1, 'x']))).status, 'invalid_argument')
  const doubled: number[] = []
  for await (const n of calls.double(['4'])) doubled.push(n)
  t.deepEqual(doubled, [8])
  const came: number[] = []
  const error = await rpcErrorOf(async () => {
    for await (const n of calls.items(5)) came.push(n)
  })
  t.is(error.status, 'internal')
  t.deepEqual(came, [0, 1, 2])
  await env.settle()
  await close()
})

test('contracts that no wire could carry are refused', (t) => {
  t.throws(() => service(5 as never, {}), { code: 'ERR_BAD_OPTION' })
  t.throws(() => service('x'.repeat(250), { abcdef: method() }), { code: 'ERR_BAD_OPTION' })
  t.throws(() => service('x', { '': method() }), { code: 'ERR_BAD_OPTION' })
  t.throws(() => service('x', { a: {} as never }), { code: 'ERR_BAD_OPTION' })
  t.throws(() => method({ input: {} as never, output: z.string() }), { code: 'ERR_BAD_OPTION', message: /input/ })
  t.throws(() => method({ timeoutMs: -1 }), { code: 'ERR_BAD_OPTION' })
  t.throws(() => method({ idempotent: 1 as never }), { code: 'ERR_BAD_OPTION' })
})
