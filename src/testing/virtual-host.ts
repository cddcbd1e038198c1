import type { Env, Net, TimerHandle } from '../core/env.ts'
import { describe } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { requireNumber } from '../core/session-options.ts'
import type { Owner, Turn } from './event-queue.ts'
import type { Random } from './random.ts'
import { VirtualDisk } from './virtual-disk.ts'
import type { Timeline } from './virtual-timeline.ts'
import { VirtualZlib } from './virtual-zlib.ts'

/**
 * A process on a machine of its own in a virtual world: what runs on this Env has its own sessions and sockets, and
 * meets that of other hosts only through the network.
 */
export interface VirtualHost extends Env {
  readonly name: string
  /** Its IP address; it is also reached under its name. */
  readonly address: string
  readonly net: Net
  readonly state: 'running' | 'paused' | 'killed'
  /** Timers still set. */
  readonly timers: number
  /** Its event loop stands still, as after SIGSTOP or in a long computation; what others send arrives, and waits. */
  pause(): void
  /** As Node: first the timers that fell due meanwhile, then what arrived, in order. */
  resume(): void
  /**
   * Nothing of it runs any more. Its machine goes on and closes its sockets: the peer sees an end, or a reset where
   * bytes were unread or unsent. `silent`: the machine loses power, and no peer hears of anything. Asked for again, a
   * host of this name is a new process on the machine.
   */
  kill(how?: { readonly silent?: boolean | undefined }): void
  /** The cable: what is on its way waits, dials get no answer, datagrams are lost. */
  unplug(): void
  plug(): void
}

/** What a process needs of its world. */
export interface HostWorld {
  readonly timeline: Timeline
  /** Of one's own, so that no process moves another's chance. */
  readonly random: Random
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: object | undefined): void
}

/** As Node: a timer of 0 ms is one of 1 ms, so that rearming it lets time pass. */
const MIN_DELAY_MS = 1

interface Held {
  readonly turn: Turn
  readonly run: () => void
}

/** A process: its callbacks run while it does. */
export class VirtualProcess implements Owner {
  readonly files: VirtualDisk
  readonly zlib: VirtualZlib
  readonly logger: Logger
  readonly #timeline: Timeline
  readonly #random: Random
  #timers = 0
  #state: VirtualHost['state'] = 'running'
  /** What fell due while it was paused. */
  #held: Held[] = []
  /** What arrived and waits its turn. */
  #unheard = 0

  constructor({ timeline, random, log }: HostWorld) {
    this.#timeline = timeline
    this.#random = random
    this.files = new VirtualDisk(this)
    this.zlib = new VirtualZlib(this)
    this.logger = {
      debug: (message, fields) => log('debug', message, fields),
      info: (message, fields) => log('info', message, fields),
      warn: (message, fields) => log('warn', message, fields),
      error: (message, fields) => log('error', message, fields),
    }
  }

  get state(): VirtualHost['state'] {
    return this.#state
  }

  get timers(): number {
    return this.#state === 'killed' ? 0 : this.#timers
  }

  now(): number {
    return this.#timeline.now
  }

  every(intervalMs: number, run: () => void): Disposable {
    requireNumber('intervalMs', intervalMs, MIN_DELAY_MS)
    let timer: TimerHandle
    const again = () => {
      timer = this.setTimer(intervalMs, again)
      this.#guarded(run)
    }
    timer = this.setTimer(intervalMs, again)
    return { [Symbol.dispose]: () => timer.cancel() }
  }

  after(delayMs: number, run: () => void): Disposable {
    requireNumber('delayMs', delayMs, 0)
    const timer = this.setTimer(delayMs, () => this.#guarded(run))
    return { [Symbol.dispose]: () => timer.cancel() }
  }

  setTimer(delayMs: number, run: () => void): TimerHandle {
    this.#timers++
    let set = true
    const fire = () => {
      if (!set) return // cancelled while the process was paused
      set = false
      this.#timers--
      run()
    }
    const event = this.#timeline.schedule(Math.max(MIN_DELAY_MS, delayMs), fire, this, 'timer')
    return {
      cancel: () => {
        if (!set) return
        set = false
        this.#timers--
        this.#timeline.cancel(event)
      },
    }
  }

  defer(run: () => void): void {
    this.#timeline.defer(this, run)
  }

  yield(run: () => void): void {
    this.#timeline.schedule(0, run, this, 'yield') // behind all that is due now already
  }

  randomBytes(count: number): Uint8Array {
    return this.#random.bytes(count)
  }

  random(): number {
    return this.#random.next()
  }

  /** Nothing keeps it from what arrives now. */
  get hearsAtOnce(): boolean {
    return this.#state !== 'paused' && this.#unheard === 0
  }

  /** Something reached the machine; the process hears of it when it runs. For a dead one its machine does what is due. */
  hear(run: () => void): void {
    if (this.hearsAtOnce) return run()
    this.#unheard++
    const heard = () => {
      this.#unheard--
      run()
    }
    this.#timeline.schedule(0, heard, this, 'io') // in order, behind what came before
  }

  admits(turn: Turn, run: () => void): boolean {
    if (this.#state === 'paused') this.#held.push({ turn, run })
    return this.#state === 'running' || (this.#state === 'killed' && turn === 'io')
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused'
  }

  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    const held = this.#held
    this.#held = []
    for (const { turn, run } of held) if (turn === 'defer') this.#timeline.defer(this, run)
    for (const turn of ['timer', 'io', 'yield'] as const) {
      for (const each of held) if (each.turn === turn) this.#timeline.schedule(0, each.run, this, turn)
    }
  }

  /** @param closeAll its sockets, before its machine hears what it had not heard of */
  protected die(closeAll: () => void): void {
    this.#state = 'killed'
    closeAll()
    const held = this.#held
    this.#held = []
    for (const { turn, run } of held) if (turn === 'io') run()
  }

  #guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.logger.error(`a timer threw: ${describe(error)}`, { error })
    }
  }
}
