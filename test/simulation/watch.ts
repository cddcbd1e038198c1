import type { HawserError, SessionError } from '../../src/core/errors.ts'
import type { CloseCause, Session } from '../../src/core/session.ts'
import type { VirtualHost } from '../../src/testing/virtual-host.ts'
import { type End, type Line, WINDOW_BYTES } from './plan.ts'
import { HEARTBEAT, isIntact, makeMessage, type SimMessage } from './wire.ts'
import type { World } from './world.ts'

/** What one end of all sessions of an actor is like. */
export interface Watched {
  readonly world: World
  readonly host: VirtualHost
  readonly line: Line
  readonly end: End
  /** Every session that ever was, by its sender number. */
  readonly all: Watch[]
  /** Its peers may be strangers, who say anything. */
  readonly meetsStrangers: boolean
}

/** What a run among honest peers may bring about. */
export const HONEST_CODES = new Set<string>([
  'ERR_CONNECTION_RESET',
  'ERR_CONNECTION_REFUSED', // a datagram that found nobody
  'ERR_HEARTBEAT_TIMEOUT',
  'ERR_IDLE_TIMEOUT',
  'ERR_STALLED',
  'ERR_OVERFLOW',
  'ERR_FRAME_TIMEOUT',
  'ERR_TIMEOUT',
  'ERR_SESSION_CLOSED',
  'ERR_TOO_MANY_SESSIONS',
])
/** Late by the clock's own grain, and by the turn in which it is found out. */
const HEARTBEAT_SLACK_MS = 100
/** A session that failed waits for its `onError`, and then for closeTimeoutMs once more. */
const CLOSE_SLACK_MS = 500
/** More than any weather takes. */
const LATENCY_MS = 400
/** The least that a broadcast's number can be: they have no place in a session's own count. */
const FIRST_BROADCAST = 0x4000_0000
/** The largest message with all its trimmings. */
const LARGEST_BYTES = 44 * 1024
/** What framing and WebSocket put around what is counted. */
const TRIMMINGS_BYTES = 4 * 1024

/** One session and its listener, seen by somebody who trusts neither. */
export class Watch {
  readonly id: number
  readonly session: Session<SimMessage, SimMessage>
  readonly #watched: Watched
  /** Who the peer said it is; the first message tells. */
  peer: Watch | undefined
  #phase: 'new' | 'opening' | 'open' | 'closed' = 'new'
  /** Messages that `send` took, but for the one that `sendAll` asked for last. */
  #sent = 0
  /** `stats.sentMessages` when `sendAll` asked for a message of which it is not known yet whether it was taken; or -1. */
  #askedAt = -1
  /** Messages that came. */
  received = 0
  #lastBroadcast = 0
  #running = 0
  /** When it was last seen to be behind. */
  #busyAt = 0
  #hook: string | undefined
  /** `session.pause()` was called and not undone. */
  isPaused = false
  /** The application ended it: how. */
  ended: 'close' | 'destroy' | undefined
  /** How many messages were taken before it was closed. */
  sentAtEnd = 0
  cause: CloseCause | undefined
  /** When it closed, something kept the listener from handling what had come. */
  wasBusy = false
  #knowsOnlyStrangers = false
  /** It threw, on purpose. */
  #threw = false
  /** An error was reported: what follows from it is the session's own doing. */
  #hasFailed = false
  /** Promises that wait for room, and at how many looks in a row there was some. */
  #waitsForRoom = 0
  #looksWithRoom = 0
  /** When it was first seen closing. */
  #closingAt = -1

