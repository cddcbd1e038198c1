import { makeAddress } from '../core/address.ts'
import type { Connection } from '../core/connection.ts'
import type { DatagramSocket, Env, Net, StreamTarget, TimerHandle } from '../core/env.ts'
import { badOption, HawserError } from '../core/errors.ts'
import type { Acceptor, AcceptSink, LinkOptions } from '../core/transport.ts'
import { WaitList } from '../core/wait-list.ts'
import { sha1 } from '../env/node/sha1.ts'
import { MemoryAcceptor } from '../transports/memory-acceptor.ts'
import { MemoryConnection } from '../transports/memory-connection.ts'
import { resolveListen } from '../transports/options.ts'
import { checkFaults, type Faults } from './faults.ts'
import type { Random } from './random.ts'
import { isAddress, LOOPBACK, machineHost } from './virtual-address.ts'
import { VirtualDatagrams } from './virtual-datagrams.ts'
import { type VirtualLink, type Weather, WeatheredLink } from './virtual-link.ts'
import { VirtualTls } from './virtual-tls.ts'

/** The network of a VirtualEnv in the hand of a test: it breaks what the program under test relies on. */
export interface VirtualNetwork {
  /** From now on, and instead of the faults of before; what is on its way keeps its time. */
  setFaults(faults: Faults): void
  /** Silence on all links, and dials get no answer: what is on its way waits, and no end learns anything. Datagrams are lost. */
  cut(): void
  /** Ends `cut()` and the 'ignore' of dials: what waited goes on, as retransmission would make it. Links cut one by one stay so. */
  heal(): void
  /** All links: both ends get ERR_CONNECTION_RESET. */
  reset(): void
  /** Those that are open, oldest first. */
  readonly links: readonly VirtualLink[]
  /** Two ends of one link that nobody dialed, for `attach()`. */
  pair(): { readonly near: Connection; readonly far: Connection }
}

const FIRST_FREE_PORT = 49_152
const LAST_PORT = 65_535

interface Listening {
  readonly acceptor: MemoryAcceptor
  readonly options: LinkOptions
}

/** One dial, from its first step until it is answered or given up. */
interface Attempt {
  readonly step: () => void
  timer: TimerHandle | undefined
}

/** TCP, UDP and Unix sockets inside of one Env. Any IP address and `localhost` is this one machine. */
export class VirtualNet implements Net, VirtualNetwork {
  readonly #env: Env
  readonly #weather: Weather & { faults: Faults; isCut: boolean }
  readonly #tls: VirtualTls
  readonly #datagrams: VirtualDatagrams
  readonly #listening = new Map<string, Listening>()
  readonly #links = new Set<WeatheredLink>()
  readonly #attempts = new Set<Attempt>()
  #nextPort = FIRST_FREE_PORT
  #nextPeer = 1

  constructor(env: Env, random: Random, schedule: Weather['schedule']) {
    this.#env = env
    this.#weather = { faults: {}, isCut: false, random, schedule, now: () => env.now() }
    this.#tls = new VirtualTls(this.#weather)
    this.#datagrams = new VirtualDatagrams(env, this.#weather)
  }

  // ── In the hand of the test ─────────────────────────────────────────────────────────────────────────────

