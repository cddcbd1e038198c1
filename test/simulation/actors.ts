import { version2 } from '../support/proxy-headers.ts'
import type { Client, ClientStatus } from '../../src/core/client.ts'
import type { Connection, Role, Wrapper } from '../../src/core/connection.ts'
import type { Env } from '../../src/core/env.ts'
import type { SessionError } from '../../src/core/errors.ts'
import type { EventListener } from '../../src/core/event-listener.ts'
import type { Opening } from '../../src/core/peer.ts'
import type { Session } from '../../src/core/session.ts'
import { compression } from '../../src/layers/compression.ts'
import { connect, listen } from '../../src/node.ts'
import type { Server, SessionSetup } from '../../src/node-options.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import type { VirtualHost } from '../../src/testing/virtual-host.ts'
import type { ActorPlan, ClientPlan, End, Line, Plan, ServerPlan, StrangerPlan } from './plan.ts'
import { RpcClientActor, RpcServerActor } from './rpc-actors.ts'
import type { RpcCall } from './rpc-call.ts'
import type { RpcServerPlan, RpcStep } from './rpc-plan.ts'
import { CODECS, FRAMINGS, HEARTBEAT, makeMessage, type SimMessage } from './wire.ts'
import { broadcaster, isHeartbeat, Watch, type Watched } from './watch.ts'
import type { World } from './world.ts'

/** Somebody on a host. Killed, it is started again on the host's next process. */
export interface Actor {
  readonly plan: ActorPlan
  readonly host: VirtualHost
  /** Of its present process. */
  readonly sessions: readonly Watch[]
  start(host: VirtualHost): void
  broadcast?(size: number): void
  /** A step of those who call each other. */
  perform?(step: RpcStep): void
  /** A graceful end; what it gives has settled when it is over. */
  close(): void
  /** What must hold at any moment, sessions left out. */
  check(): void
  /** What must hold when nothing has gone wrong for a while. */
  checkCalm(violate: (what: string) => void): void
  /** What must hold when it is closed. */
  checkEnd(): void
}

/** One maker for each kind of plan; a new kind of actor is a new row. */
export const ACTORS: {
  readonly [K in ActorPlan['kind']]: (
    stage: Stage,
    plan: Extract<ActorPlan, { readonly kind: K }>,
    index: number,
  ) => Actor
} = {
  server: (stage, plan, index) => new ServerActor(stage, plan, index),
  client: (stage, plan, index) => new ClientActor(stage, plan, index),
  stranger: (stage, plan) => new StrangerActor(stage, plan),
  'rpc-server': (stage, plan) => new RpcServerActor(stage, plan),
  'rpc-client': (stage, plan) => new RpcClientActor(stage, plan),
}

/** What actors know of each other. */
export interface Stage {
  readonly world: World
  readonly plan: Plan
  readonly watches: Watch[]
  /** All that were made, by number. */
  readonly calls: RpcCall[]
}

/** The first message of each session says who sends. */
const HELLO_BYTES = 3
const ANSWER_BYTES = 10

/** The part of a setup that both roles have in common. */
function setupOf(
  host: VirtualHost,
  line: Line,
  end: End,
): Omit<SessionSetup<SimMessage, SimMessage, unknown>, 'data' | 'listener' | 'handle'> {
  const framing = FRAMINGS[line.framing]
  return {
    env: host,
    codec: CODECS[line.codec],
    ...(framing === undefined ? {} : { framing }),
    boundary: line.asStream && line.scheme === 'ws' ? 'stream' : 'auto',
    heartbeat: line.heartbeat && { ...line.heartbeat, message: HEARTBEAT, match: isHeartbeat },
    maxFrameBytes: 60_000,
    concurrency: end.manner === 'pull' ? 1 : end.concurrency,
    overflow: end.overflow,
    highWaterMarkBytes: end.highWaterMarkBytes,
    maxBufferedBytes: end.maxBufferedBytes,
    inboundHighWaterMarkBytes: end.inboundHighWaterMarkBytes,
    closeTimeoutMs: end.closeTimeoutMs,
    idleTimeoutMs: end.idleTimeoutMs,
    stallTimeoutMs: end.stallTimeoutMs,
    cronIntervalMs: end.cronIntervalMs,
    openTimeoutMs: 3000,
    chunks: end.borrowed ? 'borrowed' : 'kept',
    ...(end.staged ? { stages: [() => ({ inbound: pass, outbound: pass })] } : {}),
  }
}

