import type { Address } from '../core/address.ts'
import { NetworkList } from '../core/network-list.ts'

/**
 * For `admit`: false for peers whose host is in one of `networks`, such as `10.0.0.0/8`, `2001:db8::/32` or a single
 * address. Peers without a host (ipc, inproc) are let in.
 * @throws ERR_BAD_OPTION
 */
export function denyHosts(networks: readonly string[]): (remoteAddress: Address) => boolean {
  const denied = new NetworkList('denyHosts', networks)
  return ({ host }) => !denied.has(host)
}
