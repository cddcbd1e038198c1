import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type Address, type AddressLike, listen, type Server, systemEnv, type Wait } from 'hawser'
import { line, varintPrefixed } from 'hawser/framing'
import { rateLimit } from 'hawser/stages'
import { pageServer } from '../page-server.ts'
import type { Device } from './device.ts'
import type { DeviceMessage, GatewayMessage } from './device-messages.ts'
import { Devices, type Pace } from './devices.ts'
import { lineCodec } from './line-codec.ts'
import { Movements } from './movements.ts'
import { Operators } from './operators.ts'
import type { Protocol } from './page/messages.ts'
import { protobufCodec } from './protobuf-codec.ts'
import { Services } from './services.ts'
import { Statistics } from './statistics.ts'
import { Tokens } from './tokens.ts'

/** What the gateway shows, and whose certificates it believes. */
export interface Identity {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** How a gateway is set up. */
export interface GatewayOptions {
  readonly host: string
  /** Of each kind of guest; 0 is any free one. */
  readonly ports: {
    readonly page: number
    readonly lines: number
    readonly protobuf: number
    /** Devices that show a certificate. */
    readonly certified: number
    readonly services: number
  }
  /** What tokens are made from. */
  readonly secret: string
  /** PEM. Devices of certificates that `ca` has signed need no token; left out, there is no TLS. */
  readonly identity?: Identity | undefined
  /** Of devices that are programs. */
  readonly pace: Pace
  readonly say: (what: string) => void
}

/** Where its guests find it. */
export interface GatewayAddresses {
  readonly page: string
  readonly lines: DeviceAddresses
  readonly protobuf: DeviceAddresses
  readonly services: Address
}

/** The same protocol over several transports. */
export interface DeviceAddresses {
  readonly tcp: Address
  readonly udp: Address
  readonly tls?: Address | undefined
}

/** Whoever types is slow, and wants to read what is there. */
const PACE_OF_PEOPLE: Pace = { pingMs: 60_000, silenceMs: 180_000 }
/** What one device may send: enough for each that is well, and no flood gets through. */
const MESSAGES_PER_SECOND = 100
const MOST_DEVICES = 10_000
const COMMAND_TIMEOUT_MS = 3_000
const SAMPLE_MS = 1_000
const PLOTS = new URL('./', import.meta.resolve('uplot'))

/** Devices, operators and services in one process. */
export class Gateway {
  readonly tokens: Tokens
  readonly #options: GatewayOptions
  readonly #env = systemEnv
  readonly #statistics = new Statistics()
  readonly #movements = new Movements()
  readonly #devices: Devices
  readonly #services: Services
  readonly #operators: Operators
  readonly #http = pageServer(new URL('./page/', import.meta.url), { uplot: PLOTS })
  readonly #servers: { readonly devices: Server[]; readonly others: Server[] } = { devices: [], others: [] }
  #sampling: Disposable | undefined

