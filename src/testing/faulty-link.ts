import { type Address, type AddressLike, dialable, makeAddress, parseAddress, toAddress } from '../core/address.ts'
import type { Connection } from '../core/connection.ts'
import type { Env, Net, StreamTarget } from '../core/env.ts'
import { badOption, type HawserError } from '../core/errors.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireNumber, requireOneOf } from '../core/session-options.ts'
import type { Acceptor, AcceptSink, LinkOptions } from '../core/transport.ts'
import { resetSocket } from '../env/node/reset-socket.ts'
import { systemEnv } from '../env/node/system-env.ts'
import { requiredNet } from '../transports/required-net.ts'
import { withTcp } from '../transports/tcp.ts'
import { checkFaults, type Faults } from './faults.ts'
import type { ProxyWeather } from './proxied-direction.ts'
import { type Left, ProxiedLink } from './proxied-link.ts'
import { Random } from './random.ts'

/** A proxy on real sockets that you can break. It passes bytes on, so that TLS and WebSocket go through it as well. */
export interface FaultyLink extends AsyncDisposable {
  /** Where it listens: the target's address, with a host and port, or a file, of its own. */
  readonly address: Address
  /** From now on, and instead of the faults of before; what is on its way keeps its time. */
  setFaults(faults: Faults): void
  /** Silence: nothing gets through, new links get no answer, and no end learns anything. What is on its way waits. */
  cut(): void
  /** All links that have reached the proxy: both ends get ERR_CONNECTION_RESET. Unix sockets know no reset: there they end. */
  reset(): void
  /**
   * All links that have reached the proxy: one end vanishes, as by a power cut, and the other is not told.
   * @param left who still holds the link @defaultValue 'dialer'
   */
  halfOpen(left?: Left): void
  /** Ends `cut()` and the 'ignore' of dials: what waited goes on. Links that are half open are reset, as by a machine that is back. */
  heal(): void
}

/** The faults from the start, and what decides all chance. */
export interface FaultyLinkOptions extends Faults {
  /** Decides all chance. @defaultValue 1 */
  readonly seed?: number | undefined
}

const DEFAULT_SEED = 1
/** Of the seeds of links that follow each other, and of the two directions of one. */
const SEED_STEP = 0x9e37
const BACK_SEED = 0x5eed
const LOOPBACK = '127.0.0.1'
const STREAM_SCHEMES = ['tcp', 'tls', 'ws', 'wss', 'ipc']
const FAULT_NAMES: readonly (keyof Faults)[] = [
  'latencyMs',
  'jitterMs',
  'sliceBytes',
  'bytesPerSecond',
  'windowBytes',
  'cutAfterBytes',
  'corruptRatio',
  'dials',
]

/**
 * Listens on a free port of the loopback, or on a file beside the target's, and passes on to `target` what it is told, as
 * badly as it is told to. The same seed turns the same bits and makes the same slices of the same bytes: `corruptRatio` needs
 * `sliceBytes` for that, as without it a chunk is what the kernel happened to give.
 * @throws (as a rejection) ERR_BAD_OPTION, also for faults that only datagrams have; ERR_BAD_ADDRESS; why it cannot listen
 */
export async function faultyLink(target: AddressLike, options: FaultyLinkOptions = {}): Promise<FaultyLink> {
  const address = dialable(toAddress(target))
  requireOneOf('target', address.scheme, STREAM_SCHEMES)
  const { seed = DEFAULT_SEED, ...faults } = options
  requireNumber('seed', seed, 0)
  checkStreamFaults(faults)
  const proxy = new FaultyProxy(address, seed, faults)
  await proxy.listen()
  return proxy
}

class FaultyProxy implements FaultyLink, AcceptSink {
  readonly #env: Env = systemEnv
  readonly #net: Net = requiredNet(systemEnv)
  readonly #target: Address
  readonly #weather: ProxyWeather & { faults: Faults; isCut: boolean }
  readonly #links = new Set<ProxiedLink>()
  /** Accepted, and left without an answer. */
  readonly #waiting = new Set<Connection>()
  /** Accepted, while the target is being dialed: what has befallen the link meanwhile. */
  readonly #dialing = new Map<Connection, (link: ProxiedLink) => void>()
  readonly #disposal = new AbortController()
  readonly #seed: number
  #linkCount = 0
  #acceptor: Acceptor | undefined
  #address: Address

  constructor(target: Address, seed: number, faults: Faults) {
    this.#target = target
    this.#address = target
    this.#seed = seed
    this.#weather = { env: this.#env, faults, isCut: false }
  }

