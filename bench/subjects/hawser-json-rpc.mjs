// The same over lines of JSON-RPC 2.0.
import { rpcSubject } from '../hawser-rpc.mjs'
import { jsonRpc, line } from '../hawser.mjs'

export const rpc = rpcSubject(() => jsonRpc({ framing: line() }))
