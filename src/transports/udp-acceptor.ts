import { makeAddress } from '../core/address.ts'
import type { DatagramSink, DatagramSocket, Env, TimerHandle } from '../core/env.ts'
import { HawserError } from '../core/errors.ts'
import type { Acceptor, AcceptSink } from '../core/transport.ts'
import type { ResolvedUdpOptions } from './options.ts'
import { type Peer, PeerTable } from './peer-table.ts'
import { UdpConnection, type UdpOwner } from './udp-connection.ts'

/** `peerIdleMs` is so many ticks; a peer that falls silent in one of them is let go when so many whole ones have passed. */
const TICKS = 16
/** So many silent peers are let go in one turn. */
const EXPIRED_PER_TURN = 256

/**
 * A datagram socket with many peers: the first datagram of an address is a new connection, if it is admitted.
 *
 *     datagram ──▶ PeerTable ──known──▶ its UdpConnection
 *                      └──unknown──▶ admit ──▶ room? else the weakest peer goes ──▶ onConnection
 *
 * What a forged address costs is one entry of the table, and whatever the application makes of a session; it stays
 * until it is displaced or was silent for `peerIdleMs`.
 */
export class UdpAcceptor implements Acceptor, DatagramSink, UdpOwner {
  readonly env: Env
  readonly address: string
  readonly localAddress: string
  readonly maxDatagramBytes: number
  readonly socket: DatagramSocket
  readonly #sink: AcceptSink
  readonly #maxPeers: number
  readonly #peerIdleMs: number
  readonly #peers = new PeerTable<UdpConnection>()
  #latest: Peer<UdpConnection> | undefined
  /** In the table, or expired and not closed yet: they send through our socket. */
  #openConnections = 0
  /** Of the table's time; it stands still while the table is empty. */
  #tick = 0
  #timer: TimerHandle | undefined
  readonly #displaced: { 'udp.maxPeers'?: HawserError; maxSessions?: HawserError } = {}
  #paused = false
  #closing: Promise<void> | undefined
  #onDrained: (() => void) | undefined
  readonly #onTick = (): void => {
    this.#timer = undefined
    this.#tick++
    this.#expireSilent()
  }

  /** @param host as it was asked for: `*` stays */
  constructor(env: Env, host: string, socket: DatagramSocket, options: ResolvedUdpOptions, sink: AcceptSink) {
    this.env = env
    this.socket = socket
    this.address = this.localAddress = makeAddress('udp', host, socket.port).href
    this.maxDatagramBytes = options.maxDatagramBytes
    this.#maxPeers = options.maxPeers
    this.#peerIdleMs = options.peerIdleMs
    this.#sink = sink
    socket.attach(this)
  }

  // ── The socket ──────────────────────────────────────────────────────────────────────────────────────────────

  onDatagram(bytes: Uint8Array, host: string, port: number): void {
    const peer = this.#find(host, port)
    if (peer === undefined) {
      this.#meet(bytes, host, port)
    } else {
      this.#peers.heard(peer, this.#tick)
      peer.value.receive(bytes)
    }
  }

  onError(error: HawserError): void {
    this.#sink.onError(error)
  }

  // ── The connections ─────────────────────────────────────────────────────────────────────────────────────────

  answered(connection: UdpConnection): void {
    this.#peers.answered(keyOf(connection), this.#tick)
  }

  gone(connection: UdpConnection): void {
    this.#peers.delete(keyOf(connection), connection)
    this.#openConnections--
    if (this.#closing !== undefined) this.#closeIfDrained()
  }

  // ── The server ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Datagrams of strangers are lost meanwhile. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
  }

  makeRoom(): boolean {
    const peer = this.#peers.weakest
    if (peer === undefined || peer.standing === 'talking') return false
    this.#displace(peer, 'maxSessions')
    return true
  }

  /** Connections that were accepted stay; they need the socket, so its port is free when the last of them has closed. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#onDrained = resolve
    })
    this.#closeIfDrained()
    return this.#closing
  }

  #closeIfDrained(): void {
    const { env } = this
    const resolve = this.#onDrained
    if (this.#openConnections > 0 || resolve === undefined) return
    this.#onDrained = undefined
    this.#timer?.cancel()
    this.socket.close()
    env.yield(resolve)
  }

  // ── The table ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Datagrams of one peer often come in a row; to compare is faster than to make a key and hash it. */
  #find(host: string, port: number): Peer<UdpConnection> | undefined {
    const latest = this.#latest
    if (latest?.value.port === port && latest.value.host === host && !latest.isGone) return latest
    this.#latest = this.#peers.get(keyOf({ host, port }))
    return this.#latest
  }

  #meet(bytes: Uint8Array, host: string, port: number): void {
    if (this.#paused || this.#closing !== undefined) return
    if (port === 0 || this.socket.isOwn(host, port)) return // nobody who could be answered, or ourselves
    if (!this.#sink.admit(makeAddress('udp', host, port))) return
    const { weakest } = this.#peers
    if (this.#peers.size >= this.#maxPeers && weakest !== undefined) {
      this.#displace(weakest, 'udp.maxPeers')
    }
    const connection = new UdpConnection(this, host, port)
    this.#openConnections++
    this.#peers.add(keyOf(connection), connection, this.#tick)
    connection.receive(bytes)
    this.#keepTime()
    this.#sink.onConnection(connection)
  }

  /** One error for all of them: making one with its stack for each would cost more than everything else here. */
  #displace({ value }: Peer<UdpConnection>, limit: 'udp.maxPeers' | 'maxSessions'): void {
    this.#displaced[limit] ??= new HawserError(
      'ERR_TOO_MANY_SESSIONS',
      `${limit} is reached: another peer took its place`,
      {
        retryable: true,
      },
    )
    value.fail(this.#displaced[limit])
  }

  #keepTime(): void {
    if (this.#timer !== undefined || this.#peerIdleMs === 0 || this.#peers.size === 0) return
    this.#timer = this.env.setTimer(this.#peerIdleMs / TICKS, this.#onTick)
  }

  #expireSilent(): void {
    for (let count = 0; count < EXPIRED_PER_TURN; count++) {
      const peer = this.#peers.stalest
      if (peer === undefined || this.#tick - peer.heardIn <= TICKS) return this.#keepTime()
      const { key, value } = peer
      this.#peers.delete(key, value) // what comes from there later is a new peer
      value.expire({ text: `silent for ${this.#peerIdleMs} ms` })
    }
    this.env.yield(() => this.#expireSilent())
  }
}

function keyOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host}:${port}`
}
