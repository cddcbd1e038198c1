import { type Env, HawserError, type Session } from 'hawser'
import { type DeviceMessage, type GatewayMessage, shown } from './device-messages.ts'
import type { DeviceView, Protocol, Readings } from './page/messages.ts'

/** A session of a device; whose, is its data. */
export type DeviceSession = Session<DeviceMessage, GatewayMessage, Device>

interface Waiting {
  readonly resolve: (answer: string) => void
  readonly reject: (error: Error) => void
  readonly timer: Disposable
}

/** Commands that one device may be busy with. */
const MAX_COMMANDS = 32
/** A first ping that is out for less than that is not worth telling. */
const ANSWERED_AT_ONCE_MS = 100
const MOST_LATENCY_MS = 600_000

/** A device that has been here: it outlives its sessions. */
export class Device {
  readonly id: string
  readonly #env: Env
  readonly #commands = new Map<number, Waiting>()
  #session: DeviceSession | undefined
  #via: DeviceView['via'] = 'tcp'
  #protocol: Protocol = 'protobuf'
  #since = 0
  #readings: Readings = {}
  #latencyMs: number | undefined
  #lastPing = 0
  #waitingSince: number | undefined
  #lastNumber = 0
  #accepted = 0
  #acceptedBefore = 0
  #rate = 0
  #lost = 0
  #lastCommand = 0
  #isLeaving = false

  constructor(id: string, env: Env) {
    this.id = id
    this.#env = env
    this.#since = env.now()
  }

  get isHere(): boolean {
    return this.#session !== undefined
  }

  get via(): DeviceView['via'] {
    return this.#via
  }

  /** Env time of its last coming or going. */
  get since(): number {
    return this.#since
  }

  /** The newest session counts: the one before may be a link that is dead and does not know it yet. */
  attach(session: DeviceSession, protocol: Protocol): void {
    const before = this.#session
    this.#session = session
    this.#via = session.peer.transport as DeviceView['via']
    this.#protocol = protocol
    this.#since = this.#env.now()
    this.#lastNumber = 0
    this.#isLeaving = false
    this.#latencyMs = undefined
    this.#waitingSince = undefined
    before?.destroy(new HawserError('ERR_SESSION_CLOSED', 'the device has come back by another session'))
  }

  /** False where it has another session by now. */
  detach(session: DeviceSession): boolean {
    if (session !== this.#session) return false
    this.#lost += session.stats.droppedDatagrams
    this.#session = undefined
    this.#since = this.#env.now()
    this.#rate = 0
    for (const { reject, timer } of this.#commands.values()) {
      timer[Symbol.dispose]()
      reject(new Error(`${this.id} is gone`))
    }
    this.#commands.clear()
    return true
  }

  /** Whether the report counts: not one that UDP has brought twice or late, and none after the goodbye. */
  accept(number: number, readings: Readings): boolean {
    if (this.#isLeaving) return false
    const expected = this.#lastNumber + 1
    const given = this.#protocol === 'lines' ? expected : number // nobody shall have to type numbers
    if (given < expected) return false
    this.#lost += given - expected
    this.#lastNumber = given
    this.#accepted++
    this.#readings = readings
    return true
  }

  /** The number of the last report that was accepted from this session. */
  get lastNumber(): number {
    return this.#lastNumber
  }

  /** From here on nothing is accepted. Gives what the goodbye says. */
  leave(): number {
    this.#isLeaving = true
    return this.#lastNumber
  }

  ping(): void {
    this.#lastPing = this.#clock
    this.#waitingSince ??= this.#env.now()
    this.#session?.send({ type: 'ping', at: this.#lastPing })
  }

  /** @returns what it took, or undefined for what was no answer to a ping of ours */
  onPong(at: number): number | undefined {
    const latencyMs = (this.#clock - at) / 1_000
    if (!(latencyMs >= 0 && latencyMs < MOST_LATENCY_MS)) return undefined
    this.#latencyMs = latencyMs
    // Of one that has others behind it, the next one was sent later than that: a little is said to be a little more.
    this.#waitingSince = at === this.#lastPing ? undefined : this.#env.now() - latencyMs
    return latencyMs
  }

  /** What pings carry: microseconds, as far as a uint32 goes. */
  get #clock(): number {
    return Math.floor(this.#env.now() * 1_000) % 2 ** 32
  }

  /** Sends a command; resolves with the device's answer. */
  command(text: string, timeoutMs: number): Promise<string> {
    const session = this.#session
    if (session === undefined) return Promise.reject(new Error(`${this.id} is gone`))
    if (this.#commands.size >= MAX_COMMANDS) return Promise.reject(new Error(`${this.id} has enough to do`))
    const id = ++this.#lastCommand
    return new Promise((resolve, reject) => {
      const timer = this.#env.after(timeoutMs, () => {
        this.#commands.delete(id)
        reject(new Error(`${this.id} has not answered within ${timeoutMs / 1_000} s`))
      })
      this.#commands.set(id, { resolve, reject, timer })
      session.send({ type: 'command', id, text })
    })
  }

  onAnswer(id: number, text: string): void {
    const waiting = this.#commands.get(id)
    if (waiting === undefined) return // too late, or nobody asked
    this.#commands.delete(id)
    waiting.timer[Symbol.dispose]()
    waiting.resolve(shown(text))
  }

  /** Once a second. */
  tick(): void {
    this.#rate = this.#accepted - this.#acceptedBefore
    this.#acceptedBefore = this.#accepted
  }

  get view(): DeviceView {
    const stats = this.#session?.stats
    const waitedMs = this.#waitingSince === undefined ? undefined : this.#env.now() - this.#waitingSince
    return {
      id: this.id,
      via: this.#via,
      protocol: this.#protocol,
      state: this.isHere ? 'here' : 'gone',
      forMs: Math.round(this.#env.now() - this.#since),
      rate: this.#rate,
      readings: this.#readings,
      latencyMs:
        waitedMs !== undefined && waitedMs > (this.#latencyMs ?? ANSWERED_AT_ONCE_MS) ? waitedMs : this.#latencyMs,
      queuedBytes: stats === undefined ? 0 : stats.bufferedBytes + stats.undecodedBytes,
      lost: this.#lost + (stats?.droppedDatagrams ?? 0),
    }
  }
}