  constructor(options: GatewayOptions) {
    this.#options = options
    this.tokens = new Tokens(options.secret)
    this.#devices = new Devices({
      env: this.#env,
      tokens: this.tokens,
      statistics: this.#statistics,
      maxDevices: MOST_DEVICES,
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
      events: {
        onCome: (id) => this.#movements.came(id),
        onGo: (id, why) => this.#movements.went(id, why),
        onReport: (id, readings) => this.#services.publish(id, readings),
      },
    })
    this.#services = new Services(this.#devices, this.tokens, {
      onAttach: (name) => this.#tell(`service ${name} is attached`),
      onDetach: (name) => this.#tell(`service ${name} is gone`),
      onAnnounce: (from, text) => this.#operators.tell({ kind: 'answer', from, text }),
    })
    this.#operators = new Operators({
      env: this.#env,
      devices: this.#devices,
      services: this.#services,
      samples: this.#statistics.samples,
    })
  }

  /** Resolves once it listens everywhere. */
  async start(): Promise<GatewayAddresses> {
    const { host, ports, pace } = this.#options
    this.#http.listen(ports.page, host)
    await once(this.#http, 'listening')
    const lines = await this.#listenToDevices('lines', PACE_OF_PEOPLE, ports.lines)
    const protobuf = await this.#listenToDevices('protobuf', pace, ports.protobuf, ports.certified)
    const services = await this.#services.listen(`tcp://${host}:${ports.services}`)
    const operators = await this.#operators.listen({ http: this.#http, path: '/operators' })
    this.#servers.others.push(services, operators)
    this.#sampling = this.#env.every(SAMPLE_MS, () => this.#sample())
    const page = `http://${host}:${(this.#http.address() as AddressInfo).port}/`
    return { page, lines, protobuf, services: services.address }
  }

  /** A line for a terminal. */
  get summary(): string {
    const { tcp, udp } = this.#devices.here
    const { reports } = this.#statistics
    return `${tcp + udp} devices are here, ${this.#operators.count} pages are open, ${reports} reports accepted so far`
  }

  /**
   * Nothing that was accepted is lost: commands on their way are answered, each device is told up to which report we have
   * them, services read what waits for them, and pages see all of it before they are told goodbye.
   */
  async close(options: Wait = {}): Promise<void> {
    const [services, operators] = this.#servers.others
    this.#operators.tell({ kind: 'notice', text: 'the gateway goes down' })
    await this.#devices.settle()
    await Promise.all(this.#servers.devices.map((server) => server.close(options)))
    this.#services.endFeeds()
    await services?.close(options)
    await operators?.close(options)
    this.#end()
  }

  destroy(): void {
    for (const server of [...this.#servers.devices, ...this.#servers.others]) server.destroy()
    this.#end()
  }

  async #listenToDevices(
    protocol: Protocol,
    pace: Pace,
    port: number,
    certifiedPort?: number,
  ): Promise<DeviceAddresses> {
    const { host, identity } = this.#options
    const where: AddressLike[] = [`tcp://${host}:${port}`, `udp://${host}:${port}`]
    const isCertified = identity !== undefined && certifiedPort !== undefined
    if (isCertified) where.push(`tls://${host}:${certifiedPort}`)
    const server = await listen<DeviceMessage, GatewayMessage, Device>(where, {
      name: protocol,
      codec: protocol === 'lines' ? lineCodec : protobufCodec,
      framing: protocol === 'lines' ? line() : varintPrefixed(),
      maxFrameBytes: 4_096,
      maxSessions: MOST_DEVICES,
      inboundHighWaterMarkBytes: 16 * 1_024,
      maxBufferedBytes: 256 * 1_024,
      cronIntervalMs: Math.min(1_000, pace.silenceMs / 4),
      udp: { maxPeers: MOST_DEVICES, peerIdleMs: 2 * pace.silenceMs, receiveBufferBytes: 1_024 * 1_024 },
      ...(isCertified && { tls: { ...identity, clientCertificate: 'required' } }),
      stages: [rateLimit({ messagesPerSecond: MESSAGES_PER_SECOND })],
      data: (peer) => this.#devices.welcome(peer),
      listener: this.#devices.listener(protocol, pace),
      onStatus() {}, // strangers are turned away in silence: there may be many of them
    })
    this.#servers.devices.push(server)
    const [tcp = server.address, udp = server.address, tls] = server.addresses
    return { tcp, udp, tls }
  }

  #sample(): void {
    this.#devices.tick()
    for (const entry of this.#movements.take()) this.#operators.tell(entry)
    const { here } = this.#devices
    const servers = [...this.#servers.devices, ...this.#servers.others].map(({ stats }) => stats)
    const sum = (of: (stats: Server['stats']) => number): number => servers.reduce((all, stats) => all + of(stats), 0)
    const sample = this.#statistics.sample(Math.round(this.#env.now()), {
      sessions: { ...here, pages: this.#operators.count, services: this.#services.names.length },
      queuedBytes: sum(({ bufferedBytes, undecodedBytes }) => bufferedBytes + undecodedBytes),
      receivedMessages: sum(({ receivedMessages }) => receivedMessages),
      sentMessages: sum(({ sentMessages }) => sentMessages),
    })
    if (this.#operators.count === 0) return
    this.#operators.show({
      type: 'snapshot',
      sample,
      devices: this.#devices.views,
      operators: this.#operators.views,
      services: this.#services.names,
    })
  }

  #tell(text: string): void {
    this.#options.say(text)
    this.#operators.tell({ kind: 'notice', text })
  }

  #end(): void {
    this.#sampling?.[Symbol.dispose]()
    this.#http.closeAllConnections()
    this.#http.close()
  }
}
