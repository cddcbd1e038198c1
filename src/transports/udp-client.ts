import { type Address, makeAddress } from '../core/address.ts'
import type { DatagramSink, DatagramSocket, Env } from '../core/env.ts'
import type { HawserError } from '../core/errors.ts'
import { UdpConnection, type UdpOwner } from './udp-connection.ts'

/** A socket that is connected to one peer, and the one connection that owns it. */
export class UdpClient implements DatagramSink, UdpOwner {
  readonly env: Env
  readonly socket: DatagramSocket
  readonly localAddress: string
  readonly maxDatagramBytes: number
  readonly connection: UdpConnection

  /** @param address who was dialed, where the socket does not say whom it reached */
  constructor(env: Env, socket: DatagramSocket, address: Address, maxDatagramBytes: number) {
    this.env = env
    this.socket = socket
    this.localAddress = makeAddress('udp', socket.host, socket.port).href
    this.maxDatagramBytes = maxDatagramBytes
    const { host, port } = socket.remote ?? address
    this.connection = new UdpConnection(this, host, port)
    socket.attach(this)
  }

  onDatagram(bytes: Uint8Array): void {
    this.connection.receive(bytes)
  }

  /** That nobody is there: the system hears of it after a send, by ICMP. */
  onError(error: HawserError): void {
    this.connection.fail(error)
  }

  answered(): void {}

  gone(): void {
    this.socket.close()
  }
}
