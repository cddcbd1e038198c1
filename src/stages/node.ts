import type { Address } from '../core/address.ts'
import { systemEnv } from '../env/node/system-env.ts'
import { type ConnectionRateOptions, connectionRateOn } from './connection-rate.ts'

/**
 * For `admit`: false for a host that opens sessions too often. The addresses of one IPv6 network of 64 bits count as one
 * host; peers without a host (ipc, inproc) are let in.
 * @throws ERR_BAD_OPTION
 */
export function connectionRate(options: ConnectionRateOptions): (remoteAddress: Address) => boolean {
  return connectionRateOn(options.env ?? systemEnv, options)
}
