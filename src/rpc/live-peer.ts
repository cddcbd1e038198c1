import { addAbortHook, removeAbortHook } from '../core/abort-hooks.ts'
import type { Env } from '../core/env.ts'
import { badMessage, badOption, cannotEncode, HawserError, listenerFailed } from '../core/errors.ts'
import type { LiveSession } from '../core/live-session.ts'
import type { CloseCause, Session } from '../core/session.ts'
import { isThenable } from '../core/thenable.ts'
import { type Wait, wrongWait } from '../core/wait.ts'
import { WaitList, waitFor } from '../core/wait-list.ts'
import { Batch } from './batch.ts'
import { CallTable } from './call-table.ts'
import { type Caller, callsOf, type MethodTarget } from './calls.ts'
import { type AnyMethod, type AnyService, method as unaryMethod } from './contract.ts'
import { type DeadlineWheel, wheelOf } from './deadline-wheel.ts'
import { errorFrame, notSent, withoutData } from './error-body.ts'
import { Frame, FrameType } from './frame.ts'
import { IncomingCall, type IncomingCallHost } from './incoming-call.ts'
import { intercept, type Interceptor } from './interceptor.ts'
import type { ItemSender } from './item-sender.ts'
import { MAX_ANNOUNCED_SERVICES, MAX_NUMBERED_METHODS } from './limits.ts'
import type { ResolvedRpcOptions } from './options.ts'
import { OutgoingCall, type OutgoingCallHost } from './outgoing-call.ts'
import type { MethodNumber, OutgoingMethod } from './outgoing-method.ts'
import type { CallOptions, Calls, Handlers, RpcContext, RpcPeer, RpcStats, UnservedCall } from './peer.ts'
import type { PeerSet } from './peer-set.ts'
import { type ReceivedMethod, ReceivedNumbers } from './received-numbers.ts'
import { callFailed, isRpcError, type RpcError } from './rpc-error.ts'
import type { AnyHandler, ServedMethod } from './served-method.ts'
import type { Wire } from './wire.ts'

/** What all peers of one `rpc()` share. */
export interface PeerSetup {
  readonly wire: Wire
  readonly options: ResolvedRpcOptions
  readonly interceptors: readonly Interceptor[]
  readonly onPeer: ((peer: RpcPeer<never>) => unknown) | undefined
  readonly peers: PeerSet
}

/** A call that came before `onPeer` was done. */
interface WaitingCall {
  readonly call: IncomingCall
  readonly received: ReceivedMethod | undefined
}

/** The kinds that a call of each type may be for. */
const KINDS: readonly (readonly string[])[] = [
  ['unary', 'one-way'],
  ['unary', 'one-way'],
  ['server-stream'],
  ['client-stream'],
  ['bidi-stream'],
]
/** How a gateway's call is described, which has no contract. */
const FORWARDED: AnyMethod = /* @__PURE__ */ unaryMethod()

type RpcSession = LiveSession<Frame, Frame, unknown>

/**
 * One end of an RPC session: the calls that it makes, the calls that it serves, and what both sides know of each other.
 * `receive` never waits, so the session always reads: a lost peer is noticed at once, and a handler may call back.
 *
 *     client() ─▶ OutgoingCall ─▶ Frame ─▶ session ═══▶ session ─▶ receive ─▶ IncomingCall ─▶ handler
 *                     ▲                                                          │
 *                     └──────── receive ◀─ session ◀═══ session ◀─ Frame ◀───────┘ answer
 */
export class LivePeer<Data> implements RpcPeer<Data>, Caller, OutgoingCallHost, IncomingCallHost {
  readonly data: Data
  readonly #setup: PeerSetup
  readonly #wire: Wire
  readonly #options: ResolvedRpcOptions
  #session: RpcSession | undefined
  #wheel: DeadlineWheel | undefined
  /** Why it cannot be called any more. */
  #gone: RpcError | undefined

  readonly #outgoing = new CallTable<OutgoingCall>()
  /** Weak: a handler may ask for `peer.client(Service)` with each call. */
  readonly #targets = new WeakMap<MethodTarget, OutgoingMethod>()
  readonly #clients = new WeakMap<AnyService, Calls<AnyService>>()
  readonly #numbers = new Map<string, MethodNumber>()
  #lateAnswers = 0

