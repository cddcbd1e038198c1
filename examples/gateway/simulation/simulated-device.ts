import { type Client, connect, type Env, type EventListener, type Session } from 'hawser'
import { varintPrefixed } from 'hawser/framing'
import type { DeviceMessage, GatewayMessage } from '../device-messages.ts'
import { deviceProtobufCodec } from '../protobuf-codec.ts'
import type { Fault } from '../page/messages.ts'
import type { DeviceLink } from './device-link.ts'
import type { Machine } from './machine.ts'

/** What a simulated device is made of. */
export interface SimulatedDeviceOptions {
  readonly env: Env
  readonly id: string
  readonly token: string
  readonly link: DeviceLink
  readonly machine: Machine
  readonly intervalMs: number
}

type DeviceSession = Session<GatewayMessage, DeviceMessage>

/** No ping of the gateway for so long: it is lost, and to be dialed again. */
const SILENCE_MS = 8_000
const HELLO_MS = 1_000
const FLOOD_REPORTS = 2_000
const MIN_INTERVAL_MS = 20

/** A device as its maker would write it: it reports, obeys, and comes back whatever happens. */
export class SimulatedDevice implements EventListener<GatewayMessage, DeviceMessage> {
  readonly id: string
  readonly #options: SimulatedDeviceOptions
  readonly #client: Client<GatewayMessage, DeviceMessage>
  #reporting: Disposable
  #isWelcome = false
  #lastNumber = 0
  #flood: AbortController | undefined

  constructor(options: SimulatedDeviceOptions) {
    const { env, id, link, intervalMs } = options
    this.id = id
    this.#options = options
    this.#client = connect(link.address, {
      name: id,
      env,
      codec: deviceProtobufCodec,
      framing: varintPrefixed(),
      stages: link.stages,
      idleTimeoutMs: SILENCE_MS,
      cronIntervalMs: HELLO_MS,
      dialTimeoutMs: SILENCE_MS,
      reconnect: { initialMs: 500, maxMs: 4_000 },
      listener: this,
      onStatus() {},
    })
    this.#reporting = env.every(intervalMs, () => this.#report())
  }

  /** What happens to its link, or goes over it. */
  inflict(fault: Fault): string {
    const { link } = this.#options
    switch (fault) {
      case 'cut':
        link.cut()
        return 'the link is cut: no end hears of it, and silence will tell'
      case 'slow':
        link.slow()
        return 'the link is slow now'
      case 'flood':
        void this.#sendFlood()
        return `${FLOOD_REPORTS} reports are on their way at once`
      case 'heal':
        this.#flood?.abort()
        link.heal()
        return 'the link is well again'
    }
  }

  async close(): Promise<void> {
    this.#reporting[Symbol.dispose]()
    this.#flood?.abort()
    await this.#client.close()
    await this.#options.link[Symbol.asyncDispose]()
  }

  onOpen(session: DeviceSession): void {
    this.#sayHello(session)
  }

  /** Over UDP a hello may be lost, or its answer. */
  onCron(session: DeviceSession): void {
    if (!this.#isWelcome) this.#sayHello(session)
  }

  onMessage(session: DeviceSession, message: GatewayMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#isWelcome = true
        return
      case 'denied':
        return this.#sayHello(session) // over UDP: we were silent for long, and are forgotten
      case 'ping':
        session.send({ type: 'pong', at: message.at })
        return
      case 'command':
        session.send({ type: 'answer', id: message.id, text: this.#obey(message.text) })
        return
      default:
        this.#isWelcome = false // goodbye
    }
  }

  onError(): void {} // the client dials again

  onClose(): void {
    this.#isWelcome = false
  }

  #sayHello(session: DeviceSession): void {
    const { id, token } = this.#options
    this.#isWelcome = false
    this.#lastNumber = 0
    session.send({ type: 'hello', device: id, token })
  }

  /** What is measured while nobody listens is of no interest later. */
  #report(): void {
    if (this.#isWelcome) this.#client.send(this.#nextReport())
  }

  #nextReport(): DeviceMessage {
    return { type: 'report', number: ++this.#lastNumber, readings: this.#options.machine.measure() }
  }

  #obey(text: string): string {
    const [command = '', value = ''] = text.toLowerCase().split(' ')
    if (command === 'interval') {
      const intervalMs = Number(value)
      if (!(intervalMs >= MIN_INTERVAL_MS)) return `the least interval is ${MIN_INTERVAL_MS} ms`
      this.#reporting[Symbol.dispose]()
      this.#reporting = this.#options.env.every(intervalMs, () => this.#report())
      return `reports each ${intervalMs} ms`
    }
    return this.#options.machine.obey(command) ?? 'understands: status, on, off, interval MS'
  }

  /** As fast as the gateway takes it: over TCP that is at its own pace; over UDP what is too much is lost. */
  async #sendFlood(): Promise<void> {
    this.#flood?.abort()
    const { signal } = (this.#flood = new AbortController())
    const [session] = this.#client.sessions
    await session?.sendAll(this.#reports(FLOOD_REPORTS, signal), { signal }).catch(() => {}) // healed, or lost on the way
  }

  *#reports(count: number, signal: AbortSignal): Generator<DeviceMessage> {
    for (let i = 0; i < count && !signal.aborted && this.#isWelcome; i++) yield this.#nextReport()
  }
}
