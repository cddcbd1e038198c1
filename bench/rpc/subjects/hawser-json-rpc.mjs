// The built package, over lines of JSON-RPC.
import { line } from '../../../dist/codecs/framing/index.js'
import { dial, listen } from '../../../dist/src/index.js'
import { jsonRpc, method, rpc, service } from '../../../dist/src/rpc/index.js'
import { DEADLINE_MS } from '../workloads.mjs'

const Echo = service('', { same: method() })
const wire = jsonRpc({ framing: line() })

export async function serve() {
  const server = await listen(
    'tcp://127.0.0.1:0',
    rpc({ wire, onPeer: (peer) => peer.serve(Echo, { same: (value) => value }) }),
  )
  return server.address.href
}

export async function connect(address) {
  const session = await dial(address, rpc({ wire, timeoutMs: DEADLINE_MS }))
  const calls = session.data.client(Echo)
  return { call: (value) => calls.same(value) }
}
