import type { Env, Net } from '../core/env.ts'
import { requireNumber } from '../core/session-options.ts'
import { Random } from './random.ts'
import { type HostWorld, type VirtualHost, VirtualProcess } from './virtual-host.ts'
import type { VirtualMachine } from './virtual-machine.ts'
import { type VirtualNetwork, VirtualWire } from './virtual-network.ts'
import { Timeline } from './virtual-timeline.ts'

/**
 * A world of its own for a test: its clock stands still until the test moves it, its chance comes from a seed, its
 * network and disk are in memory. The same seed and the same program give the same events in the same order.
 *
 * What is due *now* happens by itself, in the real event loop's next turns, so that `await listen(…)` just works.
 * Time passes only in `advance()`.
 */
export interface VirtualEnv extends Env {
  readonly net: Net
  readonly network: VirtualNetwork
  /** What decides all chance. */
  readonly seed: number
  /** Timers still set, those of its hosts too, in-flight bytes not counted: 0 at the end of a test. */
  readonly timers: number
  /** What was logged, oldest first. */
  readonly logs: readonly LogEntry[]
  /**
   * Moves the clock by `ms` and runs all that falls due on the way, in order of time; between any two events the promise
   * jobs are done. Rejects with what a callback threw, and when time does not get on because events breed events.
   */
  advance(ms: number): Promise<void>
  /** Until nothing more happens now. Rejects as `advance`. */
  settle(): Promise<void>
  /**
   * A process on a machine of its own, which this test can pause, kill and cut off; the same one each time, until it is
   * killed. The Env itself is one more machine, which nothing happens to.
   */
  host(name: string): VirtualHost
}

/** One line that was logged. */
export interface LogEntry {
  readonly at: number
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: object | undefined
}

/** Where chance and the clock begin. */
export interface VirtualEnvOptions {
  /** Decides all chance. @defaultValue 1 */
  readonly seed?: number | undefined
  /** Where the clock starts, in milliseconds since 1970. @defaultValue 2026-01-01T00:00Z */
  readonly now?: number | undefined
}

const DEFAULT_SEED = 1
const DEFAULT_NOW = 1_767_225_600_000
/** Of seeds that belong together, the network's is this much further, and that of each process again. */
const NETWORK_SEED = 0x5eed
const HOST_SEED = 0x1_0000
/** A world of its own; see VirtualEnv. */
export function virtualEnv(options: VirtualEnvOptions = {}): VirtualEnv {
  const { seed = DEFAULT_SEED, now = DEFAULT_NOW } = options
  requireNumber('seed', seed, 0)
  requireNumber('now', now, 0)
  return new VirtualWorld(seed, now)
}

/** One machine, and the world with it. */
class VirtualWorld extends VirtualProcess implements VirtualEnv {
  readonly seed: number
  readonly net: Net
  readonly network: VirtualNetwork
  readonly logs: LogEntry[]
  readonly #wire: VirtualWire
  readonly #world: Omit<HostWorld, 'random'>
  readonly #hosts = new Map<string, HostProcess>()
  readonly #timeline: Timeline
  /** How many processes there were. */
  #processes = 0
  #machines = 1

  constructor(seed: number, now: number) {
    const timeline = new Timeline(now)
    const logs: LogEntry[] = []
    const world: Omit<HostWorld, 'random'> = {
      timeline,
      log: (level, message, fields) => void logs.push({ at: timeline.now, level, message, fields }),
    }
    super({ ...world, random: new Random(seed) })
    this.seed = seed
    this.logs = logs
    this.#world = world
    this.#timeline = timeline
    this.#wire = new VirtualWire(this, new Random(seed + NETWORK_SEED), timeline)
    this.network = this.#wire
    this.net = this.#wire.netOf(this.#wire.join('', addressOf(this.#machines), this))
  }

  override get timers(): number {
    let timers = super.timers
    for (const host of this.#hosts.values()) timers += host.timers
    return timers
  }

  advance(ms: number): Promise<void> {
    return this.#timeline.advance(ms)
  }

  settle(): Promise<void> {
    return this.#timeline.settle()
  }

  host(name: string): VirtualHost {
    const before = this.#hosts.get(name)
    if (before !== undefined && before.state !== 'killed') return before
    const random = new Random(this.seed + HOST_SEED * ++this.#processes)
    const host = new HostProcess({ ...this.#world, random }, this.#wire, before?.machine ?? name, () =>
      addressOf(++this.#machines),
    )
    this.#hosts.set(name, host)
    return host
  }
}

/** What a test has of one of the other machines. */
class HostProcess extends VirtualProcess implements VirtualHost {
  readonly machine: VirtualMachine
  readonly net: Net
  readonly #wire: VirtualWire

  /** @param machine one whose process was killed, or the name of a new one */
  constructor(world: HostWorld, wire: VirtualWire, machine: VirtualMachine | string, nextAddress: () => string) {
    super(world)
    this.#wire = wire
    if (typeof machine === 'string') {
      this.machine = wire.join(machine, nextAddress(), this)
    } else {
      this.machine = machine
      machine.process = this
      wire.plug(machine)
    }
    this.net = wire.netOf(this.machine)
  }

  get name(): string {
    return this.machine.name
  }

  get address(): string {
    return this.machine.address
  }

  kill({ silent = false }: { readonly silent?: boolean | undefined } = {}): void {
    if (this.state === 'killed') return
    if (silent) this.#wire.unplug(this.machine)
    this.die(() => this.#wire.closeAll(this.machine, silent))
  }

  unplug(): void {
    this.#wire.unplug(this.machine)
  }

  plug(): void {
    this.#wire.plug(this.machine)
  }
}

function addressOf(machine: number): string {
  return `10.${machine >> 16}.${(machine >> 8) & 0xff}.${machine & 0xff}`
}