  /** By id; one-way calls, and where a wire repeats ids the later ones, by themselves. */
  readonly #incoming = new Map<Frame['id'] | IncomingCall, IncomingCall>()
  /** Calls whose handlers run, abandoned ones included: who cancels and calls again gets no more of us. */
  #running = 0
  /** Answers that wait for the others of their batch: they take room as calls in progress do. */
  #heldAnswers = 0
  readonly #served = new Map<string, ServedMethod>()
  #servedVersion = 0
  readonly #received = new ReceivedNumbers()
  #fallback: ServedMethod | undefined
  /** Until `onPeer` is done. */
  #waitingCalls: WaitingCall[] | undefined = []

  /** How often each service is served by us; a name is announced once. */
  readonly #services = new Map<string, number>()
  readonly #announced = new Set<string>()
  #announceWaits: WaitList<void> | undefined
  readonly #blocked = new Set<ItemSender>()
  readonly #scratch = new Frame(FrameType.RESULT, 0, '', undefined)

  #leaving = false
  #peerLeaving = false
  #leavingSeen = false
  #quietWaits: WaitList<void> | undefined
  /** Deadlines that ran out since the last answer: the session may be dead. */
  overdueCalls = 0
  /** When a client last chose it among several, in an order of its own. */
  chosenAt = 0

  constructor(data: Data, setup: PeerSetup) {
    this.data = data
    this.#setup = setup
    this.#wire = setup.wire
    this.#options = setup.options
  }

  // ── What applications see ──────────────────────────────────────────────────────────────────────────────────

  get session(): Session<unknown, never, unknown> {
    return this.#open()
  }

  get stats(): RpcStats {
    return { outgoing: this.#outgoing.size, incoming: this.#running, lateAnswers: this.#lateAnswers }
  }

  serve<S extends AnyService>(service: S, handlers: Handlers<S, Data>): Disposable {
    const methods = Object.entries(service.methods as Record<string, AnyMethod>).map(([key, definition]) => {
      const handler: unknown = (handlers as Readonly<Record<string, unknown>>)[key]
      if (typeof handler !== 'function') throw badOption(`handlers.${key}`, 'must be a function')
      const name = this.#wire.nameOf(service.name, key)
      if (this.#served.has(name)) throw badOption(`handlers.${key}`, `is served already, as ${name}`)
      return { name, definition, handlers, handler: handler as AnyHandler, undecoded: false }
    })
    for (const served of methods) this.#served.set(served.name, served)
    this.#servedVersion++
    this.#announce(service.name)
    let disposed = false
    return {
      [Symbol.dispose]: () => {
        if (disposed) return
        disposed = true
        for (const { name } of methods) this.#served.delete(name)
        this.#servedVersion++
        this.#withdraw(service.name)
      },
    }
  }

  client<S extends AnyService>(service: S): Calls<S> {
    let calls = this.#clients.get(service)
    if (calls === undefined) {
      calls = callsOf(service, this)
      this.#clients.set(service, calls)
    }
    return calls as Calls<S>
  }

  waitFor(services: readonly AnyService[], options?: Wait): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    if (!this.#wire.can(FrameType.REGISTER)) {
      return Promise.reject(callFailed('unimplemented', 'this wire announces no services', 'no'))
    }
    return this.#allAnnounced(
      services.map(({ name }) => name),
      options,
    )
  }