  get links(): readonly VirtualLink[] {
    return [...this.#links]
  }

  setFaults(faults: Faults): void {
    checkFaults(faults)
    this.#weather.faults = faults
  }

  cut(): void {
    this.#weather.isCut = true
    this.#weatherChanged()
  }

  heal(): void {
    this.#weather.isCut = false
    if (this.#weather.faults.dials === 'ignore') this.#weather.faults = { ...this.#weather.faults, dials: 'answer' }
    this.#weatherChanged()
    for (const attempt of this.#attempts) this.#schedule(attempt, 0)
  }

  reset(): void {
    for (const link of this.#links) link.reset()
  }

  pair(): { readonly near: Connection; readonly far: Connection } {
    const number = this.#nextPeer++
    const options: LinkOptions = {
      env: this.#env,
      chunks: 'kept',
      maxFrameBytes: Infinity,
      text: false,
      groups: {},
      role: 'attached',
      timeoutMs: 0,
    }
    const { dialed, accepted } = this.#link(
      { address: `ipc://near-${number}`, options },
      { address: `ipc://far-${number}`, options },
    )
    return { near: dialed, far: accepted }
  }

  // ── Net ─────────────────────────────────────────────────────────────────────────────────────────────────

  dial(target: StreamTarget, options: LinkOptions): Promise<Connection> {
    const to = urlOf(target)
    const waiting = new WaitList<Connection>(this.#env)
    const attempt: Attempt = { step: () => this.#answer(target, options, attempt, waiting), timer: undefined }
    const result = waiting.add(`dial ${to}`, options, () => this.#forget(attempt))
    if (waiting.size === 0) return result // aborted before it began
    this.#attempts.add(attempt)
    const { latencyMs = 0 } = this.#weather.faults
    this.#schedule(attempt, 2 * latencyMs)
    return result
  }

  async listen(target: StreamTarget, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
    const { backlog } = resolveListen(options.groups)
    await new Promise<void>((resolve) => this.#env.defer(resolve))
    const bound = 'path' in target ? target : { host: target.host, port: target.port || this.#freePort() }
    const url = urlOf(bound)
    const keys = bindKeys(bound)
    if (keys.some((key) => this.#listening.has(key)) || this.#isTakenByAll(bound)) {
      throw new HawserError('ERR_ADDRESS_IN_USE', `${url} is in use`)
    }
    const acceptor = new MemoryAcceptor(this.#env, url, backlog, sink, () => {
      for (const key of keys) this.#listening.delete(key)
    })
    for (const key of keys) this.#listening.set(key, { acceptor, options })
    return acceptor
  }

  /** Imitated, so that one sees what a session sees of TLS; the bytes stay as they are. */
  secure(connection: Connection, tls: unknown, options: LinkOptions): Promise<Connection> {
    return this.#tls.secure(connection, tls, options)
  }

  sha1(bytes: Uint8Array): Uint8Array {
    return sha1(bytes)
  }

  async bindDatagram(target: Parameters<VirtualDatagrams['bind']>[0], options: LinkOptions): Promise<DatagramSocket> {
    await new Promise<void>((resolve) => this.#env.defer(resolve))
    options.signal?.throwIfAborted()
    return this.#datagrams.bind(target, options)
  }

  /** @param stream an end of `network.pair()` */
  adopt(stream: unknown): Connection {
    if (stream instanceof MemoryConnection) return stream
    throw badOption('stream', 'must be an end of network.pair() in a virtual Env')
  }

  #answer(target: StreamTarget, options: LinkOptions, attempt: Attempt, waiting: WaitList<Connection>): void {
    const { isCut, faults } = this.#weather
    if (isCut || faults.dials === 'ignore') return // until heal(), or the time is up
    this.#forget(attempt)
    const to = urlOf(target)
    const listening = faults.dials === 'refuse' ? undefined : this.#find(target)
    if (listening === undefined || !listening.acceptor.hasRoom) {
      waiting.rejectAll(unanswered(target, to))
      return
    }
    const from = 'path' in target ? `ipc://peer-${this.#nextPeer++}` : urlOf({ host: LOOPBACK, port: this.#freePort() })
    const link = this.#link({ address: from, options }, { address: to, options: listening.options })
    listening.acceptor.offer(link.accepted)
    waiting.resolveAll(link.dialed)
  }

  #link(dialing: ConstructorParameters<typeof WeatheredLink>[1], listening: typeof dialing): WeatheredLink {
    const link = new WeatheredLink(this.#weather, dialing, listening, (gone) => this.#links.delete(gone))
    this.#links.add(link)
    this.#tls.register(link)
    return link
  }

  #schedule(attempt: Attempt, delayMs: number): void {
    attempt.timer?.cancel()
    attempt.timer = this.#weather.schedule(delayMs, attempt.step)
  }

  #forget(attempt: Attempt): void {
    attempt.timer?.cancel()
    this.#attempts.delete(attempt)
  }

  #weatherChanged(): void {
    for (const link of this.#links) link.weatherChanged()
  }

  #find(target: StreamTarget): Listening | undefined {
    if ('path' in target) return this.#listening.get(target.path)
    const host = machineHost(target.host)
    return this.#listening.get(`${host}:${target.port}`) ?? this.#listening.get(`*:${target.port}`)
  }

  /** All interfaces and one of them exclude each other. */
  #isTakenByAll(target: StreamTarget): boolean {
    if ('path' in target) return false
    if (target.host !== '*') return this.#listening.has(`*:${target.port}`)
    for (const key of this.#listening.keys()) if (key.endsWith(`:${target.port}`)) return true
    return false
  }

  #freePort(): number {
    for (let tries = FIRST_FREE_PORT; tries <= LAST_PORT; tries++) {
      const port = this.#nextPort
      this.#nextPort = port === LAST_PORT ? FIRST_FREE_PORT : port + 1
      if (!this.#isTakenByAll({ host: '*', port })) return port
    }
    throw new HawserError('ERR_ADDRESS_IN_USE', 'no port is free')
  }
}

function bindKeys(target: StreamTarget): string[] {
  return 'path' in target ? [target.path] : [`${machineHost(target.host)}:${target.port}`]
}

function urlOf(target: StreamTarget): string {
  return 'path' in target
    ? makeAddress('ipc', '', 0, target.path).href
    : makeAddress('tcp', target.host, target.port).href
}

function unanswered(target: StreamTarget, url: string): HawserError {
  if ('host' in target && !isAddress(target.host)) {
    return new HawserError('ERR_HOST_NOT_FOUND', `${url}: no such host`, { retryable: true })
  }
  return new HawserError('ERR_CONNECTION_REFUSED', `${url}: nobody listens`, { retryable: true })
}
