import type { Address, AddressReader } from './address.ts'
import type { Connection, Role } from './connection.ts'
import { known } from './known.ts'
import type { Peer, PeerCertificate, PeerProxy } from './peer.ts'

/** Which slot of a Client dialed, and how many sessions that slot had before. */
export interface Dialed {
  readonly slot: number
  readonly generation: number
}

/** What the connection knows, as the application sees it. Made when first asked for. */
export class ConnectionPeer implements Peer {
  readonly role: Role
  readonly reliable: boolean
  readonly localAddress: Address
  readonly remoteAddress: Address
  declare readonly certificate?: PeerCertificate
  declare readonly protocol?: string
  declare readonly request?: NonNullable<Peer['request']>
  declare readonly proxy?: PeerProxy
  declare readonly dialed?: Dialed

  constructor(connection: Connection, role: Role, dialed: Dialed | undefined, addresses: AddressReader) {
    this.role = role
    this.reliable = connection.reliable
    this.localAddress = addresses.of(connection.localAddress)
    this.remoteAddress = addresses.of(connection.remoteAddress)
    // Properties that stay absent unless they are known: `certificate: undefined` would be no Peer.
    Object.assign(this, known({ ...connection.peer, dialed }))
  }

  get transport(): string {
    return this.remoteAddress.scheme
  }
}
