import type { Env } from '../core/env.ts'
import { listenerFailed } from '../core/errors.ts'
import type { CloseCause, Session } from '../core/session.ts'
import { isThenable } from '../core/thenable.ts'
import { type Wait, wrongWait } from '../core/wait.ts'
import { waitFor } from '../core/wait-list.ts'
import { Announcements } from './announcements.ts'
import { callsOf } from './calls.ts'
import type { AnyService } from './contract.ts'
import { Departure, type DepartureHost } from './departure.ts'
import { type Frame, FrameType } from './frame.ts'
import { IncomingCalls, type IncomingCallsHost } from './incoming-calls.ts'
import type { Interceptor } from './interceptor.ts'
import type { ResolvedRpcOptions } from './options.ts'
import { OutgoingCalls, type OutgoingCallsHost } from './outgoing-calls.ts'
import { Outlet, type RpcSession } from './outlet.ts'
import type { CallOptions, Calls, Handlers, RpcContext, RpcPeer, RpcStats, UnservedCall } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import { callFailed } from './rpc-error.ts'
import type { AnyHandler } from './served-method.ts'
import { ServedMethods } from './served-methods.ts'
import type { Wire } from './wire.ts'

/** What all peers of one `rpc()` share. */
export interface PeerSetup {
  readonly wire: Wire
  readonly options: ResolvedRpcOptions
  readonly interceptors: readonly Interceptor[]
  readonly onPeer: ((peer: RpcPeer<never>) => unknown) | undefined
  readonly peers: PeerSet
}

/**
 * One end of an RPC session: the calls that it makes, the calls that it serves, and what both sides know of each other.
 * `receive` never waits, so the session always reads: a lost peer is noticed at once, and a handler may call back.
 *
 *     client() ─▶ OutgoingCalls ─▶ Outlet ─▶ session ═══▶ session ─▶ receive ─▶ IncomingCalls ─▶ handler
 *                     ▲                                                              │
 *                     └──────── receive ◀─ session ◀═══ session ◀─ Outlet ◀──────────┘ answer
 */
export class LivePeer<Data> implements RpcPeer<Data>, OutgoingCallsHost, IncomingCallsHost, DepartureHost {
  readonly data: Data
  readonly outlet: Outlet
  readonly options: ResolvedRpcOptions
  readonly interceptors: readonly Interceptor[]
  readonly departure: Departure
  /** Its calls, by methods: `client` gives the same by functions. */
  readonly calls: OutgoingCalls
  readonly #setup: PeerSetup
  readonly #served = new ServedMethods()
  readonly #incoming: IncomingCalls
  readonly #announcements: Announcements
  /** Weak: a handler may ask for `peer.client(Service)` with each call, and a service may be made for one. */
  readonly #clients = new WeakMap<AnyService, Calls<AnyService>>()
  /** When a client last chose it among several, in an order of its own. */
  chosenAt = 0

  constructor(data: Data, setup: PeerSetup) {
    this.data = data
    this.#setup = setup
    this.options = setup.options
    this.interceptors = setup.interceptors
    this.outlet = new Outlet(setup.wire)
    this.departure = new Departure(this)
    this.calls = new OutgoingCalls(this)
    this.#incoming = new IncomingCalls(this, this.#served)
    this.#announcements = new Announcements(this.outlet)
  }

  // ── What applications see ──────────────────────────────────────────────────────────────────────────────────

  get session(): Session<unknown, never, unknown> {
    return this.outlet.session
  }

  get stats(): RpcStats {
    return { outgoing: this.outgoing, incoming: this.running, lateAnswers: this.calls.late }
  }

  serve<S extends AnyService>(service: S, handlers: Handlers<S, Data>): Disposable {
    const { wire } = this.#setup
    const end = this.#served.add(service, handlers, (key) => wire.nameOf(service.name, key))
    this.#announcements.announce(service.name)
    let disposed = false
    return {
      [Symbol.dispose]: () => {
        if (disposed) return
        disposed = true
        end()
        this.#announcements.withdraw(service.name)
      },
    }
  }

  client<S extends AnyService>(service: S): Calls<S> {
    let calls = this.#clients.get(service)
    if (calls === undefined) {
      calls = callsOf<AnyService, unknown>(service, this.calls)
      this.#clients.set(service, calls)
    }
    return calls as Calls<S>
  }