  get address(): Address {
    return this.#address
  }

  async listen(): Promise<void> {
    const { scheme, path } = this.#target
    const here: StreamTarget = scheme === 'ipc' ? { path: besides(path, this.#env) } : { host: LOOPBACK, port: 0 }
    const acceptor = await this.#net.listen(here, this.#options('accepted'), this)
    this.#acceptor = acceptor
    const { port } = parseAddress(acceptor.address)
    this.#address = 'path' in here ? makeAddress(scheme, '', 0, here.path) : makeAddress(scheme, here.host, port, path)
  }

  setFaults(faults: Faults): void {
    checkStreamFaults(faults)
    this.#weather.faults = faults
    this.#weatherChanged()
    this.#answerWaiting()
  }

  cut(): void {
    this.#weather.isCut = true
    this.#weatherChanged()
  }

  reset(): void {
    this.#befall((link) => link.reset())
  }

  halfOpen(left: Left = 'dialer'): void {
    requireOneOf('left', left, ['dialer', 'target'])
    this.#befall((link) => link.halfOpen(left))
  }

  heal(): void {
    this.#weather.isCut = false
    if (this.#weather.faults.dials === 'ignore') this.#weather.faults = { ...this.#weather.faults, dials: 'answer' }
    for (const link of this.#links) link.heal()
    this.#answerWaiting()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort()
    for (const connection of this.#waiting) connection.destroy()
    this.#waiting.clear()
    for (const link of this.#links) link.destroy()
    await this.#acceptor?.close()
  }

  // ── AcceptSink ──────────────────────────────────────────────────────────────────────────────────────────

  admit(): boolean {
    return !this.#disposal.signal.aborted
  }

  onConnection(connection: Connection): void {
    this.#waiting.add(connection)
    this.#answer(connection)
  }

  /** Out of descriptors, for a moment. */
  onError(error: HawserError): void {
    this.#env.logger.warn(`faulty link ${this.#address.href}: ${error.message}`)
  }

  #befall(event: (link: ProxiedLink) => void): void {
    for (const link of this.#links) event(link)
    for (const dialer of this.#dialing.keys()) this.#dialing.set(dialer, event)
  }

  #weatherChanged(): void {
    for (const link of this.#links) link.weatherChanged()
  }

  #answerWaiting(): void {
    for (const connection of this.#waiting) this.#answer(connection)
  }

  #answer(connection: Connection): void {
    const { faults, isCut } = this.#weather
    if (isCut || faults.dials === 'ignore') return // until heal()
    this.#waiting.delete(connection)
    if (faults.dials === 'refuse') return resetSocket(connection)
    void this.#passOn(connection)
  }

  /** The dialer's connection to us is there before the target's: one that is refused there is reset here. */
  async #passOn(dialer: Connection): Promise<void> {
    const { scheme, host, port, path } = this.#target
    const seed = this.#seed + SEED_STEP * this.#linkCount++
    this.#dialing.set(dialer, () => {})
    try {
      const where: StreamTarget = scheme === 'ipc' ? { path } : { host, port }
      const target = await this.#net.dial(where, this.#options('dialed'))
      if (this.#disposal.signal.aborted) return [dialer, target].forEach((connection) => connection.destroy())
      const random = { forth: new Random(seed), back: new Random(seed + BACK_SEED) }
      const link = new ProxiedLink(this.#weather, random, dialer, target, (gone) => this.#links.delete(gone))
      this.#links.add(link)
      this.#dialing.get(dialer)?.(link)
    } catch {
      resetSocket(dialer) // why, is for the target to know: a network says no more than this
    } finally {
      this.#dialing.delete(dialer)
    }
  }

  #options(role: 'accepted' | 'dialed'): LinkOptions {
    const { signal } = this.#disposal
    return withTcp({
      env: this.#env,
      chunks: 'kept',
      maxFrameBytes: Infinity,
      text: false,
      groups: {},
      role,
      timeoutMs: 0,
      signal,
    })
  }
}

function checkStreamFaults(faults: Faults): void {
  for (const name of ['lossRatio', 'duplicateRatio'] as const) {
    if (faults[name] !== undefined) throw badOption(`faults.${name}`, 'is for datagrams: a stream loses nothing')
  }
  requireKnown('faults.', faults, FAULT_NAMES)
  checkFaults(faults)
}

/** A file that is not there yet, in the same folder: its permissions are the target's. */
function besides(path: string, env: Env): string {
  return `${path}.${env.randomBytes(4).reduce((hex, byte) => hex + byte.toString(16).padStart(2, '0'), '')}`
}
