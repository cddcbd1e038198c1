import { type Address, type AddressLike, dialable, makeAddress, toAddress } from '../core/address.ts'
import { copy } from '../core/bytes.ts'
import type { DatagramSink, DatagramSocket, Env, TimerHandle } from '../core/env.ts'
import { badOption, type HawserError } from '../core/errors.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireNumber, requireOneOf } from '../core/session-options.ts'
import type { LinkOptions } from '../core/transport.ts'
import { systemEnv } from '../env/node/system-env.ts'
import { requiredNet } from '../transports/required-net.ts'
import { checkFaults, type Faults } from './faults.ts'
import { Random } from './random.ts'

/** What a network does to datagrams; with `jitterMs` they overtake each other. */
export type DatagramFaults = Pick<Faults, 'latencyMs' | 'jitterMs' | 'lossRatio' | 'duplicateRatio' | 'corruptRatio'>

/** The faults from the start, and what decides all chance. */
export interface FaultyDatagramsOptions extends DatagramFaults {
  /**
   * Decides all chance.
   * @defaultValue 1
   */
  readonly seed?: number | undefined
}

/** A proxy of datagrams on real sockets that loses, doubles, delays and changes them. */
export interface FaultyDatagrams extends AsyncDisposable {
  /** Where it listens: as the target's, with a host and port of its own. */
  readonly address: Address
  /** From now on, and instead of the faults of before; what is on its way keeps its time. */
  setFaults(faults: DatagramFaults): void
  /** Nothing gets through until `heal()`, and what is on its way is lost. */
  cut(): void
  /** Ends `cut()`. */
  heal(): void
  /** As a router that has forgotten its peers: the target sees each come from another port from now on. */
  rebind(): void
}

const DEFAULT_SEED = 1
/** Of the seeds of peers that follow each other, and of the two directions of one. */
const SEED_STEP = 0x9e37
const BACK_SEED = 0x5eed
const LOOPBACK = '127.0.0.1'
/** More than a test has; the one that came first makes room. */
const MAX_PEERS = 1024
const FAULT_NAMES: readonly (keyof DatagramFaults)[] = [
  'latencyMs',
  'jitterMs',
  'lossRatio',
  'duplicateRatio',
  'corruptRatio',
]

/**
 * Listens on a free port of the loopback, and passes datagrams on to `target` and its answers back, as badly as it is told
 * to. The same seed does the same to the n-th datagram of each direction of the n-th peer. That nobody listens at the
 * target is not passed on: to its peers it is a target that says nothing.
 * @throws (as a rejection) ERR_BAD_OPTION, also for faults that only streams have; ERR_BAD_ADDRESS; why it cannot listen
 */
export async function faultyDatagrams(
  target: AddressLike,
  options: FaultyDatagramsOptions = {},
): Promise<FaultyDatagrams> {
  const address = dialable(toAddress(target))
  requireOneOf('target', address.scheme, ['udp'])
  const { seed = DEFAULT_SEED, ...faults } = options
  requireNumber('seed', seed, 0)
  checkDatagramFaults(faults)
  const proxy = new DatagramProxy(address, seed, faults)
  await proxy.listen()
  return proxy
}

class DatagramProxy implements FaultyDatagrams, DatagramSink {
  readonly #env: Env = systemEnv
  readonly #target: Address
  readonly #seed: number
  readonly #peers = new Map<string, ProxiedPeer>()
  readonly #flights = new Set<TimerHandle>()
  readonly #disposal = new AbortController()
  #peerCount = 0
  #faults: DatagramFaults
  #isCut = false
  #socket: DatagramSocket | undefined
  #address: Address

  constructor(target: Address, seed: number, faults: DatagramFaults) {
    this.#target = target
    this.#address = target
    this.#seed = seed
    this.#faults = faults
  }

  get address(): Address {
    return this.#address
  }

  async listen(): Promise<void> {
    this.#socket = await this.#bind({ host: LOOPBACK, port: 0 })
    this.#address = makeAddress('udp', this.#socket.host, this.#socket.port)
    this.#socket.attach(this)
  }

  setFaults(faults: DatagramFaults): void {
    checkDatagramFaults(faults)
    this.#faults = faults
  }