/** Both sides must compress; who has a layer that does nothing is each side's own affair. */
function layersOf({ compressed }: Line, { wrapped }: End): Wrapper[] {
  return [...(compressed ? [compression({ algorithm: 'deflate' })] : []), ...(wrapped ? [passThrough] : [])]
}

function pass(message: SimMessage, next: (message: SimMessage) => void): void {
  next(message)
}

function portOf(plan: Plan, client: ClientPlan): ServerPlan {
  return plan.actors[client.server] as ServerPlan
}

/** What servers and clients have in common: sessions, and how they handle what comes. */
abstract class Party {
  readonly stage: Stage
  readonly end: End
  readonly line: Line
  readonly index: number
  sessions: Watch[] = []
  protected process: VirtualHost | undefined
  #handled = 0

  constructor(stage: Stage, end: End, line: Line, index: number) {
    this.stage = stage
    this.end = end
    this.line = line
    this.index = index
  }

  get host(): VirtualHost {
    if (this.process === undefined) throw new Error('it was never started')
    return this.process
  }

  get world(): World {
    return this.stage.world
  }

  /** As its role in the setup: a listener, or the function that pulls. */
  protected receiver(
    meetsStrangers: boolean,
  ): Pick<SessionSetup<SimMessage, SimMessage, unknown>, 'listener' | 'handle'> {
    const { host } = this
    if (this.end.manner === 'pull')
      return { handle: (session) => this.#pull(this.#meet(session, host, meetsStrangers)) }
    return { listener: (session) => this.#listener(this.#meet(session, host, meetsStrangers)) }
  }

  /** How many messages the option `data` pulled. */
  protected firstOf(_session: Session<SimMessage, SimMessage>): SimMessage | undefined {
    return undefined
  }

  protected openMs(): number {
    return 0
  }

  #meet(session: Session<SimMessage, SimMessage>, host: VirtualHost, meetsStrangers: boolean): Watch {
    const { world, line, end, stage } = this
    const watched: Watched = { world, host, line, end, all: stage.watches, meetsStrangers }
    const watch = new Watch(session, watched)
    this.sessions.push(watch)
    const first = this.firstOf(session)
    if (first !== undefined) watch.receive(first)
    return watch
  }

  #listener(watch: Watch): EventListener<SimMessage, SimMessage, unknown> {
    return {
      onOpen: () =>
        watch.within('onOpen', () => {
          watch.opening()
          watch.send(HELLO_BYTES)
          const ms = this.openMs()
          if (ms === 0) return watch.opened()
          return this.#sleep(ms).then(() => watch.opened())
        }),
      onMessage: (_session, message) =>
        watch.within('onMessage', () => {
          watch.beginHandling()
          watch.receive(message)
          return this.#handle(watch, message)
        }),
      onCron: () => watch.within('onCron', () => undefined),
      onDrain: () => watch.within('onDrain', () => undefined),
      onShutdown: () =>
        watch.within('onShutdown', () => {
          watch.send(5)
        }),
      onError: (_session, error: SessionError) =>
        watch.within('onError', () => {
          watch.reported(error)
          return error.keepable && watch.id % 2 === 0 ? 'keep' : undefined
        }),
      onClose: (_session, cause) => {
        watch.within('onClose', () => undefined)
        watch.closing(cause)
      },
    }
  }

  #handle(watch: Watch, message: SimMessage): unknown {
    const count = ++this.#handled
    const { manner, throwsEach } = this.end
    const ms = manner === 'slow' ? 50 + (count % 7) * 40 : count % 3 === 0 ? 3 : 0
    const finish = () => {
      watch.endHandling(message)
      if (throwsEach > 0 && count % throwsEach === 0) watch.failOnPurpose()
      this.#answer(watch, message, count)
    }
    if (manner === 'sync') return finish()
    if (ms === 0) return Promise.resolve().then(finish)
    return this.#sleep(ms).then(finish)
  }

  async #pull(watch: Watch): Promise<void> {
    watch.opening()
    watch.opened()
    watch.send(HELLO_BYTES)
    let count = 0
    try {
      for (;;) {
        // Not by `for await`, which would leave what it was given when the session closes.
        const message = await watch.session.receive()
        watch.receive(message)
        if (++count % 5 === 0) await this.#sleep(20)
        this.#answer(watch, message, count)
      }
    } catch {
      // The session has closed: nothing more to pull.
    }
  }

  /** Answers are not answered. */
  #answer(watch: Watch, message: SimMessage, count: number): void {
    const { answersEach } = this.end
    if (answersEach > 0 && count % answersEach === 0 && message.body.length !== ANSWER_BYTES) watch.send(ANSWER_BYTES)
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.host.setTimer(ms, resolve))
  }
}

