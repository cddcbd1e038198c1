import { type CloseCause, type Env, type EventListener, HawserError, type Opening, refused } from 'hawser'
import { Device, type DeviceSession } from './device.ts'
import { DEVICE_NAME, type DeviceMessage, type GatewayMessage } from './device-messages.ts'
import type { DeviceView, Protocol, Readings } from './page/messages.ts'
import type { Statistics } from './statistics.ts'
import type { Tokens } from './tokens.ts'

/** How often a device is asked for a sign of life, and for how long it may give none. */
export interface Pace {
  readonly pingMs: number
  readonly silenceMs: number
}

/** What happens to devices. */
export interface DeviceEvents {
  onCome(device: string): void
  onGo(device: string, why: string): void
  onReport(device: string, readings: Readings): void
}

/** What the table of devices is made of. */
export interface DevicesOptions {
  readonly env: Env
  readonly tokens: Tokens
  readonly statistics: Statistics
  readonly events: DeviceEvents
  /** Known at once, those that are gone included. */
  readonly maxDevices: number
  readonly commandTimeoutMs: number
}

const LOGIN_MS = 5_000
/** So long a device that is gone stays in the table. */
const REMEMBERED_MS = 10 * 60_000

/** All devices that are here or have been, whatever they speak. */
export class Devices {
  readonly #options: DevicesOptions
  readonly #devices = new Map<string, Device>()
  readonly #commands = new Set<Promise<unknown>>()
  #isLeaving = false

  constructor(options: DevicesOptions) {
    this.#options = options
  }

  get views(): DeviceView[] {
    return Array.from(this.#devices.values(), (device) => device.view)
  }

  /** How many are here; of TCP, with and without TLS. */
  get here(): { readonly tcp: number; readonly udp: number } {
    const count = { tcp: 0, udp: 0 }
    for (const device of this.#devices.values()) if (device.isHere) count[device.via === 'udp' ? 'udp' : 'tcp']++
    return count
  }

  /** For the option `data`: who says hello with the right token, or shows the right certificate. */
  async welcome(peer: Opening<DeviceMessage, GatewayMessage>): Promise<Device> {
    const hello = await peer.receive({ timeoutMs: LOGIN_MS })
    const objection = this.#objectionTo(hello, peer)
    if (hello.type !== 'hello' || objection !== undefined) {
      peer.send({ type: 'denied', reason: objection ?? '' })
      throw refused(objection ?? '')
    }
    return this.#device(hello.device)
  }

  /** The listener of sessions with devices of one protocol. */
  listener(protocol: Protocol, { pingMs, silenceMs }: Pace): EventListener<DeviceMessage, GatewayMessage, Device> {
    const { env, events } = this.#options
    const pingedAt = new WeakMap<DeviceSession, number>()
    return {
      onOpen: (session) => {
        const device = session.data
        const wasHere = device.isHere
        device.attach(session, protocol)
        session.send({ type: 'welcome' })
        if (!wasHere) events.onCome(device.id)
      },
      onMessage: (session, message) => this.#onMessage(session, message, protocol),
      onCron(session) {
        const now = env.now()
        // Of a flood that is slowed down nothing more is read, and idleMs is 0 meanwhile.
        if (session.idleMs > silenceMs) {
          session.destroy(new HawserError('ERR_HEARTBEAT_TIMEOUT', `silent for ${silenceMs / 1_000} s`))
        } else if (now - (pingedAt.get(session) ?? 0) >= pingMs) {
          pingedAt.set(session, now)
          session.data.ping()
        }
      },
      onShutdown: (session) => session.send({ type: 'goodbye', accepted: session.data.leave() }),
      onError: (session, error) => {
        if (session.peer.reliable) session.send({ type: 'error', why: error.message })
      },
      onClose: (session, cause) => {
        if (session.data.detach(session)) events.onGo(session.data.id, this.#isLeaving ? 'we go down' : why(cause))
      },
    }
  }

  /** Resolves with the device's answer. */
  command(id: string, text: string): Promise<string> {
    const device = this.#devices.get(id)
    if (device === undefined) return Promise.reject(new Error(`there is no device ${id}`))
    if (this.#isLeaving) return Promise.reject(new Error('the gateway goes down'))
    const answer = device.command(text, this.#options.commandTimeoutMs)
    this.#commands.add(answer)
    const settled = (): void => void this.#commands.delete(answer)
    answer.then(settled, settled)
    return answer
  }

  /** Takes no further commands; resolves when those on their way are answered, or given up. */
  async settle(): Promise<void> {
    this.#isLeaving = true
    await Promise.allSettled(this.#commands)
  }

  /** Once a second. */
  tick(): void {
    const forgotten = this.#options.env.now() - REMEMBERED_MS
    for (const device of this.#devices.values()) {
      device.tick()
      if (!device.isHere && device.since < forgotten) this.#devices.delete(device.id)
    }
  }

  #objectionTo(hello: DeviceMessage, { certificate }: Opening<DeviceMessage, GatewayMessage>): string | undefined {
    // Over UDP this is also somebody whom we have forgotten: told so, it says hello again.
    if (hello.type !== 'hello') return 'say hello first: hello DEVICE TOKEN'
    const { device, token } = hello
    if (!DEVICE_NAME.test(device)) return 'the name of a device is up to 32 letters, digits and -'
    const isKnown = certificate?.subject['CN'] === device || this.#options.tokens.accepts('device', device, token)
    if (!isKnown) return 'wrong token'
    if (!this.#devices.has(device) && !this.#makeRoom()) return 'there are too many devices'
    return undefined
  }

  /** A device that comes back is the one that it was. */
  #device(id: string): Device {
    let device = this.#devices.get(id)
    if (device === undefined) {
      device = new Device(id, this.#options.env)
      this.#devices.set(id, device)
    }
    return device
  }

  /** The table is full: whoever is gone leaves it. */
  #makeRoom(): boolean {
    if (this.#devices.size < this.#options.maxDevices) return true
    for (const device of this.#devices.values()) {
      if (!device.isHere) return this.#devices.delete(device.id)
    }
    return false
  }

  #onMessage(session: DeviceSession, message: DeviceMessage, protocol: Protocol): void {
    const { statistics, events } = this.#options
    const device = session.data
    switch (message.type) {
      case 'report':
        if (!device.accept(message.number, message.readings)) return
        statistics.onReport()
        events.onReport(device.id, message.readings)
        if (protocol === 'lines') session.send({ type: 'accepted', number: device.lastNumber })
        return
      case 'pong': {
        const latencyMs = device.onPong(message.at)
        if (latencyMs !== undefined) statistics.onLatency(latencyMs)
        return
      }
      case 'answer':
        device.onAnswer(message.id, message.text)
        return
      case 'hello':
        session.send({ type: 'welcome' }) // over UDP: the first welcome was lost
        return
      case 'unreadable':
        session.send({ type: 'error', why: message.why })
    }
  }
}

function why(cause: CloseCause): string {
  if (cause.by === 'error') return cause.error.message
  if (cause.reason !== undefined && cause.reason !== '') return cause.reason
  return cause.by === 'remote' ? 'it has left' : 'sent away'
}
