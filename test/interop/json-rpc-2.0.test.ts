import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { createJSONRPCErrorResponse, JSONRPCClient, JSONRPCServer, JSONRPCServerAndClient } from 'json-rpc-2.0'
import { WebSocket, WebSocketServer } from 'ws'
import { dial } from '../../src/node.ts'
import { jsonRpc, rpc, RpcError, type RpcPeer } from '../../src/rpc/index.ts'
import { BY_ZERO, Calculator, listenCalculator, VALUES } from './calculator.ts'

const wire = jsonRpc()

/** The program at the other side, which serves the calculator and calls. */
function theirs(socket: WebSocket): { end: JSONRPCServerAndClient; notes: string[] } {
  const notes: string[] = []
  const end = new JSONRPCServerAndClient(
    new JSONRPCServer(),
    new JSONRPCClient((request) => socket.send(JSON.stringify(request))),
  )
  end.addMethod('add', (values: number[]) => values.reduce((sum, value) => sum + value, 0))
  end.addMethodAdvanced('divide', ({ id = null, params }) => {
    const { dividend, divisor } = params as { dividend: number; divisor: number }
    return Promise.resolve(
      divisor === 0
        ? createJSONRPCErrorResponse(id, BY_ZERO.code, BY_ZERO.message, BY_ZERO.data)
        : { jsonrpc: '2.0' as const, id, result: dividend / divisor },
    )
  })
  end.addMethod('same', ({ value }: { value: unknown }) => ({ value }))
  end.addMethod('note', ({ text }: { text: string }) => void notes.push(text))
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) throw new Error('JSON-RPC is text')
    void end.receiveAndSend(JSON.parse(data.toString()), undefined, undefined)
  })
  return { end, notes }
}

test('json-rpc-2.0 as a client of ours, and as one that we call back', async (t) => {
  const { address, heard, peers } = await listenCalculator(t, 'ws://127.0.0.1:0/rpc', wire)
  const socket = new WebSocket(address.href)
  t.teardown(() => socket.terminate())
  await once(socket, 'open')
  const { end, notes } = theirs(socket)

  t.is(await end.request('add', [1, 2, 3], undefined), 6)
  t.is(await end.request('divide', { dividend: 6, divisor: 4 }, undefined), 1.5)
  for (const value of VALUES) t.deepEqual(await end.request('same', { value }, undefined), { value })
  end.notify('note', { text: 'one' }, undefined)
  const byZero = await end.requestAdvanced(
    { jsonrpc: '2.0', id: 'mine', method: 'divide', params: { dividend: 6, divisor: 0 } },
    undefined,
  )
  t.deepEqual(byZero, { jsonrpc: '2.0', id: 'mine', error: BY_ZERO })
  const batch = await end.requestAdvanced(
    [
      { jsonrpc: '2.0', id: 100, method: 'add', params: [1, 1] },
      { jsonrpc: '2.0', method: 'note', params: { text: 'two' } },
      { jsonrpc: '2.0', id: 101, method: 'nobody' },
    ],
    undefined,
  )
  t.deepEqual(
    batch.map(({ id, result, error }) => [id, (result as unknown) ?? error?.code]),
    [
      [100, 2],
      [101, -32_601],
    ],
  )
  t.deepEqual(heard[0]?.notes, ['one', 'two'])

  const calls = (peers[0] as RpcPeer).client(Calculator)
  t.is(await calls.add([4, 5]), 9)
  calls.note({ text: 'back' })
  t.is(await calls.add([]), 0)
  t.deepEqual(notes, ['back'])
})

test('json-rpc-2.0 as a server for ours', async (t) => {
  const ends: ReturnType<typeof theirs>[] = []
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => ends.push(theirs(socket)))
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  const session = await dial(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, rpc({ wire }))
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
  t.like(await t.throwsAsync(calls.slow()), { status: 'unimplemented', sent: 'no' })
  calls.note({ text: 'one' })
  const sums = await Promise.all(Array.from({ length: 300 }, (_, at) => calls.add([at, 1])))
  t.deepEqual(
    sums,
    Array.from({ length: 300 }, (_, at) => at + 1),
  )
  t.deepEqual(ends[0]?.notes, ['one'])
})
