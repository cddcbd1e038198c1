import { loadRecord } from './hawser-codecs.mjs'
import {
  binary,
  dial,
  jsonBody,
  listen,
  method,
  protobufBody,
  protobufServiceFrom,
  rawBody,
  rpc as setup,
  serverStream,
  service,
} from './hawser.mjs'
import { DEADLINE_MS } from './kinds/rpc.mjs'
import { mixedUse } from './mixed-use.mjs'

const Echo = service('echo', { same: method(), items: serverStream() })
const JustSame = service('echo', { same: method() })

/** The contract and the wire of a workload. */
async function terms({ codec = 'raw' }, wire) {
  if (wire !== undefined) return { contract: JustSame, wire: wire() }
  if (codec === 'raw') return { contract: Echo, wire: binary({ body: rawBody }) }
  if (codec === 'json') return { contract: Echo, wire: binary({ body: jsonBody }) }
  const contract = protobufServiceFrom(await loadRecord(), 'Echo')
  return { contract, wire: binary({ body: protobufBody(contract) }) }
}

/**
 * Hawser's RPC, both ends, default options.
 *
 * @param {() => object} [otherWire] instead of the binary one
 */
export function rpcSubject(otherWire) {
  return {
    prepare: mixedUse,

    async serve({ workload, address = 'tcp://127.0.0.1:0' }, items) {
      const { contract, wire } = await terms(workload, otherWire)
      const handlers = { same: (value) => value, items: () => items }
      const server = await listen(address, setup({ wire, onPeer: (peer) => peer.serve(contract, handlers) }))
      return server.address.href
    },

    async connect({ workload, address }) {
      const { contract, wire } = await terms(workload, otherWire)
      const session = await dial(address, setup({ wire, timeoutMs: DEADLINE_MS }))
      const calls = session.data.client(contract)
      return { call: (value) => calls.same(value), stream: () => calls.items(new Uint8Array(0)) }
    },
  }
}

export const rpc = rpcSubject()