class ServerActor extends Party implements Actor {
  readonly plan: ServerPlan
  #server: Server<SimMessage, SimMessage, unknown> | undefined
  #broadcasts = 0
  #closing = false
  readonly #firsts = new WeakMap<object, SimMessage>()

  constructor(stage: Stage, plan: ServerPlan, index: number) {
    super(stage, plan.end, plan.line, index)
    this.plan = plan
  }

  start(host: VirtualHost): void {
    const { world, plan, line } = this
    this.process = host
    this.sessions = []
    this.#server = undefined
    const { scheme } = line
    const strangers = this.stage.plan.actors.some((actor) => actor.kind === 'stranger' && actor.server === this.index)
    const where = `${scheme === 'proxied' ? 'tcp' : scheme}://*:${plan.port}`
    const listening = world.call(() =>
      listen<SimMessage, SimMessage, unknown>(where, {
        ...setupOf(host, line, plan.end),
        ...(scheme === 'tls' ? { tls: { cert: plan.host, key: 'key' } } : {}),
        ...(scheme === 'proxied' ? { proxyProtocol: { from: ['10.0.0.0/8'] } } : {}),
        ...(scheme === 'udp' ? { udp: { peerIdleMs: 3000 } } : {}),
        maxSessions: plan.maxSessions,
        maxPendingHandshakes: 8,
        ...(plan.data === 'none' ? {} : { data: (peer: Opening<SimMessage, SimMessage>) => this.#data(peer) }),
        wrap: layersOf(line, plan.end),
        ...this.receiver(strangers),
        onStatus: ({ type }) => world.note(`${plan.host} ${type}`),
      }),
    )
    world
      .track('listen', host.name, () => host.state === 'killed', listening)
      .then(
        (server) => this.#listens(server, host),
        (error: unknown) => world.violate(`${plan.host} cannot listen: ${String(error)}`),
      )
  }

  broadcast(size: number): void {
    const server = this.#server
    if (server === undefined || this.#closing) return
    const count = ++this.#broadcasts
    const sender = broadcaster(this.index)
    try {
      this.world.call(() => server.broadcast(makeMessage(this.line.codec, sender, count, size)))
    } catch (error) {
      this.world.violate(`a broadcast threw: ${String(error)}`)
    }
  }

  close(): void {
    const server = this.#server
    if (server === undefined) return
    const { world, host } = this
    this.#closing = true
    for (const watch of this.sessions) if (!watch.isClosed) watch.end('close')
    const closing = world.call(() => server.close({ timeoutMs: 4000 }))
    void world.track('close of a server', host.name, () => host.state === 'killed', closing).then(() => this.#closed())
  }

  check(): void {
    const server = this.#server
    if (server === undefined || this.host.state === 'killed') return
    const { openSessions } = server.stats
    const { size } = server.sessions
    this.world.expect(size === openSessions, `${this.plan.host} has ${size} sessions and counts ${openSessions}`)
    this.world.expect(
      size <= this.plan.maxSessions,
      `${this.plan.host} has ${size} of ${this.plan.maxSessions} sessions`,
    )
    const open = this.sessions.filter((watch) => !watch.isClosed && watch.session.phase === 'open').length
    const closing = this.sessions.filter((watch) => watch.session.phase === 'closing').length
    this.world.expect(size >= open, `${this.plan.host} has ${size} sessions of ${open} that are open`)
    this.world.expect(size <= open + closing, `${this.plan.host} keeps ${size - open - closing} that are gone`)
  }

  checkCalm(): void {}

  checkEnd(): void {
    const server = this.#server
    if (server === undefined) return
    this.world.expect(server.sessions.size === 0, `${this.plan.host} is closed and has sessions`)
  }

  protected override firstOf(session: Session<SimMessage, SimMessage>): SimMessage | undefined {
    return this.#firsts.get(session.data as object)
  }

  protected override openMs(): number {
    return this.plan.openMs
  }

  #listens(server: Server<SimMessage, SimMessage, unknown>, host: VirtualHost): void {
    if (host === this.process) this.#server = server
  }

  #closed(): void {
    const server = this.#server
    this.world.expect(server?.sessions.size === 0, `close of ${this.plan.host} resolved with sessions left`)
    for (const watch of this.sessions) this.world.expect(watch.isClosed, `#${watch.id} outlived its server`)
  }

  async #data(peer: Opening<SimMessage, SimMessage>): Promise<object> {
    const data = {}
    const { host } = this
    if (this.plan.data === 'handshake') this.#firsts.set(data, await peer.receive({ timeoutMs: 2000 }))
    else await new Promise<void>((resolve) => void host.setTimer(5 + this.world.random.below(200), resolve))
    return data
  }
}

/** What a client's slot was last said to do. */
interface SlotRecord {
  status: ClientStatus['type']
  /** No dial before this. */
  notBefore: number
  generation: number
}

class ClientActor extends Party implements Actor {
  readonly plan: ClientPlan
  #client: Client<SimMessage, SimMessage, unknown> | undefined
  #closing = false
  #closed = false
  #slots = new Map<number, SlotRecord>()

