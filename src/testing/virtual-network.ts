import { makeAddress } from '../core/address.ts'
import type { Connection } from '../core/connection.ts'
import type { DatagramSocket, Env, Net, StreamTarget } from '../core/env.ts'
import { badOption, HawserError } from '../core/errors.ts'
import type { Acceptor, AcceptSink, LinkOptions } from '../core/transport.ts'
import { WaitList } from '../core/wait-list.ts'
import { sha1 } from '../env/node/sha1.ts'
import { MemoryAcceptor } from '../transports/memory-acceptor.ts'
import { MemoryConnection } from '../transports/memory-connection.ts'
import { resolveListen } from '../transports/options.ts'
import type { QueuedEvent } from './event-queue.ts'
import { checkFaults, type Faults } from './faults.ts'
import type { Random } from './random.ts'
import { isAddress, LOOPBACK } from './virtual-address.ts'
import { VirtualDatagrams } from './virtual-datagrams.ts'
import { isApart, type LinkEnd, type VirtualLink, type Weather, WeatheredLink } from './virtual-link.ts'
import { VirtualMachine } from './virtual-machine.ts'
import type { VirtualProcess } from './virtual-host.ts'
import type { Timeline } from './virtual-timeline.ts'
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

/** One dial, from its first step until it is answered or given up. */
interface Attempt {
  readonly machine: VirtualMachine
  readonly step: () => void
  due: QueuedEvent | undefined
}

/** TCP, UDP and Unix sockets between the machines of a world. */
export class VirtualWire implements VirtualNetwork {
  readonly #env: Env
  readonly #weather: Weather & { faults: Faults; isCut: boolean }
  readonly #tls: VirtualTls
  readonly #datagrams: VirtualDatagrams
  /** By name and by address. */
  readonly #machines = new Map<string, VirtualMachine>()
  readonly #links = new Set<WeatheredLink>()
  readonly #attempts = new Set<Attempt>()
  #nextPort = FIRST_FREE_PORT
  #nextPeer = 1

  /** @param env whose ends those of `pair()` are */
  constructor(env: Env, random: Random, timeline: Timeline) {
    this.#env = env
    this.#weather = { faults: {}, isCut: false, random, timeline }
    this.#tls = new VirtualTls(this.#weather)
    this.#datagrams = new VirtualDatagrams(this.#weather, (host, own) => this.#machineOf(host, own))
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
  }

  reset(): void {
    for (const link of this.#links) link.reset()
  }

  pair(): { readonly near: Connection; readonly far: Connection } {
    const number = this.#nextPeer++
    const machine = this.#machines.get('') as VirtualMachine // whose Env it is
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
      { address: `ipc://near-${number}`, options, machine },
      { address: `ipc://far-${number}`, options, machine },
    )
    return { near: dialed, far: accepted }
  }

  // ── The machines ────────────────────────────────────────────────────────────────────────────────────────

  /** A machine on the network, with its first process. */
  join(name: string, address: string, process: VirtualProcess): VirtualMachine {
    const machine = new VirtualMachine(name, address, process)
    this.#machines.set(name, machine)
    this.#machines.set(address, machine)
    return machine
  }

  /** What the process on `machine` uses. */
  netOf(machine: VirtualMachine): Net {
    return new MachineNet(this, machine)
  }

  unplug(machine: VirtualMachine): void {
    machine.isUnplugged = true
    this.#weatherChanged()
  }

  plug(machine: VirtualMachine): void {
    machine.isUnplugged = false
    this.#weatherChanged()
  }

