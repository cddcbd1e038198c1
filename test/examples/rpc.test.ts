import test, { type ExecutionContext } from 'ava'
import { dial } from 'hawser'
import { line } from 'hawser/framing'
import { isRpcError, jsonRpc, method, rpc, service } from 'hawser/rpc'
import { Ticker } from '../../examples/ticker/page/ticker.ts'
import { ExampleProcess, PlainClient } from '../support/example-process.ts'

function start(t: ExecutionContext, name: string): ExampleProcess {
  const example = ExampleProcess.start(name)
  t.teardown(() => example.kill())
  return example
}

test('language-server: diagnostics, a hover, a completion, and a good end', async (t) => {
  const example = start(t, 'language-server')
  t.is(await example.status, 0)
  t.regex(
    example.output,
    /^hover: true\nline 3: .*RUNN\nline 4: .*EXP\nCOPY: Copy files .*\nEXP: EXPOSE\nthe server has ended with status 0\n$/,
  )
})

test('rpc-test-service: sync, async and one-way, over JSON and over Protobuf', async (t) => {
  const example = start(t, 'rpc-test-service')
  await example.printed(/^event: hello over Protobuf$/m)
  for (const name of ['JSON', 'Protobuf']) {
    t.true(
      example.output.includes(
        `${name}: test says one, two, three\n` +
          `${name}: err says this is an error test, {"a":5}\n` +
          `${name}: the additions are on their way\n` +
          `${name}: add says 11, 12, 13\n` +
          `event: hello over ${name}\n`,
      ),
    )
  }
  t.is(await example.end(), 0)
})

test('rpc-both-ways: the office calls its workers, and they call back meanwhile', async (t) => {
  const example = start(t, 'rpc-both-ways')
  await example.printed(/^18 words together$/m)
  await example.printed(/^ann hears: that is all$/m)
  await example.printed(/^bob hears: that is all$/m)
  t.is(await example.end(), 0)
})

test('rpc-gateway: calls of services it does not know, in plain text', async (t) => {
  const example = start(t, 'rpc-gateway')
  const port = await example.port()
  const person = new PlainClient({ port })
  person.type('{"jsonrpc":"2.0","id":1,"method":"arith.add","params":{"a":1,"b":2}}\n')
  await person.reads('{"jsonrpc":"2.0","id":1,"result":3}\n')
  person.type('{"jsonrpc":"2.0","id":2,"method":"arith.divide","params":{"a":1,"b":0}}\n')
  await person.reads('"error":{"code":-32602,"message":"nothing can be divided by 0","data":{"a":1,"b":0}}}\n')
  person.type('{"jsonrpc":"2.0","id":3,"method":"arith.power","params":{}}\n')
  await person.reads('{"jsonrpc":"2.0","id":3,"error":{"code":-32601,')
  person.type('{"jsonrpc":"2.0","id":4,"method":"gateway.services"}\n')
  await person.reads('{"jsonrpc":"2.0","id":4,"result":["arith","clock"]}\n')
  person.type('{"jsonrpc":"2.0","id":5,"method":"nobody.at.all"}\n')
  await person.reads('{"jsonrpc":"2.0","id":5,"error":{"code":-32601,"message":"there is no service nobody.at"}}\n')

  await using session = await dial(`tcp://127.0.0.1:${port}`, rpc({ wire: jsonRpc({ framing: line() }) }))
  t.regex(await session.data.client(service('clock', { now: method<void, string>() })).now(), /^\d{4}-.*Z$/)
  t.is(await example.end(), 0)
})

test('ticker: streams that are read at once, and end with their reader', async (t) => {
  const example = start(t, 'ticker')
  const port = await example.port('http')
  const session = await dial(`ws://127.0.0.1:${port}/ticker`, rpc())
  const ticker = session.data.client(Ticker)
  t.deepEqual(await ticker.symbols(), ['ROPE', 'SAIL', 'TAR'])
  const failed = await t.throwsAsync(async () => {
    for await (const _ of ticker.ticks({ symbol: 'GOLD', everyMs: 10 })) t.fail()
  })
  t.true(isRpcError(failed, 'not_found'))
  const counts = async (symbol: string): Promise<number[]> => {
    const seen: number[] = []
    for await (const { count } of ticker.ticks({ symbol, everyMs: 10 })) if (seen.push(count) === 5) break
    return seen
  }
  t.deepEqual(await Promise.all([counts('ROPE'), counts('SAIL')]), [
    [0, 1, 2, 3, 4],
    [0, 1, 2, 3, 4],
  ])
  await example.printed(/^2 streams are read$[^]*^0 streams are read$/m)
  const reading = counts('TAR')
  await example.printed(/^0 streams are read\n1 streams are read$/m)
  session.destroy()
  t.true(isRpcError(await t.throwsAsync(reading), 'unavailable'))
  await example.printed(/^0 streams are read\n1 streams are read\n[^]*^0 streams are read$/m)
  t.is(await example.end(), 0)
})
