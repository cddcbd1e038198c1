import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import test from 'ava'
import {
  type CancellationToken,
  CancellationTokenSource,
  createMessageConnection,
  ErrorCodes,
  type MessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node'
import { contentLength } from '../../codecs/framing/index.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { dial } from '../../src/node.ts'
import { isRpcError, jsonRpc, rpc, RpcError, type RpcPeer } from '../../src/rpc/index.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { BY_ZERO, Calculator, type Heard, listenCalculator, VALUES } from './calculator.ts'

/** vscode-jsonrpc answers a canceled request with it, as the Language Server Protocol wants. */
const REQUEST_CANCELLED = -32_800
const wire = jsonRpc({ framing: contentLength(), cancelMethod: '$/cancelRequest' })

function theirs(socket: Socket): MessageConnection {
  const connection = createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket))
  connection.listen()
  return connection
}

/** The calculator as vscode-jsonrpc serves it. */
function serveTheirs(connection: MessageConnection): Heard {
  const heard: Heard = { notes: [], canceled: 0 }
  connection.onRequest('add', (...values: unknown[]) =>
    values.slice(0, -1).reduce<number>((sum, value) => sum + Number(value), 0),
  )
  connection.onRequest('divide', ({ dividend, divisor }: { dividend: number; divisor: number }) =>
    divisor === 0 ? new ResponseError(BY_ZERO.code, BY_ZERO.message, BY_ZERO.data) : dividend / divisor,
  )
  connection.onRequest('same', ({ value }: { value: unknown }) => ({ value }))
  connection.onRequest(
    'slow',
    (token: CancellationToken) =>
      new Promise((resolve) => {
        token.onCancellationRequested(() => {
          heard.canceled++
          resolve(new ResponseError(REQUEST_CANCELLED, 'canceled'))
        })
      }),
  )
  connection.onNotification('note', ({ text }: { text: string }) => void heard.notes.push(text))
  return heard
}

test('vscode-jsonrpc as a client of ours, and as one that we call back', async (t) => {
  const { address, heard, peers } = await listenCalculator(t, 'tcp://127.0.0.1:0', wire)
  const socket = connect(address.port, '127.0.0.1')
  const connection = theirs(socket)
  t.teardown(() => socket.destroy())

  t.is(await connection.sendRequest('add', 1, 2, 3), 6)
  t.is(await connection.sendRequest('divide', { dividend: 6, divisor: 4 }), 1.5)
  for (const value of VALUES) t.deepEqual(await connection.sendRequest('same', { value }), { value })
  await connection.sendNotification('note', { text: 'one' })
  const byZero = await t.throwsAsync(connection.sendRequest('divide', { dividend: 6, divisor: 0 }))
  t.true(byZero instanceof ResponseError)
  t.like(byZero, BY_ZERO)
  t.like(await t.throwsAsync(connection.sendRequest('nobody')), { code: ErrorCodes.MethodNotFound })

  const stop = new CancellationTokenSource()
  const slow = connection.sendRequest('slow', stop.token)
  t.is(await connection.sendRequest('add', 1), 1)
  stop.cancel()
  t.like(await t.throwsAsync(slow), { code: REQUEST_CANCELLED })
  t.like(heard[0], { notes: ['one'], canceled: 1 })

  const back = serveTheirs(connection)
  const calls = (peers[0] as RpcPeer).client(Calculator)
  t.is(await calls.add([4, 5]), 9)
  calls.note({ text: 'back' })
  t.is(await calls.divide({ dividend: 1, divisor: 8 }), 0.125)
  t.deepEqual(back.notes, ['back'])
})

test('vscode-jsonrpc as a server for ours', async (t) => {
  const sockets: Socket[] = []
  const heard: Heard[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    heard.push(serveTheirs(theirs(socket)))
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  const session = await dial(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, rpc({ wire }))
  t.teardown(() => session.destroy())
  const calls = session.data.client(Calculator)

  t.is(await calls.add([1, 2, 3]), 6)
  t.is(await calls.divide({ dividend: 6, divisor: 4 }), 1.5)
  for (const value of VALUES) t.deepEqual(await calls.same({ value }), { value })
  calls.note({ text: 'one' })
  const byZero = await t.throwsAsync(calls.divide({ dividend: 6, divisor: 0 }), { instanceOf: RpcError })
  t.like(byZero, { status: 'unknown', jsonRpcCode: BY_ZERO.code, message: BY_ZERO.message, data: BY_ZERO.data })

  const stop = new AbortController()
  const slow = calls.slow(undefined, { signal: stop.signal })
  t.is(await calls.add([1]), 1)
  stop.abort()
  t.true(isRpcError(await t.throwsAsync(slow), 'canceled'))
  await until(systemEnv, () => session.data.stats.lateAnswers === 1, 'the late answer is counted')
  t.like(heard[0], { notes: ['one'], canceled: 1 })
  t.is(session.data.stats.outgoing, 0)
})

test('five hundred calls each way at once, over one socket', async (t) => {
  const { address, peers } = await listenCalculator(t, 'tcp://127.0.0.1:0', wire)
  const socket = connect(address.port, '127.0.0.1')
  const connection = theirs(socket)
  t.teardown(() => socket.destroy())
  serveTheirs(connection)
  t.is(await connection.sendRequest('add', 0), 0)
  const calls = (peers[0] as RpcPeer).client(Calculator)
  const numbers = Array.from({ length: 500 }, (_, at) => at)
  const [ours, back] = await Promise.all([
    Promise.all(numbers.map((at) => calls.add([at, at]))),
    Promise.all(numbers.map((at) => connection.sendRequest('add', at, 1))),
  ])
  t.deepEqual(
    ours,
    numbers.map((at) => 2 * at),
  )
  t.deepEqual(
    back,
    numbers.map((at) => at + 1),
  )
})