  constructor(session: Session<SimMessage, SimMessage>, watched: Watched) {
    this.session = session
    this.#watched = watched
    watched.all.push(this)
    this.id = watched.all.length
    void watched.world
      .track(`closed of #${this.id}`, watched.host.name, () => watched.host.state === 'killed', session.closed)
      .then((cause) => this.#onClosed(cause))
  }

  get line(): Line {
    return this.#watched.line
  }

  get hostName(): string {
    return this.#watched.host.name
  }

  get isDead(): boolean {
    return this.#watched.host.state === 'killed'
  }

  get isOpen(): boolean {
    return this.#phase === 'open' && this.session.phase === 'open' && !this.isDead
  }

  get isClosed(): boolean {
    return this.#phase === 'closed'
  }

  get isReliable(): boolean {
    return this.line.scheme !== 'udp'
  }

  /** Messages that the session took. */
  get sent(): number {
    return this.#sent + (this.#askedAt >= 0 && this.session.stats.sentMessages > this.#askedAt ? 1 : 0)
  }

  // ── Hooks ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Around every hook: what must hold whenever one begins. */
  within<T>(hook: string, run: () => T): T {
    const { world, host } = this.#watched
    world.note(`#${this.id} ${hook}`)
    if (host.state !== 'running') world.violate(`${hook} of #${this.id} on a host that is ${host.state}`)
    if (this.#phase === 'closed') world.violate(`${hook} of #${this.id} after onClose`)
    if (world.inCall) world.violate(`${hook} of #${this.id} inside of a call of the application`)
    if (this.#hook !== undefined) world.violate(`${hook} of #${this.id} inside of ${this.#hook}`)
    this.#hook = hook
    try {
      return run()
    } finally {
      this.#hook = undefined
      this.check()
    }
  }

  /** Before `onOpen` returns or resolves. */
  opening(): void {
    if (this.#phase !== 'new') this.#watched.world.violate(`onOpen of #${this.id} again`)
    this.#phase = 'opening'
  }

  opened(): void {
    if (this.#phase === 'opening') this.#phase = 'open'
  }

  /** A message is handed out, to a listener or to who pulls. */
  receive(message: SimMessage): void {
    const { world } = this.#watched
    world.note(`#${this.id} got ${message.sender}/${message.seq} (${message.body.length})`)
    if (this.#isStranger(message)) return
    if (!isIntact(message)) world.violate(`#${this.id} got ${message.sender}/${message.seq} changed`)
    if (message.sender >= FIRST_BROADCAST) this.#countBroadcast(message)
    else this.count(message)
  }

  /** What nobody of ours has said, before anybody has said anything. */
  #isStranger(message: SimMessage): boolean {
    const { all, meetsStrangers } = this.#watched
    if (!meetsStrangers || this.peer !== undefined) return false
    this.#knowsOnlyStrangers ||= all[message.sender - 1] === undefined || !isIntact(message)
    return this.#knowsOnlyStrangers
  }

  /** Is the next one of its sender. */
  count({ sender, seq }: SimMessage): void {
    const { world, all } = this.#watched
    const peer = all[sender - 1]
    if (peer === undefined) return world.violate(`#${this.id} got a message of nobody, ${sender}/${seq}`)
    if (this.peer === undefined) this.peer = peer
    if (!(this.peer === peer || !this.isReliable))
      world.violate(`#${this.id} got ${sender}/${seq}, and its peer is #${this.peer.id}`)
    if (this.isReliable) {
      if (seq !== this.received + 1) world.violate(`#${this.id} got ${sender}/${seq} after ${this.received}`)
      this.received = seq
    } else {
      this.received++
    }
    if (seq > peer.sent + 1) world.violate(`#${this.id} got ${sender}/${seq}, of which ${peer.sent} were sent`)
  }

  #countBroadcast({ seq }: SimMessage): void {
    const { world } = this.#watched
    if (this.isReliable && seq <= this.#lastBroadcast) world.violate(`#${this.id} got broadcast ${seq} out of order`)
    this.#lastBroadcast = seq
  }

  /** Whether `onMessage` may begin now, and that it has. */
  beginHandling(): void {
    const { world, end } = this.#watched
    if (this.#phase !== 'open') world.violate(`onMessage of #${this.id} while it is ${this.#phase}`)
    if (this.isPaused) world.violate(`onMessage of #${this.id} while it is paused`)
    if (this.ended !== undefined) world.violate(`onMessage of #${this.id} after ${this.ended}()`)
    this.#running++
    if (this.#running > end.concurrency) world.violate(`${this.#running} handlers of #${this.id} at once`)
  }

  endHandling(message: SimMessage): void {
    this.#running--
    const { world } = this.#watched
    this.#busyAt = world.env.now()
    if (this.session.phase === 'closing' && this.ended === undefined && !this.#hasFailed)
      world.violate(`#${this.id} closes by itself while ${message.sender}/${message.seq} is handled`)
    if (!this.#knowsOnlyStrangers && !isIntact(message))
      world.violate(`${message.sender}/${message.seq} of #${this.id} changed while it was handled`)
  }

  failOnPurpose(): never {
    this.#threw = true
    throw new Error('on purpose')
  }

  reported(error: SessionError): void {
    const { world } = this.#watched
    world.note(`#${this.id} onError ${error.code}`)
    this.#hasFailed = true
    this.#judge(error)
  }

  closing(cause: CloseCause): void {
    const { world } = this.#watched
    const why = cause.by === 'error' ? cause.error.code : cause.by
    world.note(`#${this.id} closes: ${why}`)
    if (this.#phase === 'new') world.violate(`onClose of #${this.id} before onOpen`)
    if (this.session.phase !== 'closed') world.violate(`onClose of #${this.id} while it is ${this.session.phase}`)
    if (this.id % 4 === 0 && !this.session.signal.aborted)
      world.violate(`onClose of #${this.id} before its signal aborts`)
    if (cause.by === 'error') this.#judge(cause.error)
    if (cause.by === 'local' && this.ended === undefined) world.violate(`#${this.id} closed by nobody of ours`)
    this.#close(cause)
  }

  #close(cause: CloseCause): void {
    if (this.ended === undefined) this.sentAtEnd = this.sent
    this.cause = cause
    this.wasBusy = this.isPaused || this.#running > 0
    this.#phase = 'closed'
  }

  #onClosed(cause: CloseCause): void {
    const { world, end } = this.#watched
    if (end.manner === 'pull') this.#close(cause)
    if (!(this.cause === cause || this.#phase === 'new'))
      world.violate(`closed of #${this.id} is not as onClose had it`)
    if (this.session.phase !== 'closed') world.violate(`closed of #${this.id} while it is ${this.session.phase}`)
    const { bufferedBytes } = this.session.stats
    if (bufferedBytes !== 0) world.violate(`#${this.id} is closed and has ${bufferedBytes} B to send`)
  }

  #judge(error: HawserError): void {
    const { world, meetsStrangers } = this.#watched
    const { code } = error
    if (code === 'ERR_LISTENER') return world.expect(this.#threw, `#${this.id}: ${error.message}: nobody threw`)
    if (meetsStrangers && this.peer === undefined) return
    if (code === 'ERR_TRUNCATED' && this.line.compressed) return // a peer that is destroyed or killed leaves half a stream
    world.expect(HONEST_CODES.has(code), `#${this.id}: ${code}: ${error.message}`)
    if (code === 'ERR_HEARTBEAT_TIMEOUT') this.#judgeSilence()
  }

  /** A peer is dead only where something kept it from being heard, and our own sleep is no such thing. */
  #judgeSilence(): void {
    const { world, line, host } = this.#watched
    const { intervalMs = 0, timeoutMs = 0 } = line.heartbeat ?? {}
    if (!this.isReliable) return
    const since = world.at - timeoutMs - intervalMs - LATENCY_MS
    if (world.couldHear(host.name, this.peer?.hostName, since))
      world.violate(`#${this.id} took a peer for dead that was not`)
  }

  // ── Checks ────────────────────────────────────────────────────────────────────────────────────────────────

  /** What holds at any moment. */
  check(): void {
    const { world, end } = this.#watched
    if (this.isDead || this.#phase === 'closed') return
    const { bufferedBytes, undecodedBytes } = this.session.stats
    const most = end.maxBufferedBytes + TRIMMINGS_BYTES
    if (bufferedBytes > most) world.violate(`#${this.id} has ${bufferedBytes} B to send, of ${end.maxBufferedBytes}`)
    const messageBytes = this.line.scheme === 'ws' ? LARGEST_BYTES : 0 // a read brings all of one
    const mark = Math.max(end.inboundHighWaterMarkBytes, LARGEST_BYTES) + messageBytes + WINDOW_BYTES
    if (undecodedBytes > mark) world.violate(`#${this.id} keeps ${undecodedBytes} B undecoded, of ${mark}`)
    this.#checkSilence(undecodedBytes)
  }

  /** What must not stay so from one look to the next. */
  look(): void {
    this.check()
    const { world, host, end } = this.#watched
    if (this.isDead || this.#phase === 'closed') return
    const { phase, stats } = this.session
    const isAwake = host.state === 'running' && world.wasAwake(host.name, world.at - 2 * end.closeTimeoutMs)
    const hasRoom = isAwake && phase === 'open' && this.#waitsForRoom > 0 && stats.bufferedBytes === 0
    this.#looksWithRoom = hasRoom ? this.#looksWithRoom + 1 : 0
    if (this.#looksWithRoom > 2) world.violate(`#${this.id} has all the room there is, and somebody waits for some`)
    if (phase !== 'closing' || !isAwake) this.#closingAt = -1
    else if (this.#closingAt < 0) this.#closingAt = world.at
    else if (world.at - this.#closingAt > end.closeTimeoutMs + CLOSE_SLACK_MS)
      world.violate(`#${this.id} is closing for ${world.at - this.#closingAt} ms, of ${end.closeTimeoutMs}`)
  }

  #checkSilence(undecodedBytes: number): void {
    const { world, line, host } = this.#watched
    const { heartbeat } = line
    if (undecodedBytes > 0 || this.#running > 0 || this.isPaused) this.#busyAt = world.env.now() // it may not be reading
    if (heartbeat === undefined || this.session.phase !== 'open') return
    const { activeAt, stats } = this.session
    const silentMs = world.env.now() - Math.max(activeAt, stats.openedAt, this.#busyAt)
    const { timeoutMs } = heartbeat
    if (silentMs <= timeoutMs + HEARTBEAT_SLACK_MS || host.state !== 'running') return
    if (!world.wasAwake(host.name, world.at - 3 * timeoutMs - 6000)) return
    world.violate(`#${this.id} heard nothing for ${silentMs.toFixed(1)} ms, and heartbeat.timeoutMs is ${timeoutMs}`)
  }

  /** What must hold of the two directions when all is over. */
  checkEnd(): void {
    const { world } = this.#watched
    const { peer } = this
    if (peer === undefined || !this.isReliable) return
    world.expect(this.received <= peer.sent, `#${this.id} got ${this.received} of ${peer.sent}`)
    if (this.cause?.by !== 'remote' || this.wasBusy || peer.isDead || peer.ended === 'destroy') return
    if (peer.cause === undefined || peer.cause.by === 'error') return
    world.expect(
      this.received >= peer.sentAtEnd,
      `#${this.id} was closed by its peer in good order, and got ${this.received} of ${peer.sentAtEnd}`,
    )
  }

  // ── Deeds ─────────────────────────────────────────────────────────────────────────────────────────────────

  next(size: number): SimMessage {
    this.#settleAsked()
    return makeMessage(this.line.codec, this.id, this.#sent + 1, size)
  }

  #settleAsked(): void {
    this.#sent = this.sent
    this.#askedAt = -1
  }

  /** Whether it was taken. */
  send(size: number): boolean {
    const { world } = this.#watched
    const before = this.session.stats.sentMessages
    try {
      world.call(() => this.session.send(this.next(size)))
    } catch (error) {
      this.#mayRefuse(error)
    }
    return this.#took(before)
  }

  deliver(size: number): void {
    const { world, host } = this.#watched
    const before = this.session.stats.sentMessages
    const promise = world.call(() => this.session.deliver(this.next(size)))
    const taken = this.#took(before)
    const position = this.session.stats.sentBytes
    const seq = this.sent
    world
      .track(`deliver of ${this.id}/${seq}`, host.name, () => this.isDead, promise)
      .then(
        () => this.#delivered(seq, taken ? position : Infinity),
        (error: unknown) => {
          world.note(`#${this.id} did not deliver`)
          this.#mayRefuse(error)
          if (taken && this.session.phase === 'open')
            world.violate(`deliver of ${this.id}/${seq} rejected while it is open`)
        },
      )
  }

  /** @param position where it ended in the stream; Infinity where it was not taken */
  #delivered(seq: number, position: number): void {
    const { world } = this.#watched
    world.note(`#${this.id} delivered ${seq}`)
    const { sentBytes, bufferedBytes } = this.session.stats
    if (position < Infinity && (this.line.scheme === 'ws' || this.#phase === 'closed')) return // headers are counted there
    if (sentBytes - bufferedBytes < position)
      world.violate(`deliver of ${this.id}/${seq}, to ${position}, resolved: ${bufferedBytes} of ${sentBytes} B wait`)
  }

  sendAll(count: number, size: number): void {
    const { world, host } = this.#watched
    const messages = this.#messages(count, size)
    const promise = this.#waitingForRoom(world.call(() => this.session.sendAll(messages, { timeoutMs: 20_000 })))
    world
      .track(`sendAll of #${this.id}`, host.name, () => this.isDead, promise)
      .then(
        (all) => (all === count ? undefined : world.violate(`sendAll of #${this.id} says ${all} of ${count}`)),
        (error: unknown) => this.#mayRefuse(error),
      )
  }

  *#messages(count: number, size: number): Generator<SimMessage> {
    try {
      for (let i = 0; i < count; i++) {
        const message = this.next(size)
        this.#askedAt = this.session.stats.sentMessages
        yield message
      }
    } finally {
      this.#settleAsked() // in the turn in which it was refused: nobody else has sent since
    }
  }

  drained(): void {
    const { world, host } = this.#watched
    const promise = this.#waitingForRoom(world.call(() => this.session.drained()))
    world
      .track(`drained of #${this.id}`, host.name, () => this.isDead, promise)
      .then(
        () => world.note(`#${this.id} drained`),
        (error: unknown) => this.#mayRefuse(error),
      )
  }

  pause(): void {
    if (this.ended !== undefined || this.isClosed) return
    this.isPaused = true
    this.#watched.world.call(() => this.session.pause())
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.#watched.world.call(() => this.session.resume())
  }

  close(): void {
    const { world, host } = this.#watched
    this.end('close')
    const promise = world.call(() => this.session.close({ reason: 'enough' }))
    world
      .track(`close of #${this.id}`, host.name, () => this.isDead, promise)
      .then(
        () => world.expect(this.session.phase === 'closed', `close of #${this.id} resolved while it is open`),
        () => world.violate(`close of #${this.id} rejected`),
      )
  }

  destroy(): void {
    this.end('destroy')
    this.#watched.world.call(() => this.session.destroy())
  }

  /** The application has ended it, or its server or client. */
  end(how: 'close' | 'destroy'): void {
    if (this.ended === undefined) this.sentAtEnd = this.sent
    if (this.ended !== 'destroy') this.ended = how
  }

  #waitingForRoom<T>(promise: Promise<T>): Promise<T> {
    this.#waitsForRoom++
    const over = () => void this.#waitsForRoom--
    promise.then(over, over)
    return promise
  }

  #took(before: number): boolean {
    const taken = this.session.stats.sentMessages > before
    if (taken) this.#sent++
    return taken
  }

  #mayRefuse(error: unknown): void {
    const { code } = error as { readonly code?: string }
    const allowed = ['ERR_OVERFLOW', 'ERR_SESSION_CLOSED', 'ERR_TIMEOUT', 'ERR_MESSAGE_TOO_LARGE']
    if (!allowed.includes(code ?? '')) this.#watched.world.violate(`#${this.id} refused to send: ${String(error)}`)
  }
}

/** Which messages are heartbeats. */
export const isHeartbeat = ({ sender }: SimMessage): boolean => sender === HEARTBEAT.sender
/** The number of the `count`-th broadcast's sender. */
export const broadcaster = (actor: number): number => FIRST_BROADCAST + actor
