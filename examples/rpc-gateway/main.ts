// A gateway: JSON-RPC for the world outside, the compact wire for the services behind it. It knows which service is
// where, and nothing of their methods: what it does not serve itself it hands on, without looking into it.
import { closeOnSignals, connect, listen } from 'hawser'
import { line } from 'hawser/framing'
import { jsonRpc, method, rpc, RpcError, service } from 'hawser/rpc'
import { explainTakenPort, portFrom } from '../environment.ts'

const Arith = service('arith', {
  add: method<{ a: number; b: number }, number>(),
  divide: method<{ a: number; b: number }, number>(),
})
const Clock = service('clock', { now: method<void, string>() })
const Gateway = service('gateway', { services: method<void, string[]>() })

// Two services, each in a process of its own, in earnest.
const arith = await listen(
  'inproc://arith',
  rpc({
    onPeer: (peer) =>
      peer.serve(Arith, {
        add: ({ a, b }) => a + b,
        divide: ({ a, b }) => {
          if (b === 0) throw new RpcError('invalid_argument', 'nothing can be divided by 0', { data: { a, b } })
          return a / b
        },
      }),
  }),
)
const clock = await listen(
  'inproc://clock',
  rpc({ onPeer: (peer) => peer.serve(Clock, { now: () => new Date().toISOString() }) }),
)

const upstreams = new Map([
  ['arith', connect(arith.address, rpc())],
  ['clock', connect(clock.address, rpc())],
])

const gateway = await listen(`tcp://127.0.0.1:${portFrom(7_000)}`, {
  ...rpc({
    wire: jsonRpc({ framing: line() }),
    onPeer(peer) {
      peer.serve(Gateway, { services: () => [...upstreams.keys()] })
      peer.fallback((call, { signal }) => {
        const name = call.method.slice(0, call.method.lastIndexOf('.'))
        const upstream = upstreams.get(name)
        if (upstream === undefined) throw new RpcError('unimplemented', `there is no service ${name}`)
        const [session] = upstream.sessions
        if (session === undefined) throw new RpcError('unavailable', `${name} is away`)
        return session.data.forward(call, { signal, timeoutMs: 5_000 })
      })
    },
  }),
  maxFrameBytes: 64 * 1024,
}).catch(explainTakenPort)
console.log(`listening on ${gateway.address}; try: nc 127.0.0.1 ${gateway.address.port}`)
console.log('{"jsonrpc":"2.0","id":1,"method":"arith.add","params":{"a":1,"b":2}}')

await closeOnSignals([gateway, ...upstreams.values(), arith, clock])