  constructor(stage: Stage, plan: ClientPlan, index: number) {
    super(stage, plan.end, portOf(stage.plan, plan).line, index)
    this.plan = plan
  }

  start(host: VirtualHost): void {
    const { world, plan, line } = this
    this.process = host
    this.sessions = []
    this.#slots = new Map()
    const server = portOf(this.stage.plan, plan)
    const { scheme } = line
    const where = `${scheme === 'proxied' ? 'tcp' : scheme}://${server.host}:${server.port}`
    const wrap = [...(scheme === 'proxied' ? [behindProxy] : []), ...layersOf(line, plan.end)]
    this.#client = world.call(() =>
      connect<SimMessage, SimMessage, unknown>(where, {
        ...setupOf(host, line, plan.end),
        wrap,
        ...this.receiver(false),
        connections: plan.connections,
        reconnect: plan.reconnect,
        dialTimeoutMs: plan.dialTimeoutMs,
        onStatus: (status) => this.#onStatus(status, host),
      }),
    )
    const ready = world.call(() => (this.#client as Client).ready())
    world.track('ready', host.name, () => host.state === 'killed', ready).catch(() => undefined)
  }

  close(): void {
    const client = this.#client as Client
    const { world, host } = this
    if (host.state === 'killed') return
    this.#closing = true
    for (const watch of this.sessions) if (!watch.isClosed) watch.end('close')
    const closing = world.call(() => client.close({ timeoutMs: 4000 }))
    void world
      .track('close of a client', host.name, () => host.state === 'killed', closing)
      .then(() => {
        this.#closed = true
        world.expect(client.sessions.size === 0, 'close of a client resolved with sessions left')
        for (const watch of this.sessions) world.expect(watch.isClosed, `#${watch.id} outlived its client`)
        return undefined
      })
  }

  check(): void {
    const client = this.#client as Client
    const { size } = client.sessions
    this.world.expect(size <= this.plan.connections, `a client has ${size} of ${this.plan.connections} sessions`)
    if (this.host.state === 'killed') return
    const open = this.sessions.filter((watch) => !watch.isClosed && watch.session.phase === 'open').length
    this.world.expect(size >= open, `a client has ${size} sessions of ${open} that are open`)
  }

  checkCalm(violate: (what: string) => void): void {
    const client = this.#client as Client
    const server = portOf(this.stage.plan, this.plan)
    if (server.maxSessions < 10 || this.host.state === 'killed') return
    const { size } = client.sessions
    if (size !== this.plan.connections)
      violate(`a client has ${size} of ${this.plan.connections} sessions after the calm`)
    if (server.line.scheme === 'udp') return
    for (const watch of this.sessions) {
      if (!watch.isOpen) continue
      const { peer } = watch
      if (peer === undefined) {
        violate(`#${watch.id} is open and has not heard its peer`)
      } else if (peer.isOpen) {
        if (watch.received !== peer.sent) violate(`#${watch.id} got ${watch.received} of ${peer.sent} after the calm`)
        if (peer.received !== watch.sent) violate(`#${peer.id} got ${peer.received} of ${watch.sent} after the calm`)
      }
    }
  }

  checkEnd(): void {
    this.world.expect(this.host.state === 'killed' || this.#closed, 'a client never closed')
  }

  #onStatus(status: ClientStatus, host: VirtualHost): void {
    const { world } = this
    const slot = 'slot' in status ? status.slot : -1
    world.note(`${host.name}/${this.index} slot ${slot} ${status.type}`)
    world.expect(host.state === 'running', `a status of a host that is ${host.state}`)
    world.expect(!this.#closed || status.type === 'closed', `a client is ${status.type} after its close`)
    if (!('slot' in status)) return world.violate(`a client gave up: ${status.error.message}`)
    const record = this.#slots.get(slot) ?? { status: 'closed', notBefore: 0, generation: 0 }
    this.#slots.set(slot, record)
    const follows = { dialing: ['closed', 'failed'], open: ['dialing'], failed: ['dialing'], closed: ['open'] }
    const { type } = status
    world.expect(follows[type].includes(record.status), `slot ${slot}: ${type} after ${record.status}`)
    record.status = type
    switch (status.type) {
      case 'dialing':
        world.expect(!this.#closing, `slot ${slot} dials while its client closes`)
        world.expect(world.at >= record.notBefore - 1, `slot ${slot} dials ${record.notBefore - world.at} ms too early`)
        world.expect(
          status.generation === record.generation,
          `slot ${slot}: generation ${status.generation} after ${record.generation}`,
        )
        break
      case 'failed':
        record.notBefore = world.at + status.retryInMs
        world.expect(status.retryInMs <= this.plan.reconnect.maxMs, `slot ${slot} waits ${status.retryInMs} ms`)
        break
      case 'closed':
        record.generation++
    }
  }
}

/** As what HAProxy sends with `send-proxy-v2`, of a peer far away. */
function behindProxy(connection: Connection, _role: Role, env: Env): Connection {
  connection.cork() // so that the first messages come right behind it
  connection.write(version2({ source: '192.0.2.7' }))
  env.setTimer(5, () => connection.uncork())
  return connection
}

class StrangerActor implements Actor {
  readonly plan: StrangerPlan
  readonly sessions: readonly Watch[] = []
  readonly #stage: Stage
  #host: VirtualHost | undefined
  #connection: Connection | undefined

  constructor(stage: Stage, plan: StrangerPlan) {
    this.#stage = stage
    this.plan = plan
  }

  get host(): VirtualHost {
    return this.#host as VirtualHost
  }

  start(host: VirtualHost): void {
    this.#host = host
  }

  /** Dials, says what it says, and leaves when it has been sent away, or at the end. */
  broadcast(): void {
    const { world, plan } = this.#stage
    const { host: name, port, line } = plan.actors[this.plan.server] as ServerPlan | RpcServerPlan
    if (line.scheme === 'udp') return
    const { host } = this
    const options = {
      env: host,
      chunks: 'kept',
      maxFrameBytes: 1,
      text: false,
      groups: {},
      role: 'dialed',
      timeoutMs: 3000,
    } as const
    host.net.dial({ host: name, port }, options).then(
      (connection) => {
        world.note('a stranger is there')
        this.#connection = connection
        connection.attach({ onChunk() {}, onActivity() {}, onEnd() {}, onClose() {} })
        const words = this.#words()
        if (words.length > 0) connection.write(words)
        return undefined
      },
      () => world.note('a stranger is not let in'),
    )
  }

  close(): void {
    this.#connection?.destroy()
  }

  check(): void {}
  checkCalm(): void {}
  checkEnd(): void {}

  #words(): Uint8Array {
    switch (this.plan.speech) {
      case 'silence':
        return new Uint8Array(0)
      case 'noise':
        return this.#stage.world.random.bytes(200)
      case 'huge-frame':
        return Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
      case 'http':
        return new TextEncoder().encode('GET / HTTP/1.1\r\nHost: here\r\n\r\n')
      case 'half-frame':
        return Uint8Array.of(0, 0, 0, 100, 1, 2, 3)
    }
  }
}
