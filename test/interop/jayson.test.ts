import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import jayson from 'jayson'
import { line } from '../../codecs/framing/index.ts'
import { dial } from '../../src/node.ts'
import { jsonRpc, rpc, RpcError } from '../../src/rpc/index.ts'
import { BY_ZERO, Calculator, listenCalculator, VALUES } from './calculator.ts'

const wire = jsonRpc({ framing: line() })

interface Answer {
  readonly id?: unknown
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

async function serveOurs(t: ExecutionContext) {
  const { address, heard } = await listenCalculator(t, 'tcp://127.0.0.1:0', wire)
  return { client: jayson.Client.tcp({ host: '127.0.0.1', port: address.port }), heard }
}

/** jayson opens a connection for each request. */
function ask(client: jayson.TcpClient, method: string, params: jayson.RequestParamsLike, id?: string | null) {
  return new Promise<Answer>((resolve, reject) => {
    client.request(method, params, id, (error?: Error | null, answer?: unknown) => {
      if (error) reject(error)
      else resolve(answer as Answer)
    })
  })
}

test('jayson as a client of ours', async (t) => {
  const { client, heard } = await serveOurs(t)
  t.is((await ask(client, 'add', [1, 2, 3])).result, 6)
  t.like(await ask(client, 'divide', { dividend: 6, divisor: 4 }, 'mine'), { id: 'mine', result: 1.5 })
  for (const value of VALUES) t.deepEqual((await ask(client, 'same', { value })).result, { value })
  t.deepEqual((await ask(client, 'divide', { dividend: 6, divisor: 0 })).error, BY_ZERO)
  t.is((await ask(client, 'nobody', [])).error?.code, -32_601)
  await ask(client, 'note', { text: 'one' }, null)
  t.is((await ask(client, 'add', [])).result, 0)
  t.true(heard.some(({ notes }) => notes.includes('one')))
})

test('batches of jayson are answered by one batch', async (t) => {
  const { client } = await serveOurs(t)
  const batch = [
    client.request('add', [1, 1], undefined, false as never),
    client.request('note', { text: 'nobody answers' }, null, false as never),
    client.request('divide', { dividend: 1, divisor: 0 }, undefined, false as never),
    client.request('nobody', [], undefined, false as never),
  ]
  const answers = await new Promise<Answer[]>((resolve, reject) => {
    client.request(batch as never, (error?: Error | null, all?: unknown) => {
      if (error) reject(error)
      else resolve(all as Answer[])
    })
  })
  t.deepEqual(
    answers.map(({ result, error }) => result ?? error?.code),
    [2, BY_ZERO.code, -32_601],
  )
})

interface Theirs {
  readonly address: string
  readonly notes: string[]
}

async function serveTheirs(t: ExecutionContext): Promise<Theirs> {
  const notes: string[] = []
  const server = new jayson.Server({
    add: (values: number[], done: (error: unknown, sum?: number) => void) =>
      done(
        null,
        values.reduce((sum, value) => sum + value, 0),
      ),
    divide: (
      { dividend, divisor }: { dividend: number; divisor: number },
      done: (error: unknown, quotient?: number) => void,
    ) => (divisor === 0 ? done(BY_ZERO) : done(null, dividend / divisor)),
    same: ({ value }: { value: unknown }, done: (error: unknown, same: unknown) => void) => done(null, { value }),
    note: ({ text }: { text: string }, done: () => void) => {
      notes.push(text)
      done()
    },
  }).tcp()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, notes }
}

test('jayson as a server for ours', async (t) => {
  const { address, notes } = await serveTheirs(t)
  const session = await dial(address, rpc({ wire }))
  t.teardown(() => session.destroy())
  const calls = session.data.client(Calculator)

  t.is(await calls.add([1, 2, 3]), 6)
  t.is(await calls.divide({ dividend: 6, divisor: 4 }), 1.5)
  for (const value of VALUES) t.deepEqual(await calls.same({ value }), { value })
  t.like(await t.throwsAsync(calls.divide({ dividend: 6, divisor: 0 }), { instanceOf: RpcError }), {
    jsonRpcCode: BY_ZERO.code,
    message: BY_ZERO.message,
    data: BY_ZERO.data,
  })
  t.like(await t.throwsAsync(calls.slow()), { status: 'unimplemented', sent: 'no', jsonRpcCode: -32_601 })
  calls.note({ text: 'one' })
  const sums = await Promise.all(Array.from({ length: 300 }, (_, at) => calls.add([at, 1])))
  t.deepEqual(
    sums,
    Array.from({ length: 300 }, (_, at) => at + 1),
  )
  t.deepEqual(notes, ['one'])
})

test('batches of ours are answered by jayson', async (t) => {
  const { address, notes } = await serveTheirs(t)
  const session = await dial(address, rpc({ wire: jsonRpc({ framing: line(), batch: true }) }))
  t.teardown(() => session.destroy())
  const calls = session.data.client(Calculator)
  calls.note({ text: 'in a batch' })
  const settled = await Promise.allSettled([
    calls.add([1, 2]),
    calls.divide({ dividend: 1, divisor: 0 }),
    calls.slow(),
    calls.add([3, 4]),
  ])
  t.deepEqual(
    settled.map((result) => (result.status === 'fulfilled' ? result.value : (result.reason as RpcError).jsonRpcCode)),
    [3, BY_ZERO.code, -32_601, 7],
  )
  t.deepEqual(notes, ['in a batch'])
  t.like(session.stats, { sentMessages: 1, receivedMessages: 1 })
})
