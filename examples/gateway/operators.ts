import {
  type Env,
  type EventListener,
  type Mount,
  type Opening,
  listen,
  refused,
  type Server,
  type Session,
} from 'hawser'
import { rateLimit } from 'hawser/stages'
import type { Devices } from './devices.ts'
import { Logbook } from './logbook.ts'
import { operatorCodec } from './operator-messages.ts'
import type { Entry, Fault, News, Sample, Snapshot, Wish } from './page/messages.ts'
import type { Services } from './services.ts'

/** Somebody before a page: `session.data`. */
interface Operator {
  name: string
  /** Snapshots that this page was too slow for. */
  skipped: number
}

type OperatorSession = Session<Wish, News, Operator>

/** What operators see and command. */
export interface OperatorsOptions {
  readonly env: Env
  readonly devices: Devices
  readonly services: Services
  readonly samples: readonly Sample[]
}

const GOING_AWAY = 1_001
/** As many snapshots as may wait for a page; whoever reads slower gets fewer of them. */
const HIGH_WATER_BYTES = 256 * 1_024
/** With ten thousand devices. */
const MOST_SNAPSHOT_BYTES = 4 * 1_024 * 1_024
/**
 * What a page may call us: a name of somebody's domain can be made to lead to this machine (DNS rebinding), and then that
 * page and its requests have one origin. Behind a name of your own, this is where it belongs.
 */
const OWN_HOST = /^(localhost|[\d.]+|\[[\da-f:.]+\])(:\d+)?$/i
const ASKING = /^@([\w-]+)\s+(.+)$/s

/** People before pages: they watch, talk, and command devices. */
export class Operators implements EventListener<Wish, News, Operator> {
  readonly #options: OperatorsOptions
  readonly #logbook = new Logbook()
  #server: Server<Wish, News, Operator> | undefined
  #lastOperator = 0

  constructor(options: OperatorsOptions) {
    this.#options = options
  }

  async listen(where: Mount): Promise<Server> {
    this.#server = await listen(where, {
      name: 'operators',
      codec: operatorCodec,
      maxFrameBytes: MOST_SNAPSHOT_BYTES,
      maxSessions: 100,
      highWaterMarkBytes: HIGH_WATER_BYTES,
      idleTimeoutMs: 30_000,
      cronIntervalMs: 10_000, // a ping each time, which a browser answers by itself
      concurrency: 8, // a command that waits for its device holds up no other
      stages: [rateLimit({ messagesPerSecond: 20 })],
      data: (peer) => this.#welcome(peer),
      listener: this,
    })
    return this.#server
  }

  get count(): number {
    return this.#server?.sessions.size ?? 0
  }

  get views(): Snapshot['operators'] {
    return Array.from(this.#server?.sessions ?? [], ({ data: { name, skipped } }) => ({ name, skipped }))
  }

  /** Encoded once. Pages that have not yet taken what they were sent are passed over. */
  show(snapshot: Snapshot): void {
    this.#server?.broadcast(snapshot, {
      filter: (session) => {
        if (!session.writable) session.data.skipped++
        return session.writable
      },
    })
  }

  /** To everybody, and to whoever comes later. */
  tell(entry: Omit<Entry, 'at'>): void {
    const whole: Entry = { at: Math.round(this.#options.env.now()), ...entry }
    this.#logbook.add(whole)
    this.#server?.broadcast({ type: 'entry', entry: whole })
  }

  onOpen(session: OperatorSession): void {
    const { samples } = this.#options
    session.send({ type: 'welcome', name: session.data.name, samples, entries: this.#logbook.entries })
  }

  onMessage(session: OperatorSession, wish: Wish): unknown {
    switch (wish.type) {
      case 'name':
        session.data.name = this.#unusedName(wish.name, session)
        return undefined
      case 'say':
        return this.#say(session.data.name, wish.text)
      case 'command':
        return this.#answer(session, wish.ticket, this.#options.devices.command(wish.device, wish.text))
      case 'fault':
        return this.#answer(session, wish.ticket, this.#inflict(session.data.name, wish.device, wish.fault))
    }
  }

  onError(): void {} // pages come and go: it is of no interest how

  onShutdown(session: OperatorSession): void {
    void session.close({ code: GOING_AWAY, reason: 'the gateway goes down' })
  }

  /** A page of another host must not command our devices through its visitor's browser. */
  #welcome(peer: Opening<Wish, News>): Operator {
    const { origin, host } = peer.request?.headers ?? {}
    if (typeof host !== 'string' || !OWN_HOST.test(host)) throw refused('another host', { status: 403 })
    if (typeof origin === 'string' && new URL(origin).host !== host) throw refused('another origin', { status: 403 })
    return { name: `operator-${++this.#lastOperator}`, skipped: 0 }
  }

  async #say(name: string, text: string): Promise<void> {
    this.tell({ kind: 'said', from: name, text })
    const asking = ASKING.exec(text)
    if (asking === null) return
    const [, service = '', question = ''] = asking
    try {
      this.tell({ kind: 'answer', from: service, text: await this.#options.services.ask(service, question) })
    } catch (error) {
      this.tell({ kind: 'notice', text: (error as Error).message })
    }
  }

  /** Everybody should know why a device is gone. */
  async #inflict(name: string, device: string, fault: Fault): Promise<string> {
    const done = await this.#options.services.inflict(device, fault)
    this.tell({ kind: 'notice', text: `${name}: ${fault} ${device}` })
    return done
  }

  async #answer(session: OperatorSession, ticket: number, work: Promise<string>): Promise<void> {
    const [ok, text] = await work.then(
      (answer) => [true, answer] as const,
      (error: unknown) => [false, (error as Error).message] as const,
    )
    session.send({ type: 'result', ticket, ok, text })
  }

  #unusedName(wanted: string, session: OperatorSession): string {
    const others = Array.from(this.#server?.sessions ?? [])
    const isTaken = (name: string): boolean => others.some((other) => other !== session && other.data.name === name)
    if (!isTaken(wanted)) return wanted
    for (let n = 2; ; n++) if (!isTaken(`${wanted}-${n}`)) return `${wanted}-${n}`
  }
}
