import type { FuzzTarget } from './fuzz-target.ts'
import { addresses } from './targets/addresses.ts'
import { codecs } from './targets/codecs.ts'
import { framings } from './targets/framings.ts'
import { proxyProtocol } from './targets/proxy-protocol.ts'
import { rpcTargets } from './targets/rpc.ts'
import { webSocket } from './targets/web-socket.ts'

/** Everything that reads what strangers send. */
export const targets: readonly FuzzTarget[] = [
  ...framings,
  ...codecs,
  ...webSocket,
  ...proxyProtocol,
  ...rpcTargets,
  ...addresses,
]
