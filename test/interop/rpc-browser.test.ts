import test, { type ExecutionContext } from 'ava'
import { msgpackBody } from '../../codecs/msgpack.ts'
import { dial, listen } from '../../src/node.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { binary, isRpcError, jsonRpc, rpc, type RpcPeer, type RpcWire } from '../../src/rpc/index.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { Chromium, run } from '../support/chromium.ts'
import { Exercise, exercise, type ExerciseTerms, serveExercise } from '../support/rpc-exercise.ts'

/** What the tests call by name in the page: all of it is the same code as here. */
const PROGRAM = `
import { connect, dial } from 'src/browser/index.js'
import { binary, jsonRpc, rpc, rpcClient } from 'src/rpc/index.js'
import { msgpackBody } from 'codecs/msgpack.js'
import { Exercise, exercise, serveExercise } from 'test/support/rpc-exercise.js'
const wires = {
  'binary, JSON': binary(),
  'binary, MessagePack': binary({ body: msgpackBody }),
  'JSON-RPC': jsonRpc({ cancelMethod: '$/cancelRequest' }),
}
Object.assign(globalThis, { connect, dial, Exercise, exercise, rpc, rpcClient, serveExercise, wires })
globalThis.ready = true
`
/** In the page, MessagePack is Node's, bundled. */
const wires: Readonly<Record<string, readonly [RpcWire, ExerciseTerms]>> = {
  'binary, JSON': [binary(), { streams: true, cancels: true }],
  'binary, MessagePack': [binary({ body: msgpackBody }), { streams: true, cancels: true }],
  'JSON-RPC': [jsonRpc({ cancelMethod: '$/cancelRequest' }), { streams: false, cancels: true }],
}

let chromium: Chromium

test.before(async () => {
  chromium = await Chromium.start(PROGRAM)
})

test.after.always(() => chromium?.stop())

async function serve(t: ExecutionContext, wire: RpcWire): Promise<{ url: string; peers: RpcPeer[] }> {
  const peers: RpcPeer[] = []
  const server = await listen(
    'ws://127.0.0.1:0/rpc',
    rpc({
      wire,
      onPeer(peer) {
        peers.push(peer)
        serveExercise(peer)
      },
    }),
  )
  t.teardown(() => server.destroy())
  return { url: server.address.href, peers }
}

for (const [name, [wire, terms]] of Object.entries(wires)) {
  test(`${name}: a page calls all that a server serves, and serves all that it calls`, async (t) => {
    // On Node first: what fails there is not the browser's fault.
    const { url, peers } = await serve(t, wire)
    const session = await dial(url, rpc({ wire, onPeer: serveExercise }))
    const checks = await exercise(session.data, terms)
    session.destroy()

    const page = await chromium.ready(t)
    const dialing = `globalThis.session = await dial('${url}', rpc({ wire: wires['${name}'], onPeer: serveExercise }))`
    t.is(await run(page, `${dialing}; return exercise(session.data, ${JSON.stringify(terms)})`), checks)
    const pagePeer = peers[1] as RpcPeer
    t.is(await exercise(pagePeer, terms), checks)
    t.deepEqual([pagePeer.stats.outgoing, pagePeer.stats.incoming], [0, 0])
    await run(page, `await session.data.close()`)
  })
}

test('a page that goes away ends its calls, in both directions', async (t) => {
  const { url, peers } = await serve(t, binary())
  const page = await chromium.ready(t)
  await run(
    page,
    `globalThis.session = await dial('${url}', rpc({ onPeer: serveExercise }))
     session.data.client(Exercise).hang({}).catch(() => {})
     await session.data.client(Exercise).add({ a: 1, b: 1 })`,
  )
  const [peer] = peers as [RpcPeer]
  const hanging = peer.client(Exercise).hang({})
  await until(systemEnv, () => peer.stats.incoming === 1 && peer.stats.outgoing === 1, 'both calls are in progress')
  await page.goto('about:blank')
  const error = await t.throwsAsync(hanging)
  t.true(isRpcError(error, 'unavailable') && error.sent === 'maybe')
  t.is(peer.stats.incoming, 0)
})

test('a page calls through a client that stays connected', async (t) => {
  const { url, peers } = await serve(t, binary())
  const page = await chromium.ready(t)
  const first = await run(
    page,
    `globalThis.client = connect('${url}', { ...rpc(), reconnect: { initialMs: 10, maxMs: 100 } })
     globalThis.calls = rpcClient(client, Exercise)
     return (await calls.add({ a: 1, b: 2 })).sum`,
  )
  t.is(first, 3)
  peers[0]?.session.destroy()
  t.is(await run(page, `return (await calls.add({ a: 3, b: 4 }, { timeoutMs: 10000 })).sum`), 7)
  t.is(peers.length, 2)
  await run(page, `await client.close()`)
})
