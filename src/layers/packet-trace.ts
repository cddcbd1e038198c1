import { type Address, parseAddress } from '../core/address.ts'
import { EMPTY } from '../core/bytes.ts'
import type { Connection, Role } from '../core/connection.ts'
import { parseIp } from '../core/ip-address.ts'
import { type Endpoint, MOST_DATAGRAM_BYTES, MOST_SEGMENT_BYTES, TCP, tcpPacket, udpPacket } from './ip-packet.ts'
import type { PcapFile } from './pcap-file.ts'
import type { WireRecord } from './wire-record.ts'

/** One direction, as TCP counts it. */
interface Side {
  readonly endpoint: Endpoint
  /** Of the next byte that it sends. */
  sequence: number
  ended: boolean
}

const LOOPBACK = Uint8Array.of(127, 0, 0, 1)
/** For ends that have no port: each connection is a conversation of its own. */
let lastPort = 0

/**
 * One connection as packets in a file: of udp:// datagrams, else the TCP conversation that would have carried the bytes,
 * handshake and all, however they were carried.
 */
export class PacketTrace implements WireRecord {
  readonly #file: PcapFile
  readonly #near: Side
  readonly #far: Side
  readonly #dialed: boolean
  readonly #datagrams: boolean

  constructor(file: PcapFile, connection: Connection, role: Role) {
    const { near, far } = endpoints(connection)
    this.#file = file
    this.#near = { endpoint: near, sequence: 0, ended: false }
    this.#far = { endpoint: far, sequence: 0, ended: false }
    this.#dialed = role === 'dialed'
    this.#datagrams = connection.remoteAddress.startsWith('udp:')
  }

  opened(): void {
    if (this.#datagrams) return
    const [first, second] = this.#dialed ? [this.#near, this.#far] : [this.#far, this.#near]
    this.#segment(first, second, TCP.SYN)
    first.sequence++
    this.#segment(second, first, TCP.SYN | TCP.ACK)
    second.sequence++
    this.#segment(first, second, TCP.ACK)
  }

  sent(bytes: Uint8Array): void {
    this.#carry(this.#near, this.#far, bytes)
  }

  received(bytes: Uint8Array): void {
    this.#carry(this.#far, this.#near, bytes)
  }

  ended(): void {
    this.#end(this.#near, this.#far)
  }

  endReceived(): void {
    this.#end(this.#far, this.#near)
  }

  closed(error: Error | undefined): void {
    if (this.#datagrams || (this.#near.ended && this.#far.ended)) return
    const [from, to] = error === undefined ? [this.#near, this.#far] : [this.#far, this.#near]
    this.#segment(from, to, TCP.RST | TCP.ACK)
  }

  #carry(from: Side, to: Side, bytes: Uint8Array): void {
    if (this.#datagrams) {
      this.#file.packet(udpPacket(from.endpoint, to.endpoint, bytes.subarray(0, MOST_DATAGRAM_BYTES)))
      return
    }
    for (let at = 0; at < bytes.length; at += MOST_SEGMENT_BYTES) {
      const payload = bytes.subarray(at, at + MOST_SEGMENT_BYTES)
      this.#segment(from, to, TCP.PSH | TCP.ACK, payload)
      from.sequence = (from.sequence + payload.length) >>> 0
    }
  }

  #end(from: Side, to: Side): void {
    if (this.#datagrams || from.ended) return
    from.ended = true
    this.#segment(from, to, TCP.FIN | TCP.ACK)
    from.sequence = (from.sequence + 1) >>> 0
    this.#segment(to, from, TCP.ACK)
  }

  #segment(from: Side, to: Side, flags: number, payload: Uint8Array = EMPTY): void {
    const acknowledged = flags & TCP.ACK ? to.sequence : 0
    const segment = { flags, sequence: from.sequence, acknowledged }
    this.#file.packet(tcpPacket(from.endpoint, to.endpoint, segment, payload))
  }
}

function endpoints({ localAddress, remoteAddress }: Connection): { readonly near: Endpoint; readonly far: Endpoint } {
  const near = endpointOf(localAddress)
  const far = endpointOf(remoteAddress)
  if (near === undefined || far === undefined || near.address.length !== far.address.length) {
    lastPort = (lastPort % 65_000) + 1
    return { near: { address: LOOPBACK, port: 65_535 }, far: { address: LOOPBACK, port: lastPort } }
  }
  return { near, far }
}

/** Undefined for what has no IP address and port. */
function endpointOf(text: string): Endpoint | undefined {
  let address: Address
  try {
    address = parseAddress(text)
  } catch {
    return undefined // a stream of somebody's own may call its end as it likes
  }
  const bytes = parseIp(address.host.replace(/%.*$/, ''))
  return bytes === undefined ? undefined : { address: bytes, port: address.port }
}