  /** The process on `machine` is gone, and with it all that it had open. */
  closeAll(machine: VirtualMachine, silent: boolean): void {
    for (const attempt of this.#attempts) if (attempt.machine === machine) this.#forget(attempt)
    for (const link of this.#links) link.leave(machine, silent)
    for (const { acceptor } of machine.listening.values()) void acceptor.close()
    machine.listening.clear()
    this.#datagrams.closeAll(machine)
  }

  // ── Net, for one of the machines ────────────────────────────────────────────────────────────────────────

  dial(machine: VirtualMachine, target: StreamTarget, options: LinkOptions): Promise<Connection> {
    const to = 'path' in target ? machine : this.#machineOf(target.host, machine)
    const waiting = new WaitList<Connection>(options.env)
    const attempt: Attempt = {
      machine,
      step: () => this.#answer(attempt, to, target, options, waiting),
      due: undefined,
    }
    const result = waiting.add(`dial ${urlOf(target)}`, options, () => this.#forget(attempt))
    if (waiting.size === 0) return result // aborted before it began
    this.#attempts.add(attempt)
    const { latencyMs = 0 } = this.#weather.faults
    this.#schedule(attempt, 2 * latencyMs)
    return result
  }

  async listen(
    machine: VirtualMachine,
    target: StreamTarget,
    options: LinkOptions,
    sink: AcceptSink,
  ): Promise<Acceptor> {
    const { backlog } = resolveListen(options.groups)
    await new Promise<void>((resolve) => options.env.defer(resolve))
    const bound = 'path' in target ? target : { host: target.host, port: target.port || this.#freePort(machine) }
    const url = urlOf(bound)
    if (machine.isTaken(bound)) throw new HawserError('ERR_ADDRESS_IN_USE', `${url} is in use`)
    const key = machine.keyOf(bound)
    const acceptor = new MemoryAcceptor(options.env, url, backlog, sink, () => machine.listening.delete(key))
    machine.listening.set(key, { acceptor, options })
    return acceptor
  }

  /** Imitated, so that one sees what a session sees of TLS; the bytes stay as they are. */
  secure(machine: VirtualMachine, connection: Connection, tls: unknown, options: LinkOptions): Promise<Connection> {
    return this.#tls.secure(machine.process, connection, tls, options)
  }

  async bindDatagram(
    machine: VirtualMachine,
    target: Parameters<VirtualDatagrams['bind']>[1],
    options: LinkOptions,
  ): Promise<DatagramSocket> {
    await new Promise<void>((resolve) => options.env.defer(resolve))
    options.signal?.throwIfAborted()
    return this.#datagrams.bind(machine, target, options)
  }

  #answer(
    attempt: Attempt,
    to: VirtualMachine,
    target: StreamTarget,
    options: LinkOptions,
    waiting: WaitList<Connection>,
  ): void {
    const { isCut, faults } = this.#weather
    const { machine } = attempt
    if (isCut || faults.dials === 'ignore') return // until heal(), or the time is up
    if (isApart(machine, to)) return // until plug()
    this.#forget(attempt)
    const { process } = machine
    const listening = faults.dials === 'refuse' ? undefined : to.find(target)
    if (listening === undefined || !listening.acceptor.hasRoom) {
      const error = unanswered(target, machine !== to)
      process.hear(() => {
        if (process.state === 'running') waiting.rejectAll(error)
      })
      return
    }
    const { dialed, accepted } = this.#link(
      { address: this.#origin(machine, to, target), options, machine },
      {
        address: urlOf(machine === to ? target : withHost(target, to.address)),
        options: listening.options,
        machine: to,
      },
    )
    listening.acceptor.offer(accepted)
    process.hear(() => {
      if (process.state !== 'running') return
      if (waiting.size > 0) waiting.resolveAll(dialed)
      else dialed.destroy() // it was given up while the process slept
    })
  }

  #origin(machine: VirtualMachine, to: VirtualMachine, target: StreamTarget): string {
    if ('path' in target) return `ipc://peer-${this.#nextPeer++}`
    return urlOf({ host: machine === to ? LOOPBACK : machine.address, port: this.#freePort(machine) })
  }

  #link(dialing: LinkEnd, listening: LinkEnd): WeatheredLink {
    const link = new WeatheredLink(this.#weather, dialing, listening, (gone) => this.#links.delete(gone))
    this.#links.add(link)
    this.#tls.register(link)
    return link
  }

  #schedule(attempt: Attempt, delayMs: number): void {
    this.#cancel(attempt)
    attempt.due = this.#weather.timeline.schedule(delayMs, attempt.step)
  }

  #cancel({ due }: Attempt): void {
    if (due !== undefined) this.#weather.timeline.cancel(due)
  }

  #forget(attempt: Attempt): void {
    this.#cancel(attempt)
    this.#attempts.delete(attempt)
  }

  #weatherChanged(): void {
    for (const link of this.#links) link.weatherChanged()
    for (const attempt of this.#attempts) this.#schedule(attempt, 0)
  }

  /** Any address or name that is no other machine's is the own one. */
  #machineOf(host: string, own: VirtualMachine): VirtualMachine {
    return this.#machines.get(host) ?? own
  }

  #freePort(machine: VirtualMachine): number {
    for (let tries = FIRST_FREE_PORT; tries <= LAST_PORT; tries++) {
      const port = this.#nextPort
      this.#nextPort = port === LAST_PORT ? FIRST_FREE_PORT : port + 1
      if (!machine.isTaken({ host: '*', port })) return port
    }
    throw new HawserError('ERR_ADDRESS_IN_USE', 'no port is free')
  }
}

/** The network as the process on one machine sees it. */
class MachineNet implements Net {
  readonly #wire: VirtualWire
  readonly #machine: VirtualMachine

  constructor(wire: VirtualWire, machine: VirtualMachine) {
    this.#wire = wire
    this.#machine = machine
  }

  dial(target: StreamTarget, options: LinkOptions): Promise<Connection> {
    return this.#wire.dial(this.#machine, target, options)
  }

  listen(target: StreamTarget, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
    return this.#wire.listen(this.#machine, target, options, sink)
  }

  secure(connection: Connection, tls: unknown, options: LinkOptions): Promise<Connection> {
    return this.#wire.secure(this.#machine, connection, tls, options)
  }

  sha1(bytes: Uint8Array): Uint8Array {
    return sha1(bytes)
  }

  bindDatagram(target: Parameters<VirtualDatagrams['bind']>[1], options: LinkOptions): Promise<DatagramSocket> {
    return this.#wire.bindDatagram(this.#machine, target, options)
  }

  /** @param stream an end of `network.pair()` */
  adopt(stream: unknown): Connection {
    if (stream instanceof MemoryConnection) return stream
    throw badOption('stream', 'must be an end of network.pair() in a virtual Env')
  }
}

function withHost(target: StreamTarget, host: string): StreamTarget {
  return 'path' in target ? target : { host, port: target.port }
}

function urlOf(target: StreamTarget): string {
  return 'path' in target
    ? makeAddress('ipc', '', 0, target.path).href
    : makeAddress('tcp', target.host, target.port).href
}

function unanswered(target: StreamTarget, isKnown: boolean): HawserError {
  const url = urlOf(target)
  if ('host' in target && !isKnown && !isAddress(target.host)) {
    return new HawserError('ERR_HOST_NOT_FOUND', `${url}: no such host`, { retryable: true })
  }
  return new HawserError('ERR_CONNECTION_REFUSED', `${url}: nobody listens`, { retryable: true })
}