  fallback(handler: (call: UnservedCall, context: RpcContext<Data>) => Uint8Array | Promise<Uint8Array>): Disposable {
    if (typeof handler !== 'function') throw badOption('fallback', 'must be a function')
    if (this.#fallback !== undefined) throw badOption('fallback', 'is set already')
    const fallback = {
      name: '',
      definition: FORWARDED,
      handlers: undefined,
      handler: handler as AnyHandler,
      undecoded: true,
    }
    this.#fallback = fallback
    return {
      [Symbol.dispose]: () => {
        if (this.#fallback === fallback) this.#fallback = undefined
      },
    }
  }

  forward({ method: name, body }: UnservedCall, options?: CallOptions): Promise<Uint8Array> {
    const method = { name, definition: FORWARDED, number: this.#numberOf(name) }
    return this.#callUnary(method, body, options, 'bytes') as Promise<Uint8Array>
  }

  close(options?: Wait): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    const session = this.#open()
    const closed = this.drain(session.signal).then(() => session.close())
    return waitFor(session.env, 'closing the peer', closed, options).then(() => undefined)
  }

  // ── Caller ─────────────────────────────────────────────────────────────────────────────────────────────────

  call(target: MethodTarget, input: unknown, options?: CallOptions): Promise<unknown> {
    return this.#callUnary(this.#targets.get(target) ?? this.#addTarget(target), input, options, 'value')
  }

  tell(target: MethodTarget, input: unknown, options?: CallOptions): void {
    const method = this.#targets.get(target) ?? this.#addTarget(target)
    const send = (metadata: Map<string, string> | undefined): void => {
      const refusal = this.#refusal(FrameType.ONE_WAY)
      if (refusal !== undefined) throw refusal
      const frame = this.#callFrame(FrameType.ONE_WAY, 0, method, input)
      if (metadata !== undefined && metadata.size > 0) frame.metadata = metadata
      this.#sendCall(frame, method)
    }
    const metadata = metadataOf(options)
    const { interceptors } = this.#setup
    if (interceptors.length === 0) return send(metadata)
    const intercepted = { method: method.name, side: 'caller', metadata: metadata ?? new Map(), peer: this } as const
    intercept(interceptors, intercepted, () => send(intercepted.metadata)).catch((error: unknown) => {
      this.#open().loopReported(listenerFailed(`an interceptor of ${method.name}`, error, true)) // nobody waits for it
    })
  }

  async *#readIntercepted(method: OutgoingMethod, input: unknown, options: CallOptions | undefined) {
    const metadata = metadataOf(options) ?? new Map<string, string>()
    const intercepted = { method: method.name, side: 'caller', metadata, peer: this } as const
    const items = await intercept(this.#setup.interceptors, intercepted, () =>
      this.#read(method, input, options, metadata),
    )
    yield* items as AsyncIterable<unknown>
  }

  read(target: MethodTarget, input: unknown, options?: CallOptions): AsyncIterable<unknown> {
    const method = this.#targets.get(target) ?? this.#addTarget(target)
    return {
      [Symbol.asyncIterator]: () =>
        this.#setup.interceptors.length > 0
          ? this.#readIntercepted(method, input, options)
          : this.#read(method, input, options, metadataOf(options)),
    }
  }

  // ── What `rpc()` sees ──────────────────────────────────────────────────────────────────────────────────────

  get env(): Env {
    return this.#open().env
  }

  /** New calls may go to it: open, `onPeer` done, nobody is leaving. */
  get callable(): boolean {
    return (
      this.#waitingCalls === undefined &&
      this.#gone === undefined &&
      !this.#leaving &&
      !this.#peerLeaving &&
      this.#session?.phase === 'open'
    )
  }

  get load(): number {
    return this.#outgoing.size
  }

  get peers(): PeerSet {
    return this.#setup.peers
  }

  /** The session is there, before the first frame. @throws what `onPeer` throws */
  open(session: RpcSession): void {
    this.#session = session
    this.#wheel = wheelOf(session.env)
    const result = this.#setup.onPeer?.(this as RpcPeer<unknown> as RpcPeer<never>)
    if (!isThenable(result)) return this.#prepared()
    Promise.resolve(result).then(
      () => this.#prepared(),
      (error: unknown) => session.fail(listenerFailed('onPeer', error, false)),
    )
  }

  /** One frame of the peer. Never throws. */
  receive(frame: Frame): void {
    if (frame.type < FrameType.RESULT) this.#onCall(frame, undefined, this.#hasRoom(1))
    else if (frame.type === FrameType.RESULT) this.#onAnswer(frame)
    else this.#onOther(frame)
  }

  /** There is room in the session again. */
  drained(): void {
    const blocked = [...this.#blocked]
    this.#blocked.clear()
    for (const sender of blocked) sender.resume()
  }

  /** Asks the peer to make no new calls, and resolves when nothing is in progress. Never rejects. */
  async drain(signal: AbortSignal): Promise<void> {
    const { env } = this.#open()
    if (!this.#leaving) {
      this.#leaving = true
      this.#setup.peers.changed()
      this.notify(new Frame(FrameType.GO_AWAY, 0, '', undefined))
    }
    if (this.#isQuiet() || signal.aborted) return
    this.#quietWaits ??= new WaitList<void>(env)
    try {
      await this.#quietWaits.add('ending the calls in progress', { signal })
    } catch {
      // time is up: the session is closed with what is left
    }
  }

  /** The session is closed: whatever is in progress ends now. */
  lost(cause: CloseCause): void {
    const reason = cause.by === 'error' ? { cause: cause.error } : {}
    const text = cause.by === 'error' ? `: ${cause.error.message}` : ''
    const error = callFailed('unavailable', `the session was lost${text}`, 'maybe', reason)
    this.#gone = callFailed('unavailable', 'the session is closed', 'no')
    for (const call of this.#outgoing.all()) call.fail(error)
    for (const call of this.#incoming.values()) call.abandon(error)
    for (const { call } of this.#waitingCalls ?? []) call.refuse(error) // none was begun: nothing else would settle it
    this.#waitingCalls = undefined
    this.#blocked.clear()
    this.#announceWaits?.rejectAll(error)
    this.#quietWaits?.resolveAll(undefined)
    this.#wheel?.rest()
    this.#setup.peers.changed()
  }

  // ── Calls of ours ──────────────────────────────────────────────────────────────────────────────────────────

  get windowBytes(): number {
    return this.#options.streamWindowBytes
  }

  decodeAnswer(body: unknown, name: string): unknown {
    return this.#wire.decodeBody(body, name, 'output')
  }

  answerBytes(body: unknown): Uint8Array {
    return this.#wire.bodyBytes(body)
  }

  callOver(call: OutgoingCall): void {
    if (call.id === 0) return // it was never sent
    this.#outgoing.delete(call)
    this.#wheel?.delete(call)
    const { onAbort, options } = call
    if (onAbort !== undefined && options?.signal !== undefined) removeAbortHook(options.signal, onAbort)
    if (this.#leaving) this.#checkQuiet()
  }

  callOverdue(): void {
    this.overdueCalls++
  }

  tellCanceled(call: OutgoingCall): void {
    this.notify(new Frame(FrameType.CANCEL, call.id, '', undefined))
  }

  sendFrame(frame: Frame): boolean {
    const session = this.#open()
    const hasRoom = session.send(frame)
    if (!hasRoom && !session.tookLast) throw this.#gone ?? callFailed('unavailable', 'the session takes nothing', 'no')
    return hasRoom
  }

  awaitRoom(sender: ItemSender): void {
    this.#blocked.add(sender)
  }

  notify(frame: Frame): void {
    if (!this.#wire.can(frame.type)) return
    try {
      this.#open().send(frame)
    } catch (error) {
      this.#open().fail(asFault(error)) // a frame of a few bytes that cannot be sent: the two would not agree any more
    }
  }

  #callUnary(
    method: OutgoingMethod,
    input: unknown,
    options: CallOptions | undefined,
    answer: 'value' | 'bytes',
  ): Promise<unknown> {
    const { interceptors } = this.#setup
    if (interceptors.length === 0) return this.#startUnary(method, input, options, answer, metadataOf(options))
    const metadata = metadataOf(options) ?? new Map<string, string>()
    const intercepted = { method: method.name, side: 'caller', metadata, peer: this } as const
    return intercept(interceptors, intercepted, () => this.#startUnary(method, input, options, answer, metadata))
  }

  #startUnary(
    method: OutgoingMethod,
    input: unknown,
    options: CallOptions | undefined,
    answer: 'value' | 'bytes',
    metadata: Map<string, string> | undefined,
  ): Promise<unknown> {
    const isStream = method.definition.kind === 'client-stream'
    const call = new OutgoingCall(this, method, options, answer === 'bytes')
    const promise = new Promise<unknown>((resolve, reject) => {
      call.resolve = resolve
      call.reject = reject
    })
    this.#begin(call, isStream ? FrameType.CLIENT_STREAM : FrameType.UNARY, isStream ? undefined : input, metadata)
    if (isStream && !call.over) call.startInput(input)
    return promise
  }

  #read(
    method: OutgoingMethod,
    input: unknown,
    options: CallOptions | undefined,
    metadata: Map<string, string> | undefined,
  ): AsyncIterableIterator<unknown> {
    const isBoth = method.definition.kind === 'bidi-stream'
    const call = new OutgoingCall(this, method, options, false)
    const items = call.makeOutput()
    this.#begin(call, isBoth ? FrameType.BIDI_STREAM : FrameType.SERVER_STREAM, isBoth ? undefined : input, metadata)
    if (isBoth && !call.over) call.startInput(input)
    return items
  }

  /** Sends the call, or fails it. */
  #begin(call: OutgoingCall, type: FrameType, input: unknown, metadata: Map<string, string> | undefined): void {
    const { method, options } = call
    const refusal = wrongWait(options) ?? this.#refusal(type)
    if (refusal !== undefined) return call.fail(refusal)
    const signal = options?.signal
    if (signal?.aborted === true) return call.canceled()
    const wheel = this.#wheel as DeadlineWheel // `open` has made it
    this.#outgoing.add(call)
    const frame = this.#callFrame(type, call.id, method, input)
    const timeoutMs = options?.timeoutMs ?? method.definition.timeoutMs ?? this.#defaultTimeoutMs(type)
    frame.amount = Math.ceil(timeoutMs)
    if (metadata !== undefined && metadata.size > 0) frame.metadata = metadata
    if (call.undecoded) frame.encoded = true
    try {
      this.#sendCall(frame, method)
    } catch (error) {
      return call.fail(error)
    }
    if (timeoutMs > 0) {
      call.timeoutMs = timeoutMs
      wheel.add(call, timeoutMs)
    }
    if (signal === undefined) return
    call.onAbort = () => call.canceled()
    addAbortHook(signal, call.onAbort)
  }

  /** Streams last as long as they are read. */
  #defaultTimeoutMs(type: FrameType): number {
    return type === FrameType.UNARY ? this.#options.timeoutMs : 0
  }

  #callFrame(type: FrameType, id: number, { name, number }: OutgoingMethod, input: unknown): Frame {
    const frame = this.#frame(type, id, name, input)
    frame.number = number.number
    frame.named = !number.known
    return frame
  }

  /** To be sent at once: without stages it is encoded then, and the same object will do for the next one. */
  #frame(type: FrameType, id: Frame['id'], name: string, body: unknown): Frame {
    if (this.#open().hasOutboundStages) return new Frame(type, id, name, body)
    const frame = this.#scratch
    frame.type = type
    frame.id = id
    frame.name = name
    frame.amount = 0
    frame.metadata = undefined
    frame.body = body
    frame.encoded = false
    return frame
  }

  /** @throws RpcError, and nothing was sent */
  #sendCall(frame: Frame, { number }: OutgoingMethod): void {
    try {
      this.sendFrame(frame)
    } catch (error) {
      throw notSent(error)
    }
    this.#scratch.body = undefined // what was sent is not ours to keep
    // What a stage holds back may never leave, or later than what follows: then the name goes along each time.
    if (!number.known && number.number >= 0) number.known = !this.#open().hasOutboundStages
  }

  /** Why a new call cannot be made now. */
  #refusal(type: FrameType): RpcError | undefined {
    if (this.#gone !== undefined) return this.#gone
    if (type > FrameType.ONE_WAY && !this.#wire.can(type))
      return callFailed('unimplemented', 'this wire has no streams', 'no')
    if ((this.#leaving || this.#peerLeaving) && this.#running === 0) {
      return callFailed('unavailable', 'one of the two is leaving', 'no')
    }
    if (this.#outgoing.size < this.#options.maxCalls) return undefined
    return callFailed('resource_exhausted', `there are ${this.#options.maxCalls} calls in progress`, 'no')
  }

  #addTarget(target: MethodTarget): OutgoingMethod {
    const name = this.#wire.nameOf(target.service, target.method)
    const method = { name, definition: target.definition, number: this.#numberOf(name) }
    this.#targets.set(target, method)
    return method
  }

  #numberOf(name: string): MethodNumber {
    let number = this.#numbers.get(name)
    if (number !== undefined) return number
    const next = this.#numbers.size
    if (next >= MAX_NUMBERED_METHODS) return { number: -1, known: false }
    number = { number: next, known: false }
    this.#numbers.set(name, number)
    return number
  }

  #onAnswer(frame: Frame): void {
    const call = this.#outgoing.get(frame.id)
    this.overdueCalls = 0
    if (call === undefined) {
      this.#lateAnswers++
      return
    }
    if (frame.type === FrameType.RESULT) call.answered(frame)
    else if (frame.type === FrameType.ERROR) call.refused(frame)
    else call.outputEnded(frame)
  }

  // ── Calls of theirs ────────────────────────────────────────────────────────────────────────────────────────

  get peer(): RpcPeer {
    return this
  }

  now(): number {
    return this.#open().env.now()
  }

  get cameAt(): number {
    return this.#open().activeAt
  }

  decodeArgument(body: unknown, name: string): unknown {
    return this.#wire.decodeBody(body, name, 'input')
  }

  runHandler(call: IncomingCall, served: ServedMethod, input: unknown): unknown {
    const argument = served.undecoded ? { method: call.name, body: this.#wire.bodyBytes(input) } : input
    const { interceptors } = this.#setup
    if (interceptors.length === 0) return served.handler.call(served.handlers, argument, call)
    const intercepted = { method: call.name, side: 'handler', metadata: new Map(call.metadata), peer: this } as const
    return intercept(interceptors, intercepted, () => served.handler.call(served.handlers, argument, call))
  }

  answerValue(call: IncomingCall, value: unknown, encoding: 'value' | 'bytes'): void {
    const { id, name, batch } = call
    const frame =
      batch === undefined
        ? this.#frame(FrameType.RESULT, id, name, value)
        : new Frame(FrameType.RESULT, id, name, value)
    frame.encoded = encoding === 'bytes'
    this.answer(call, frame)
    this.#scratch.body = undefined // what was answered is not ours to keep
  }

  answer(call: IncomingCall, frame: Frame): void {
    if (call.type === FrameType.ONE_WAY) return
    frame.metadata = call.metadataToSend
    if (call.batch !== undefined) this.#hold(frame, call.batch)
    else this.#sendAnswer(frame)
  }

  answerError(call: IncomingCall, error: unknown): void {
    if (call.ran && !isRpcError(error))
      this.#open().loopReported(listenerFailed(`the handler of ${call.name}`, error, true))
    const reason = call.ran ? error : asArgumentError(error)
    this.answer(call, errorFrame(call.id, reason, { notRun: !call.ran }))
  }

  callAbandoned(call: IncomingCall, error: RpcError): void {
    if (this.#wire.answersCanceled && error.status === 'canceled') {
      this.answer(call, errorFrame(call.id, error, { notRun: false }))
    }
  }

  track(call: IncomingCall): void {
    const hasId = call.type !== FrameType.ONE_WAY && !this.#incoming.has(call.id)
    this.#incoming.set(hasId ? call.id : call, call)
    if (call.deadline !== undefined) this.#wheel?.add(call.deadline, call.timeoutMs)
  }

  untrack(call: IncomingCall): void {
    this.#incoming.delete(this.#incoming.get(call.id) === call ? call.id : call)
    if (call.deadline !== undefined) this.#wheel?.delete(call.deadline)
  }

  callSettled(): void {
    this.#running--
    if (this.#leaving) this.#checkQuiet()
  }

  #onCall(frame: Frame, batch: Batch | undefined, hasRoom: boolean): void {
    const { number, id } = frame
    const received = number < 0 ? undefined : this.#received.find(frame)
    const name = number < 0 ? frame.name : received?.name
    if (name === undefined || name === '')
      return this.#fault('a call has a number that stands for no method, or for another one')
    if (this.#incoming.size > 0 && !this.#wire.repeatsIds && this.#incoming.has(id)) {
      return this.#fault(`the call ${id} is in progress already`)
    }
    const call = new IncomingCall(this, frame, name, batch)
    this.#running++
    if (!hasRoom) {
      call.refuse(callFailed('resource_exhausted', `there are ${this.#options.maxCalls} calls in progress`, 'no'))
    } else if (this.#waitingCalls !== undefined) {
      call.track()
      this.#waitingCalls.push({ call, received })
    } else {
      this.#serve(call, received)
    }
  }

  #serve(call: IncomingCall, received: ReceivedMethod | undefined): void {
    const served = this.#servedBy(call.name, received)
    if (served === undefined) {
      call.refuse(callFailed('unimplemented', `nobody serves ${call.name}`, 'no'))
    } else if (KINDS[call.type]?.includes(served.definition.kind) !== true) {
      call.refuse(callFailed('unimplemented', `${call.name} is of kind ${served.definition.kind}`, 'no'))
    } else {
      call.begin(served)
    }
  }

  #servedBy(name: string, received: ReceivedMethod | undefined): ServedMethod | undefined {
    if (received === undefined) return this.#served.get(name) ?? this.#fallback
    if (received.version !== this.#servedVersion) {
      received.served = this.#served.get(name)
      received.version = this.#servedVersion
    }
    return received.served ?? this.#fallback
  }

  /** `onPeer` is done: the calls that came meanwhile are served. */
  #prepared(): void {
    const waiting = this.#waitingCalls
    if (waiting === undefined) return // lost meanwhile
    this.#waitingCalls = undefined
    for (const { call, received } of waiting) this.#serve(call, received)
    this.#setup.peers.changed()
  }

  /** What cannot be sent is replaced by the reason, as the caller waits for one word or another. */
  #sendAnswer(frame: Frame): void {
    const session = this.#open()
    try {
      session.send(frame)
    } catch (error) {
      if (frame.type === FrameType.ERROR) {
        this.notify(withoutData(frame))
        return
      }
      session.loopReported(listenerFailed(`the answer of ${frame.name}`, error, true))
      const tooLarge = error instanceof HawserError && error.code === 'ERR_MESSAGE_TOO_LARGE'
      const reason = callFailed(
        tooLarge ? 'resource_exhausted' : 'internal',
        tooLarge ? 'the answer is too large' : 'the answer cannot be encoded',
        'yes',
      )
      this.notify(errorFrame(frame.id, reason, { notRun: false }))
    }
  }

