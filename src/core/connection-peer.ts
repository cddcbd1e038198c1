import type { Address, AddressReader } from './address.ts'
import type { Connection, PeerInfo, Role } from './connection.ts'
import type { Peer, PeerCertificate, PeerProxy } from './peer.ts'

/** Which slot of a Client dialed, and how many sessions that slot had before. */
export interface Dialed {
  readonly slot: number
  readonly generation: number
}

/** What the connection knows, as the application sees it. Made when first asked for. */
export class ConnectionPeer implements Peer {
  readonly role: Role
  readonly localAddress: Address
  readonly remoteAddress: Address
  declare readonly certificate?: PeerCertificate
  declare readonly protocol?: string
  declare readonly request?: NonNullable<Peer['request']>
  declare readonly proxy?: PeerProxy
  declare readonly dialed?: Dialed

  constructor(connection: Connection, role: Role, dialed: Dialed | undefined, addresses: AddressReader) {
    const { certificate, protocol, request, proxy } = connection.peer
    this.role = role
    this.localAddress = addresses.of(connection.localAddress)
    this.remoteAddress = addresses.of(connection.remoteAddress)
    // Properties that stay absent unless they are known: `certificate: undefined` would be no Peer.
    if (certificate !== undefined) this.certificate = certificate as PeerCertificate // env/node made it
    if (protocol !== undefined) this.protocol = protocol
    if (request !== undefined) this.request = request
    if (proxy !== undefined) this.proxy = proxyOf(proxy, addresses)
    if (dialed !== undefined) this.dialed = dialed
  }

  get transport(): string {
    return this.remoteAddress.scheme
  }
}

function proxyOf({ address, destination, tlvs }: NonNullable<PeerInfo['proxy']>, addresses: AddressReader): PeerProxy {
  const known = destination === undefined ? undefined : { destination: addresses.of(destination) }
  return { address: addresses.of(address), ...known, tlvs }
}
