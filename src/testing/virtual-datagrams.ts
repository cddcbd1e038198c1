import { copy } from '../core/bytes.ts'
import { makeAddress } from '../core/address.ts'
import type { DatagramSender, DatagramSink, DatagramSocket, Env } from '../core/env.ts'
import { HawserError } from '../core/errors.ts'
import type { LinkOptions } from '../core/transport.ts'
import type { ResolvedUdpOptions } from '../transports/options.ts'
import { isAddress, LOOPBACK } from './virtual-address.ts'
import { corrupt, isApart, type Weather } from './virtual-link.ts'
import type { VirtualMachine } from './virtual-machine.ts'

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
  readonly #weather: Weather
  readonly #machineOf: (host: string, own: VirtualMachine) => VirtualMachine
  readonly #sockets = new Set<VirtualDatagramSocket>()
  #nextPort = FIRST_FREE_PORT

  /** @param machineOf who answers to `host`, asked by `own` */
  constructor(weather: Weather, machineOf: (host: string, own: VirtualMachine) => VirtualMachine) {
    this.#weather = weather
    this.#machineOf = machineOf
  }

  bind(
    machine: VirtualMachine,
    target: Endpoint & { readonly connect?: Endpoint },
    { env, groups }: LinkOptions,
  ): DatagramSocket {
    const { connect } = target
    const remote = connect && this.#endpoint(connect, machine)
    if (connect !== undefined && remote?.host === connect.host && !this.#isKnown(connect.host, machine)) {
      const { href } = makeAddress('udp', connect.host, connect.port)
      throw new HawserError('ERR_HOST_NOT_FOUND', `${href}: no such host`, { retryable: true })
    }
    const options = groups['udp'] as ResolvedUdpOptions
    const host = remote === undefined ? machine.canonical(target.host) : this.#ownHost(machine, remote)
    const port = target.port === 0 ? this.#freePort() : target.port
    const shares = options.multicast.length > 0
    for (const other of this.#sockets) {
      if (other.machine !== machine || other.port !== port || (shares && other.groups.length > 0)) continue
      if (other.host !== host && other.host !== '*' && host !== '*') continue
      throw new HawserError('ERR_ADDRESS_IN_USE', `${makeAddress('udp', host, port).href} is in use`)
    }
    const socket = new VirtualDatagramSocket(this, env, machine, { host, port }, remote, options)
    this.#sockets.add(socket)
    return socket
  }

  /** This one is no more. */
  closed(socket: VirtualDatagramSocket): void {
    this.#sockets.delete(socket)
  }

  closeAll(machine: VirtualMachine): void {
    for (const socket of this.#sockets) if (socket.machine === machine) socket.close()
  }

  /** A datagram leaves; `bytes` are the network's. */
  carry(from: VirtualDatagramSocket, bytes: Uint8Array, target: Endpoint): void {
    const to = this.#endpoint(target, from.machine)
    const { isCut, faults, random } = this.#weather
    const { lossRatio = 0, duplicateRatio = 0 } = faults
    if (isCut || (lossRatio > 0 && random.next() < lossRatio)) return
    const times = duplicateRatio > 0 && random.next() < duplicateRatio ? 2 : 1
    for (let i = 0; i < times; i++) {
      const piece = i === 0 ? bytes : copy(bytes)
      if (piece.length > 0) corrupt(this.#weather, piece)
      this.#weather.timeline.schedule(this.#delay(), () => this.#arrive(from, piece, to))
    }
  }

  #delay(): number {
    const { faults, random } = this.#weather
    const { latencyMs = 0, jitterMs = 0 } = faults
    return latencyMs + (jitterMs > 0 ? random.next() * jitterMs : 0)
  }

  #arrive(from: VirtualDatagramSocket, bytes: Uint8Array, to: Endpoint): void {
    if (this.#weather.isCut) return
    const toGroup = isGroup(to.host)
    const machine = this.#machineOf(to.host, from.machine)
    if (!toGroup && isApart(from.machine, machine)) return
    const origin = { host: this.#ownHost(from.machine, to), port: from.port }
    let heard = false
    for (const socket of this.#sockets) {
      if (toGroup ? isApart(from.machine, socket.machine) : socket.machine !== machine) continue
      if (!socket.hears(origin, to)) continue
      const piece = heard ? copy(bytes) : bytes
      socket.machine.process.hear(() => socket.receive(piece, from.host === '*' ? origin : from))
      heard = true
    }
    if (!heard && !toGroup && this.#weather.faults.dials !== 'ignore') {
      this.#weather.timeline.schedule(this.#delay(), () => from.machine.process.hear(() => from.refused(to)))
    }
  }

  /** Names that nobody has are those of whoever listens on them, as for streams. */
  #isKnown(host: string, own: VirtualMachine): boolean {
    if (isAddress(host)) return true
    for (const socket of this.#sockets) if (socket.machine === own && socket.host === host) return true
    return false
  }

  /** In the one spelling of whose host it is. */
  #endpoint({ host, port }: Endpoint, own: VirtualMachine): Endpoint {
    return { host: this.#machineOf(host, own).canonical(host), port }
  }

  /** Under which address the machine is seen from there. */
  #ownHost(machine: VirtualMachine, { host }: Endpoint): string {
    return this.#machineOf(host, machine) === machine ? LOOPBACK : machine.address
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
  readonly machine: VirtualMachine
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
    machine: VirtualMachine,
    { host, port }: Endpoint,
    remote: Endpoint | undefined,
    { multicast, broadcast }: ResolvedUdpOptions,
  ) {
    this.machine = machine
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
    const to = this.remote ?? { host, port }
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
  receive(bytes: Uint8Array, from: Endpoint): void {
    this.#sink?.onDatagram(bytes, from.host, from.port)
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
