import { type AddressLike, listen, type Server } from 'hawser'
import { rpc, RpcError, type RpcPeer } from 'hawser/rpc'
import type { Devices } from './devices.ts'
import { Feed } from './feed.ts'
import type { Fault, Readings } from './page/messages.ts'
import { Attached, Gateway, type Report, Simulation } from './service-contract.ts'
import type { Tokens } from './tokens.ts'

/** What the gateway knows of an attached service: `peer.data`. */
interface Attachment {
  name: string
  answers: boolean
  simulates: boolean
}

/** What services do for people. */
export interface ServiceEvents {
  onAttach(name: string): void
  onDetach(name: string): void
  onAnnounce(name: string, text: string): void
}

const ASK_TIMEOUT_MS = 5_000
/** Until then it is anybody, and holds the place of a service. */
const LOGIN_MS = 5_000
const CLOSE_TIMEOUT_MS = 3_000

/** Programs that attach over RPC: they call the gateway, and the gateway calls them. */
export class Services {
  readonly #devices: Devices
  readonly #tokens: Tokens
  readonly #events: ServiceEvents
  readonly #attached = new Map<string, RpcPeer<Attachment>>()
  readonly #feeds = new Map<Feed, string | undefined>()
  #isLeaving = false

  constructor(devices: Devices, tokens: Tokens, events: ServiceEvents) {
    this.#devices = devices
    this.#tokens = tokens
    this.#events = events
  }

  get names(): string[] {
    return [...this.#attached.keys()].toSorted()
  }

  listen(where: AddressLike): Promise<Server> {
    const { codec, framing, data, listener } = rpc<Attachment>({
      data: () => ({ name: '', answers: false, simulates: false }),
      onPeer: (peer) => this.#attach(peer),
    })
    return listen(where, { name: 'services', codec, framing, data, listener, maxSessions: 100 })
  }

  /** To every service that reads. */
  publish(device: string, readings: Readings): void {
    if (this.#feeds.size === 0) return
    const report: Report = { device, readings }
    for (const [feed, only] of this.#feeds) if (only === undefined || only === device) feed.push(report)
  }

  /** There is nothing more to read; what waits is still read. */
  endFeeds(): void {
    this.#isLeaving = true
    for (const feed of this.#feeds.keys()) feed.end()
  }

  ask(name: string, question: string): Promise<string> {
    const peer = this.#attached.get(name)
    if (!peer?.data.answers) return Promise.reject(new Error(`there is no service @${name} to be asked`))
    return peer.client(Attached).ask(question, { timeoutMs: ASK_TIMEOUT_MS })
  }

  /** Resolves with what was done to the device's link. */
  inflict(device: string, fault: Fault): Promise<string> {
    for (const peer of this.#attached.values()) {
      if (peer.data.simulates) return peer.client(Simulation).inflict({ device, fault }, { timeoutMs: ASK_TIMEOUT_MS })
    }
    return Promise.reject(new Error('no simulation is attached: faults are for simulated devices'))
  }

  /** Before the service's first call. What this throws ends the session. */
  async #attach(peer: RpcPeer<Attachment>): Promise<void> {
    const { name, token, answers, simulates } = await peer
      .client(Attached)
      .introduce(undefined, { timeoutMs: LOGIN_MS })
    if (!this.#tokens.accepts('service', name, token)) throw new RpcError('unauthenticated', 'wrong token')
    void this.#attached.get(name)?.close({ timeoutMs: CLOSE_TIMEOUT_MS }) // it has come back by another session
    Object.assign(peer.data, { name, answers, simulates })
    this.#attached.set(name, peer)
    this.#events.onAttach(name)
    peer.session.signal.addEventListener('abort', () => {
      if (this.#attached.get(name) !== peer) return
      this.#attached.delete(name)
      this.#events.onDetach(name)
    })
    peer.serve(Gateway, {
      devices: () => this.#devices.views,
      command: ({ device, text }) =>
        this.#devices.command(device, text).catch((error: unknown) => {
          throw new RpcError('failed_precondition', (error as Error).message)
        }),
      reports: ({ device }) => this.#read(device),
      announce: (text) => this.#events.onAnnounce(name, text),
    })
  }

  async *#read(device: string | undefined): AsyncGenerator<Report> {
    const feed = new Feed()
    this.#feeds.set(feed, device)
    if (this.#isLeaving) feed.end()
    try {
      yield* feed
    } finally {
      this.#feeds.delete(feed) // the service has stopped reading, or is gone
    }
  }
}
