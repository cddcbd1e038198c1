import type { Address } from '../core/address.ts'
import type { Env } from '../core/env.ts'
import { ipText, parseIp } from '../core/ip-address.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireNumber } from '../core/session-options.ts'
import { TokenBucket } from '../core/token-bucket.ts'

/** How often one host may come. */
export interface ConnectionRateOptions {
  /** Sessions that a host may open at once, after silence; from then on as many in each `intervalMs`. */
  readonly perHost: number
  /** The time in which so many more may come. */
  readonly intervalMs: number
  /** Hosts that are remembered; those not seen for longest are forgotten first. @defaultValue 65 536 */
  readonly maxHosts?: number | undefined
  /** Whose clock counts. @defaultValue the real one */
  readonly env?: Env | undefined
}

const MAX_HOSTS = 65_536
/** Of an IPv6 address the half that its holder was given; the other half is his to choose, for each session anew. */
const IPV6_NETWORK_BYTES = 8

/** `connectionRate` on a given clock. @throws ERR_BAD_OPTION */
export function connectionRateOn(env: Env, options: ConnectionRateOptions): (remoteAddress: Address) => boolean {
  const { perHost, intervalMs, maxHosts = MAX_HOSTS } = options
  requireKnown('connectionRate.', options, ['perHost', 'intervalMs', 'maxHosts', 'env'])
  requireNumber('connectionRate.perHost', perHost, 1)
  requireNumber('connectionRate.intervalMs', intervalMs, 1)
  requireNumber('connectionRate.maxHosts', maxHosts, 1)
  const hosts = new Map<string, TokenBucket>() // in the order in which they were last seen
  return ({ host }) => {
    if (host === '') return true
    const now = env.now()
    const key = keyOf(host)
    const bucket = hosts.get(key) ?? new TokenBucket((perHost * 1000) / intervalMs, perHost, now)
    const admitted = bucket.available(now) >= 1
    if (admitted) bucket.take(1, now)
    hosts.delete(key)
    hosts.set(key, bucket)
    if (hosts.size > maxHosts) hosts.delete(hosts.keys().next().value ?? '')
    return admitted
  }
}

function keyOf(host: string): string {
  const bytes = parseIp(host)
  if (bytes === undefined || bytes.length === 4) return bytes === undefined ? host : ipText(bytes)
  return ipText(bytes.slice().fill(0, IPV6_NETWORK_BYTES))
}