  // ── The other frames ───────────────────────────────────────────────────────────────────────────────────────

  #onOther(frame: Frame): void {
    switch (frame.type) {
      case FrameType.ERROR:
      case FrameType.OUTPUT_END:
        return this.#onAnswer(frame)
      case FrameType.OUTPUT: {
        const call = this.#outgoing.get(frame.id)
        if (call?.item(frame.body, sizeOf(frame.body)) === false) this.#fault('an item came without credit')
        return
      }
      case FrameType.INPUT: {
        const call = this.#incoming.get(frame.id)
        if (call?.item(frame.body, sizeOf(frame.body)) === false) this.#fault('an item came without credit')
        return
      }
      case FrameType.INPUT_END:
        return this.#incoming.get(frame.id)?.inputEnded()
      case FrameType.INPUT_CREDIT:
        return this.#outgoing.get(frame.id)?.credit(frame.amount)
      case FrameType.OUTPUT_CREDIT:
        return this.#incoming.get(frame.id)?.credit(frame.amount)
      case FrameType.CANCEL:
        return this.#incoming
          .get(frame.id)
          ?.abandon(callFailed('canceled', 'the caller has canceled the call', 'maybe'))
      case FrameType.BATCH:
        return this.#onBatch(frame.body as Frame[])
      case FrameType.MALFORMED:
        if (frame.body !== undefined) this.#sendAnswer(frame.body as Frame)
        return
      default:
        return this.#onNotice(frame)
    }
  }

  #onNotice({ type, name }: Frame): void {
    switch (type) {
      case FrameType.REGISTER:
        if (this.#announced.size >= MAX_ANNOUNCED_SERVICES) return this.#fault('the peer announces too many services')
        this.#announced.add(name)
        this.#announceWaits?.resolveAll(undefined)
        return
      case FrameType.UNREGISTER:
        this.#announced.delete(name)
        return
      case FrameType.GO_AWAY:
        this.#peerLeaving = true
        this.notify(new Frame(FrameType.GO_AWAY_SEEN, 0, '', undefined))
        this.#setup.peers.changed()
        return
      case FrameType.GO_AWAY_SEEN:
        this.#leavingSeen = true
        this.#checkQuiet()
        return
      default:
        this.#fault(`a frame of type ${type} came`)
    }
  }

  #onBatch(frames: readonly Frame[]): void {
    const missing = Batch.answersTo(frames)
    const batch = new Batch(missing, (answers) => this.#sendBatch(answers))
    // With all its calls or with none: otherwise a few that take long would keep the answers of any number of others.
    const hasRoom = this.#hasRoom(frames.length)
    for (const frame of frames) {
      if (frame.type < FrameType.RESULT) this.#onCall(frame, batch, hasRoom)
      else if (frame.type !== FrameType.MALFORMED) this.receive(frame)
      else if (frame.body !== undefined) this.#hold(frame.body as Frame, batch)
    }
  }

  /** For so many calls of theirs more. */
  #hasRoom(calls: number): boolean {
    return this.#running + this.#heldAnswers + calls <= this.#options.maxCalls
  }

  #hold(answer: Frame, batch: Batch): void {
    this.#heldAnswers++
    batch.add(answer)
  }

  #sendBatch(answers: Frame[]): void {
    this.#heldAnswers -= answers.length
    try {
      this.#open().send(new Frame(FrameType.BATCH, 0, '', answers))
    } catch {
      for (const answer of answers) this.#sendAnswer(answer) // one of them cannot be encoded, or all are too large together
    }
  }

  // ── Announcing, leaving, faults ────────────────────────────────────────────────────────────────────────────

  #announce(name: string): void {
    const count = this.#services.get(name) ?? 0
    this.#services.set(name, count + 1)
    if (count === 0 && name !== '' && this.#gone === undefined)
      this.notify(new Frame(FrameType.REGISTER, 0, name, undefined))
  }

  #withdraw(name: string): void {
    const count = (this.#services.get(name) ?? 1) - 1
    if (count > 0) {
      this.#services.set(name, count)
      return
    }
    this.#services.delete(name)
    if (name !== '' && this.#gone === undefined) this.notify(new Frame(FrameType.UNREGISTER, 0, name, undefined))
  }

  async #allAnnounced(names: readonly string[], { signal, timeoutMs = 0 }: Wait = {}): Promise<void> {
    const { env } = this.#open()
    const dueAt = env.now() + timeoutMs
    while (names.some((name) => name !== '' && !this.#announced.has(name))) {
      if (this.#gone !== undefined) throw this.#gone
      this.#announceWaits ??= new WaitList<void>(env)
      const leftMs = timeoutMs === 0 ? 0 : Math.max(1, dueAt - env.now())
      await this.#announceWaits.add('waiting for services', { signal, timeoutMs: leftMs })
    }
  }

  #isQuiet(): boolean {
    const told = this.#leavingSeen || !this.#wire.can(FrameType.GO_AWAY)
    return this.#gone !== undefined || (told && this.#outgoing.size === 0 && this.#running === 0)
  }

  #checkQuiet(): void {
    if (this.#isQuiet()) this.#quietWaits?.resolveAll(undefined)
  }

  /** The peer does not keep to the wire: nothing that follows can be trusted. */
  #fault(complaint: string): void {
    this.#open().fail(badMessage(complaint))
  }

  /** From `onOpen` on, which is before anybody has this peer. */
  #open(): RpcSession {
    if (this.#session === undefined) throw badOption('data', 'gives a peer that has no session yet')
    return this.#session
  }
}

function metadataOf(options: CallOptions | undefined): Map<string, string> | undefined {
  if (options?.metadata === undefined) return undefined
  return new Map(Object.entries(options.metadata))
}

/** Of an item, on wires that have streams: bytes. */
function sizeOf(body: unknown): number {
  return (body as Uint8Array).length
}

/** What decoding threw is the caller's fault, unless the schema says otherwise. */
function asArgumentError(error: unknown): unknown {
  if (isRpcError(error)) return error
  const message = error instanceof HawserError ? error.message : 'the argument cannot be decoded'
  return callFailed('invalid_argument', message, 'no')
}

function asFault(error: unknown): HawserError {
  return error instanceof HawserError ? error : cannotEncode('a frame cannot be encoded', error)
}
