// The built package, default options.
import { protobufBody, protobufServiceFrom } from '../../../dist/codecs/protobuf.js'
import { dial, listen } from '../../../dist/src/index.js'
import { binary, jsonBody, method, rawBody, rpc, serverStream, service } from '../../../dist/src/rpc/index.js'
import { argument, Root } from '../payloads.mjs'
import { DEADLINE_MS } from '../workloads.mjs'

const Echo = service('echo', { same: method(), items: serverStream() })
const ProtoEcho = protobufServiceFrom(Root, 'bench.Echo')

function terms({ body }) {
  if (body === 'protobuf') return { contract: ProtoEcho, wire: binary({ body: protobufBody(ProtoEcho) }) }
  return { contract: Echo, wire: binary({ body: body === 'raw' ? rawBody : jsonBody }) }
}

const handlers = {
  same: (value) => value,
  *items() {
    for (let count = 0; ; count++) yield argument('raw', count)
  },
}

export async function serve(workload) {
  const { contract, wire } = terms(workload)
  const server = await listen('tcp://127.0.0.1:0', rpc({ wire, onPeer: (peer) => peer.serve(contract, handlers) }))
  return server.address.href
}

export async function connect(address, workload) {
  const { contract, wire } = terms(workload)
  const session = await dial(address, rpc({ wire, timeoutMs: DEADLINE_MS }))
  const calls = session.data.client(contract)
  return { call: (value) => calls.same(value), stream: () => calls.items(new Uint8Array(0)) }
}