  waitFor(services: readonly AnyService[], options?: Wait): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    if (!this.#setup.wire.can(FrameType.REGISTER)) {
      return Promise.reject(callFailed('unimplemented', 'this wire announces no services', 'no'))
    }
    const names = services.map(({ name }) => name)
    return this.#announcements.all(names, options)
  }

  fallback(handler: (call: UnservedCall, context: RpcContext<Data>) => Uint8Array | Promise<Uint8Array>): Disposable {
    return this.#served.setFallback(handler as AnyHandler)
  }

  forward({ method, body }: UnservedCall, options?: CallOptions): Promise<Uint8Array> {
    return this.calls.forward(method, body, options) as Promise<Uint8Array>
  }

  close(options?: Wait): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    const { session } = this
    const closed = this.drain(session.signal).then(() => session.close())
    return waitFor(this.env, 'closing the peer', closed, options).then(() => undefined)
  }

  // ── What `rpc()` sees ──────────────────────────────────────────────────────────────────────────────────────

  get env(): Env {
    return this.outlet.env
  }

  /** New calls may go to it: open, `onPeer` done, nobody is leaving. */
  get callable(): boolean {
    return this.#incoming.isServing && !this.departure.begun && this.outlet.isOpen
  }

  get peers(): PeerSet {
    return this.#setup.peers
  }

  /** The session is there, before the first frame. @throws what `onPeer` throws */
  open(session: RpcSession): void {
    this.outlet.open(session)
    this.calls.open()
    this.#incoming.open()
    const result = this.#setup.onPeer?.(this as RpcPeer<unknown> as RpcPeer<never>)
    if (!isThenable(result)) return this.#prepared()
    Promise.resolve(result).then(
      () => this.#prepared(),
      (error: unknown) => session.fail(listenerFailed('onPeer', error, false)),
    )
  }

  /** One frame of the peer, which is not kept. Never throws. */
  receive(frame: Frame): void {
    if (frame.type < FrameType.RESULT) this.#incoming.onCall(frame)
    else if (frame.type === FrameType.RESULT) this.calls.onAnswer(frame)
    else if (frame.type === FrameType.OUTPUT) this.#onOutput(frame)
    else this.#onOther(frame)
  }

  /** There is room in the session again. */
  drained(): void {
    this.outlet.drained()
  }

  /** Asks the peer to make no new calls, and resolves when nothing is in progress. Never rejects. */
  drain(signal: AbortSignal): Promise<void> {
    this.calls.flush()
    return this.departure.begin(signal)
  }

  /** The session is closed: whatever is in progress ends now. */
  lost(cause: CloseCause): void {
    const reason = cause.by === 'error' ? { cause: cause.error } : {}
    const text = cause.by === 'error' ? `: ${cause.error.message}` : ''
    const error = callFailed('unavailable', `the session was lost${text}`, 'maybe', reason)
    this.outlet.close()
    this.calls.failAll(error)
    this.#incoming.abandonAll(error)
    this.#announcements.lost(error)
    this.departure.callEnded()
    this.#setup.peers.changed()
  }

  // ── What its parts need ────────────────────────────────────────────────────────────────────────────────────

  get peer(): RpcPeer {
    return this
  }

  get outgoing(): number {
    return this.calls.size
  }

  get running(): number {
    return this.#incoming.running
  }

  callableChanged(): void {
    this.#setup.peers.changed()
  }

  // ── Frames ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** `onPeer` is done. */
  #prepared(): void {
    this.#incoming.serve()
    this.#setup.peers.changed()
  }

  #onOutput(frame: Frame): void {
    if (!this.calls.onItem(frame)) this.outlet.fault('an item came without credit')
  }

  #onOther(frame: Frame): void {
    switch (frame.type) {
      case FrameType.ERROR:
      case FrameType.OUTPUT_END:
        return this.calls.onAnswer(frame)
      case FrameType.INPUT:
        return this.#incoming.onItem(frame) ? undefined : this.outlet.fault('an item came without credit')
      case FrameType.INPUT_END:
        return this.#incoming.onInputEnd(frame)
      case FrameType.INPUT_CREDIT:
        return this.calls.onCredit(frame)
      case FrameType.OUTPUT_CREDIT:
        return this.#incoming.onCredit(frame)
      case FrameType.CANCEL:
        return this.#incoming.onCancel(frame)
      case FrameType.BATCH:
        return this.#incoming.onBatch(frame.body as Frame[], (member) => this.receive(member))
      case FrameType.MALFORMED:
        return this.#incoming.onMalformed(frame)
      case FrameType.REGISTER:
        return this.#announcements.peerServes(frame.name)
      case FrameType.UNREGISTER:
        return this.#announcements.peerServesNoMore(frame.name)
      case FrameType.GO_AWAY:
        return this.departure.peerLeaves()
      case FrameType.GO_AWAY_SEEN:
        return this.departure.peerKnows()
      default:
        return this.outlet.fault(`a frame of type ${frame.type} came`)
    }
  }
}
