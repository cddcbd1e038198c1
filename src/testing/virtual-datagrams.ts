import { copy } from '../core/bytes.ts'
import { makeAddress } from '../core/address.ts'
import type { DatagramSender, DatagramSink, DatagramSocket, Env } from '../core/env.ts'
import { HawserError } from '../core/errors.ts'
import type { LinkOptions } from '../core/transport.ts'
import type { ResolvedUdpOptions } from '../transports/options.ts'
import { isAddress, LOOPBACK, machineHost } from './virtual-address.ts'
import { corrupt, type Weather } from './virtual-link.ts'

interface Endpoint {
  readonly host: string
  readonly port: number
}

const BROADCAST = '255.255.255.255'
const FIRST_FREE_PORT = 49_152
const LAST_PORT = 65_535

/**
 * The datagram sockets of a virtual network. A datagram takes the time that the weather says, each by itself: so they
 * overtake each other, and are lost, doubled and changed as the faults have it. Ports are not those of TCP.
 */
export class VirtualDatagrams {
  readonly #env: Env
  readonly #weather: Weather
  readonly #sockets = new Set<VirtualDatagramSocket>()
  #nextPort = FIRST_FREE_PORT

  constructor(env: Env, weather: Weather) {
    this.#env = env
    this.#weather = weather
  }

  bind(target: Endpoint & { readonly connect?: Endpoint }, { groups }: LinkOptions): DatagramSocket {
    const { connect } = target
    if (connect !== undefined && !isAddress(connect.host)) {
      const { href } = makeAddress('udp', connect.host, connect.port)
      throw new HawserError('ERR_HOST_NOT_FOUND', `${href}: no such host`, { retryable: true })
    }
    const options = groups['udp'] as ResolvedUdpOptions
    const host = connect === undefined ? machineHost(target.host) : LOOPBACK
    const port = target.port === 0 ? this.#freePort() : target.port
    const shares = options.multicast.length > 0
    for (const other of this.#sockets) {
      if (other.port !== port || (shares && other.groups.length > 0)) continue
      if (other.host !== host && other.host !== '*' && host !== '*') continue
      throw new HawserError('ERR_ADDRESS_IN_USE', `${makeAddress('udp', host, port).href} is in use`)
    }
    const remote = connect && { host: machineHost(connect.host), port: connect.port }
    const socket = new VirtualDatagramSocket(this, this.#env, { host, port }, remote, options)
    this.#sockets.add(socket)
    return socket
  }

  /** This one is no more. */
  closed(socket: VirtualDatagramSocket): void {
    this.#sockets.delete(socket)
  }

  /** A datagram leaves; `bytes` are the network's. */
  carry(from: VirtualDatagramSocket, bytes: Uint8Array, to: Endpoint): void {
    const { isCut, faults, random } = this.#weather
    const { lossRatio = 0, duplicateRatio = 0 } = faults
    if (isCut || (lossRatio > 0 && random.next() < lossRatio)) return
    const times = duplicateRatio > 0 && random.next() < duplicateRatio ? 2 : 1
    for (let i = 0; i < times; i++) {
      const piece = i === 0 ? bytes : copy(bytes)
      if (piece.length > 0) corrupt(this.#weather, piece)
      this.#weather.schedule(this.#delay(), () => this.#arrive(from, piece, to))
    }
  }

  #delay(): number {
    const { faults, random } = this.#weather
    const { latencyMs = 0, jitterMs = 0 } = faults
    return latencyMs + (jitterMs > 0 ? random.next() * jitterMs : 0)
  }

  #arrive(from: VirtualDatagramSocket, bytes: Uint8Array, to: Endpoint): void {
    if (this.#weather.isCut) return
    let heard = false
    for (const socket of this.#sockets) {
      if (!socket.hears(from, to)) continue
      socket.receive(heard ? copy(bytes) : bytes, from)
      heard = true
    }
    if (!heard && !isGroup(to.host) && this.#weather.faults.dials !== 'ignore') {
      this.#weather.schedule(this.#delay(), () => from.refused(to))
    }
  }

  #freePort(): number {
    const taken = new Set(Array.from(this.#sockets, ({ port }) => port))
    for (let tries = FIRST_FREE_PORT; tries <= LAST_PORT; tries++) {
      const port = this.#nextPort
      this.#nextPort = port === LAST_PORT ? FIRST_FREE_PORT : port + 1
      if (!taken.has(port)) return port
    }
    throw new HawserError('ERR_ADDRESS_IN_USE', 'no port is free')
  }
}

class VirtualDatagramSocket implements DatagramSocket {
  readonly host: string
  readonly port: number
  readonly remote: Endpoint | undefined
  readonly groups: readonly string[]
  readonly isBehind = false
  readonly #network: VirtualDatagrams
  readonly #env: Env
  readonly #mayBroadcast: boolean
  #sink: DatagramSink | undefined
  #isClosed = false

  constructor(
    network: VirtualDatagrams,
    env: Env,
    { host, port }: Endpoint,
    remote: Endpoint | undefined,
    { multicast, broadcast }: ResolvedUdpOptions,
  ) {
    this.host = host
    this.port = port
    this.remote = remote
    this.#network = network
    this.#env = env
    this.groups = multicast.map((group) => group.replace(/%.*/, ''))
    this.#mayBroadcast = broadcast
  }

  attach(sink: DatagramSink): void {
    this.#sink = sink
  }

  send(bytes: Uint8Array, host: string, port: number, sender?: DatagramSender): void {
    if (this.#isClosed) return
    const to = this.remote ?? { host: machineHost(host), port }
    const error =
      to.host === BROADCAST && !this.#mayBroadcast
        ? new HawserError('ERR_PERMISSION', `${BROADCAST}: the option udp.broadcast is off`)
        : undefined
    if (error === undefined) this.#network.carry(this, copy(bytes), to)
    if (sender !== undefined) this.#env.defer(() => this.#sent(sender, error))
  }

  #sent(sender: DatagramSender, error: HawserError | undefined): void {
    if (!this.#isClosed && error !== undefined) sender.onSendError(error)
    if (!this.#isClosed) sender.onSent()
  }

  isOwn(host: string, port: number): boolean {
    return port === this.port && (host === this.host || this.host === '*')
  }

  close(): void {
    this.#isClosed = true
    this.#sink = undefined
    this.#network.closed(this)
  }

  /** Whether what is sent there comes here. */
  hears(from: Endpoint, to: Endpoint): boolean {
    if (to.port !== this.port) return false
    if (isGroup(to.host)) return to.host === BROADCAST || this.groups.includes(to.host)
    if (this.host !== '*' && this.host !== to.host) return false
    const { remote } = this
    return remote === undefined || (remote.port === from.port && from.port !== 0)
  }

  /** A datagram arrives. */
  receive(bytes: Uint8Array, from: VirtualDatagramSocket): void {
    this.#sink?.onDatagram(bytes, from.host === '*' ? LOOPBACK : from.host, from.port)
  }

  /** Nobody is there; only who is connected hears of it. */
  refused(to: Endpoint): void {
    if (this.remote === undefined) return
    const { href } = makeAddress('udp', to.host, to.port)
    this.#sink?.onError(new HawserError('ERR_CONNECTION_REFUSED', `${href}: nobody listens`, { retryable: true }))
  }
}

function isGroup(host: string): boolean {
  return host === BROADCAST || /^(22[4-9]|23\d)\.|^ff[\da-f]{0,2}:/i.test(host)
}