  cut(): void {
    this.#isCut = true
    for (const flight of this.#flights) flight.cancel()
    this.#flights.clear()
  }

  heal(): void {
    this.#isCut = false
  }

  rebind(): void {
    for (const peer of this.#peers.values()) peer.rebind()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort()
    this.cut()
    for (const peer of this.#peers.values()) peer.close()
    this.#peers.clear()
    this.#socket?.close()
  }

  // ── DatagramSink ────────────────────────────────────────────────────────────────────────────────────────

  onDatagram(bytes: Uint8Array, host: string, port: number): void {
    const key = `${host}:${port}`
    let peer = this.#peers.get(key)
    if (peer === undefined) {
      const [first] = this.#peers
      if (first !== undefined && this.#peers.size === MAX_PEERS) {
        first[1].close()
        this.#peers.delete(first[0])
      }
      peer = this.#newPeer(host, port)
      this.#peers.set(key, peer)
    }
    peer.forth(bytes)
  }

  onError(error: HawserError): void {
    this.#env.logger.warn(`faulty datagrams ${this.#address.href}: ${error.message}`)
  }

  #newPeer(host: string, port: number): ProxiedPeer {
    const seed = this.#seed + SEED_STEP * this.#peerCount++
    const forth = new Random(seed)
    const back = new Random(seed + BACK_SEED)
    return new ProxiedPeer({
      bind: () => this.#bind({ host: '*', port: 0, connect: { host: this.#target.host, port: this.#target.port } }),
      fly: (bytes, isBack, land) => this.#fly(bytes, isBack ? back : forth, land),
      back: (bytes) => this.#socket?.send(bytes, host, port),
    })
  }

  /** Each datagram takes as many numbers, so that faults which change do not change the fate of those that follow. */
  #fly(bytes: Uint8Array, random: Random, land: (bytes: Uint8Array) => void): void {
    const { lossRatio = 0, duplicateRatio = 0, corruptRatio = 0, latencyMs = 0, jitterMs = 0 } = this.#faults
    const isLost = random.next() < lossRatio
    const isDoubled = random.next() < duplicateRatio
    const isChanged = random.next() < corruptRatio
    const bit = random.below(8 * Math.max(1, bytes.length))
    const delaysMs = [random.next(), random.next()].map((share) => latencyMs + share * jitterMs)
    if (isLost || this.#isCut) return
    const own = copy(bytes)
    if (isChanged && own.length > 0) own[bit >> 3] = (own[bit >> 3] as number) ^ (1 << (bit & 7))
    for (const delayMs of isDoubled ? delaysMs : delaysMs.slice(1)) this.#later(delayMs, () => land(own))
  }

  #later(delayMs: number, run: () => void): void {
    if (delayMs === 0) return run()
    const flight = this.#env.setTimer(Math.ceil(delayMs), () => {
      this.#flights.delete(flight)
      run()
    })
    this.#flights.add(flight)
  }

  async #bind(
    where: Parameters<NonNullable<ReturnType<typeof requiredNet>['bindDatagram']>>[0],
  ): Promise<DatagramSocket> {
    const net = requiredNet(this.#env)
    if (net.bindDatagram === undefined) throw badOption('env', 'has no datagram sockets')
    const { signal } = this.#disposal
    const options: LinkOptions = {
      env: this.#env,
      chunks: 'kept',
      maxFrameBytes: Infinity,
      text: false,
      groups: {},
      role: 'dialed',
      timeoutMs: 0,
      signal,
    }
    const socket = await net.bindDatagram(where, options)
    if (signal.aborted) socket.close()
    return socket
  }
}

/** What a peer needs of its proxy. */
interface ProxiedPeerHost {
  /** A socket that is connected to the target. */
  bind(): Promise<DatagramSocket>
  /** `land` is called when it arrives: never, or twice, as the faults have it. */
  fly(bytes: Uint8Array, isBack: boolean, land: (bytes: Uint8Array) => void): void
  /** To the peer. */
  back(bytes: Uint8Array): void
}

/** Somebody whose datagrams are passed on, and the socket from which the target sees them come. */
class ProxiedPeer implements DatagramSink {
  readonly #host: ProxiedPeerHost
  #socket: Promise<DatagramSocket> | undefined
  #isClosed = false

  constructor(host: ProxiedPeerHost) {
    this.#host = host
  }

  forth(bytes: Uint8Array): void {
    this.#host.fly(bytes, false, (landed) => {
      this.#socket ??= this.#bind()
      this.#socket.then(
        (socket) => socket.send(landed, socket.host, socket.port),
        () => undefined, // it is lost, as datagrams are
      )
    })
  }

  onDatagram(bytes: Uint8Array): void {
    this.#host.fly(bytes, true, (landed) => this.#host.back(landed))
  }

  onError(): void {
    // nobody listens at the target
  }

  /** The next datagram leaves from another port; answers to the old one reach nobody. */
  rebind(): void {
    this.#socket?.then(
      (socket) => socket.close(),
      () => undefined,
    )
    this.#socket = undefined
  }

  close(): void {
    this.#isClosed = true
    this.rebind()
  }

  async #bind(): Promise<DatagramSocket> {
    const socket = await this.#host.bind()
    if (this.#isClosed) socket.close()
    else socket.attach(this)
    return socket
  }
}

function checkDatagramFaults(faults: DatagramFaults): void {
  for (const name of ['sliceBytes', 'bytesPerSecond', 'windowBytes', 'cutAfterBytes', 'dials'] as const) {
    if (name in faults) throw badOption(`faults.${name}`, 'is for streams')
  }
  requireKnown('faults.', faults, FAULT_NAMES)
  checkFaults(faults)
}
