import { addAbortHook, removeAbortHook } from '../core/abort-hooks.ts'
import type { Env } from '../core/env.ts'
import { listenerFailed } from '../core/errors.ts'
import { type Flushable, type Runtime, runtimeOf } from '../core/runtime.ts'
import { wrongWait } from '../core/wait.ts'
import { CallBatch, type CallBatchHost } from './call-batch.ts'
import { CallTable } from './call-table.ts'
import type { Caller, MethodTarget } from './calls.ts'
import { type DeadlineWheel, wheelOf } from './deadline-wheel.ts'
import type { Departure } from './departure.ts'
import { notSent } from './error-body.ts'
import { Frame, FrameType } from './frame.ts'
import { intercept, type Interceptor } from './interceptor.ts'
import type { ItemSender } from './item-sender.ts'
import type { ResolvedRpcOptions } from './options.ts'
import { OutgoingCall, type OutgoingCallHost } from './outgoing-call.ts'
import type { OutgoingMethod } from './outgoing-method.ts'
import { OutgoingMethods } from './outgoing-methods.ts'
import type { Outlet } from './outlet.ts'
import type { CallOptions, RpcPeer } from './peer.ts'
import { callFailed, type RpcError } from './rpc-error.ts'
import { WindowBudget } from './window-budget.ts'

/** From so many calls of one turn on, a part of them may leave before the others are made. */
const SHARE_CALLS = 32

/** What the calls of a peer need of it. */
export interface OutgoingCallsHost {
  readonly peer: RpcPeer
  readonly outlet: Outlet
  readonly options: ResolvedRpcOptions
  readonly interceptors: readonly Interceptor[]
  readonly departure: Departure
  /** Handlers that run: until they are done they may call back, even where one of the two is leaving. */
  readonly running: number
}

/**
 * The calls that one side of a session makes.
 *
 *     call ─▶ interceptors ─▶ OutgoingCall ─▶ Frame ─▶ outlet
 *                                  ▲
 *                               answer ◀─ Frame
 */
export class OutgoingCalls implements Caller<OutgoingMethod>, OutgoingCallHost, CallBatchHost, Flushable {
  readonly #host: OutgoingCallsHost
  readonly #outlet: Outlet
  readonly #options: ResolvedRpcOptions
  /** Undefined: there are none. */
  readonly #interceptors: readonly Interceptor[] | undefined
  readonly #methods: OutgoingMethods
  readonly #table = new CallTable<OutgoingCall>()
  readonly windows: WindowBudget
  /** Where calls do not leave one by one. */
  readonly #batch: CallBatch | undefined
  #wheel: DeadlineWheel | undefined
  #runtime: Runtime | undefined
  /** Calls of this turn that have not left. */
  #gathered = 0
  /** So many are in progress at the end of a turn, most often. */
  #usual = 0
  /** Answers that nobody waited for any more. */
  late = 0
  /** Deadlines that ran out since the last answer: the session may be dead. */
  overdue = 0

  constructor(host: OutgoingCallsHost) {
    this.#host = host
    this.#outlet = host.outlet
    this.#options = host.options
    this.#interceptors = host.interceptors.length === 0 ? undefined : host.interceptors
    this.windows = new WindowBudget(host.options.streamWindowBytes)
    const { wire } = host.outlet
    this.#methods = new OutgoingMethods(wire)
    if (wire.callsPerBatch > 1) this.#batch = new CallBatch(this, wire.callsPerBatch)
  }

  /** In progress. */
  get size(): number {
    return this.#table.size
  }

  /** The session is there. */
  open(): void {
    this.#wheel = wheelOf(this.#outlet.env)
    this.#runtime = runtimeOf(this.#outlet.env)
  }

  /** The session is lost. */
  failAll(error: RpcError): void {
    for (const call of this.#table.all()) call.fail(error)
  }

  /** Calls that wait for others to leave with leave now; and what was gathered has left. */
  flush(): void {
    this.#gathered = 0
    this.#usual = Math.max(this.#table.size, this.#usual - (this.#usual >> 3))
    this.#batch?.flush()
  }

  // ── Caller ─────────────────────────────────────────────────────────────────────────────────────────────────

  methodOf(target: MethodTarget): OutgoingMethod {
    return this.#methods.of(target)
  }

  call(method: OutgoingMethod, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    return this.#interceptors === undefined
      ? this.#start(method, input, options, metadataOf(options))
      : this.#callIntercepted(method, input, options)
  }

  /** A unary call by its name on the wire, both its bodies as bytes. */
  forward(name: string, body: Uint8Array, options: CallOptions | undefined): Promise<unknown> {
    return this.call(this.#methods.named(name), body, options)
  }

  tell(method: OutgoingMethod, input: unknown, options: CallOptions | undefined): void {
    const metadata = metadataOf(options)
    if (this.#interceptors === undefined) return this.#tell(method, input, metadata)
    const intercepted = this.#intercepted(method, metadata)
    intercept(this.#interceptors, intercepted, () => this.#tell(method, input, intercepted.metadata)).catch(
      (error: unknown) => {
        const failure = listenerFailed(`an interceptor of ${method.name}`, error, true)
        this.#outlet.session.loopReported(failure) // nobody waits for it
      },
    )
  }

  read(method: OutgoingMethod, input: unknown, options: CallOptions | undefined): AsyncIterable<unknown> {
    return {
      [Symbol.asyncIterator]: () =>
        this.#interceptors === undefined
          ? this.#read(method, input, options, metadataOf(options))
          : this.#readIntercepted(this.#interceptors, method, input, options),
    }
  }

  // ── Frames of the peer ─────────────────────────────────────────────────────────────────────────────────────

  /** RESULT, ERROR, OUTPUT_END. */
  onAnswer(frame: Frame): void {
    const call = this.#table.get(frame.id)
    this.overdue = 0
    if (call === undefined) this.late++
    else if (frame.type === FrameType.RESULT) call.answered(frame)
    else if (frame.type === FrameType.ERROR) call.refused(frame)
    else call.outputEnded(frame)
  }

  /** OUTPUT. False where it is against the rules. */
  onItem({ id, body }: Frame): boolean {
    return this.#table.get(id)?.item(body as Uint8Array) !== false // wires with streams have bytes
  }

  /** INPUT_CREDIT. */
  onCredit({ id, amount }: Frame): void {
    this.#table.get(id)?.credit(amount)
  }

  // ── What its calls need ────────────────────────────────────────────────────────────────────────────────────

  decodeAnswer(body: unknown, name: string): unknown {
    return this.#outlet.wire.decodeBody(body, name, 'output')
  }

  answerBytes(body: unknown): Uint8Array {
    return this.#outlet.wire.bodyBytes(body)
  }

  callOver(call: OutgoingCall): void {
    if (call.id === 0) return // it was never sent
    this.#table.delete(call)
    this.#wheel?.delete(call)
    if (call.onAbort !== undefined && call.options?.signal !== undefined) {
      removeAbortHook(call.options.signal, call.onAbort)
    }
    const { departure } = this.#host
    if (departure.begun) departure.callEnded()
  }

  callOverdue(): void {
    this.overdue++
  }

  tellCanceled(call: OutgoingCall): void {
    this.#outlet.notify(new Frame(FrameType.CANCEL, call.id, '', undefined))
  }

  sendFrame(frame: Frame): boolean {
    return this.#outlet.send(frame)
  }

  sendItem(frame: Frame, item: unknown): boolean {
    return this.#outlet.sendItem(frame, item)
  }

  awaitRoom(sender: ItemSender): void {
    this.#outlet.awaitRoom(sender)
  }

  notify(frame: Frame): void {
    this.#outlet.notify(frame)
  }

  // ── What their batch needs ─────────────────────────────────────────────────────────────────────────────────

  get env(): Env {
    return this.#outlet.env
  }

  isWanted({ type, id }: Frame): boolean {
    return type === FrameType.ONE_WAY || this.#table.get(id) !== undefined
  }

  notSent({ id, name }: Frame, error: unknown): void {
    const reason = notSent(error)
    const call = this.#table.get(id)
    if (call === undefined) this.#outlet.session.loopReported(listenerFailed(`the call of ${name}`, reason, true))
    else call.fail(reason)
  }

  // ── Making a call ──────────────────────────────────────────────────────────────────────────────────────────

  #intercepted(method: OutgoingMethod, metadata: Map<string, string> | undefined) {
    return {
      method: method.name,
      side: 'caller',
      metadata: metadata ?? new Map<string, string>(),
      peer: this.#host.peer,
    } as const
  }

  #callIntercepted(method: OutgoingMethod, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    const intercepted = this.#intercepted(method, metadataOf(options))
    return intercept(this.#host.interceptors, intercepted, () =>
      this.#start(method, input, options, intercepted.metadata),
    )
  }

  async *#readIntercepted(
    interceptors: readonly Interceptor[],
    method: OutgoingMethod,
    input: unknown,
    options: CallOptions | undefined,
  ) {
    const intercepted = this.#intercepted(method, metadataOf(options))
    const items = await intercept(interceptors, intercepted, () =>
      this.#read(method, input, options, intercepted.metadata),
    )
    yield* items as AsyncIterable<unknown>
  }

  #start(
    method: OutgoingMethod,
    input: unknown,
    options: CallOptions | undefined,
    metadata: Map<string, string> | undefined,
  ): Promise<unknown> {
    const call = new OutgoingCall(this, method, options)
    const promise = call.makePromise()
    if (method.definition.kind !== 'client-stream') {
      this.#begin(call, FrameType.UNARY, input, metadata)
    } else {
      this.#begin(call, FrameType.CLIENT_STREAM, undefined, metadata)
      if (!call.over) call.startInput(input)
    }
    return promise
  }

  #read(
    method: OutgoingMethod,
    input: unknown,
    options: CallOptions | undefined,
    metadata: Map<string, string> | undefined,
  ): AsyncIterableIterator<unknown> {
    const isBoth = method.definition.kind === 'bidi-stream'
    const call = new OutgoingCall(this, method, options)
    const items = call.makeOutput()
    this.#begin(call, isBoth ? FrameType.BIDI_STREAM : FrameType.SERVER_STREAM, isBoth ? undefined : input, metadata)
    if (isBoth && !call.over) call.startInput(input)
    return items
  }

  /** Sends the call, or fails it. */
  #begin(call: OutgoingCall, type: FrameType, input: unknown, metadata: Map<string, string> | undefined): void {
    const { method, options } = call
    const refusal = this.#refusal(type, options)
    if (refusal !== undefined) return call.fail(refusal)
    const signal = options?.signal
    if (signal?.aborted === true) return call.canceled()
    let timeoutMs = options?.timeoutMs ?? method.definition.timeoutMs
    if (timeoutMs === undefined) timeoutMs = type === FrameType.UNARY ? this.#options.timeoutMs : 0 // streams last as long as they are read
    this.#table.add(call)
    const frame = this.#frame(type, call.id, method, input)
    frame.amount = Math.ceil(timeoutMs)
    if (method.undecoded) frame.encoded = true
    if (metadata !== undefined && metadata.size > 0) frame.metadata = metadata
    try {
      this.#send(frame, method)
    } catch (error) {
      return call.fail(error)
    }
    if (timeoutMs > 0) {
      call.timeoutMs = timeoutMs
      this.#wheel?.add(call, timeoutMs)
    }
    if (signal !== undefined) {
      call.onAbort = () => call.canceled()
      addAbortHook(signal, call.onAbort)
    }
    if (this.#batch === undefined) this.#gather()
  }

  #tell(method: OutgoingMethod, input: unknown, metadata: Map<string, string> | undefined): void {
    const refusal = this.#refusal(FrameType.ONE_WAY, undefined)
    if (refusal !== undefined) throw refusal
    const frame = this.#frame(FrameType.ONE_WAY, 0, method, input)
    if (metadata !== undefined && metadata.size > 0) frame.metadata = metadata
    this.#send(frame, method)
  }

  #frame(type: FrameType, id: number, { name, number }: OutgoingMethod, input: unknown): Frame {
    const frame =
      this.#batch === undefined ? this.#outlet.frame(type, id, name, input) : new Frame(type, id, name, input)
    frame.number = number.number
    frame.named = !number.known
    return frame
  }

  /** @throws RpcError, and nothing was sent */
  #send(frame: Frame, { number }: OutgoingMethod): void {
    const outlet = this.#outlet
    if (this.#batch !== undefined) return this.#batch.add(frame)
    try {
      outlet.send(frame)
    } catch (error) {
      throw notSent(error)
    }
    outlet.forget()
    // What a stage holds back may never leave, or later than what follows: then the name goes along each time.
    if (!number.known && number.number >= 0) number.known = !outlet.isStaged
  }

  /** One more that is to be answered will leave with this turn, or with a share of it. */
  #gather(): void {
    if (this.#gathered++ === 0) this.#runtime?.markDirty(this)
    else if (this.#gathered >= SHARE_CALLS && this.#gathered * 2 >= Math.max(this.#usual, this.#table.size))
      this.#share()
  }

  /**
   * Half of the calls in progress leave, so that the peer is at work on them while we are at work on the others: were all
   * of them one write, one side would wait while the other works (64 in progress: 1.5 times the calls for the same CPU).
   * Of those that usually are, or else what comes back in small parts would for ever leave in small parts.
   * A pass over nothing ends with a flush of what all sessions have gathered; inside of one, its own end is near.
   */
  #share(): void {
    this.#runtime?.beginPass(0)
    this.#runtime?.endPass()
  }

  /** Why a new call cannot be made now. */
  #refusal(type: FrameType, options: CallOptions | undefined): Error | undefined {
    const wrong = options === undefined ? undefined : wrongWait(options)
    if (wrong !== undefined) return wrong
    const { gone, wire } = this.#outlet
    if (gone !== undefined) return gone
    if (type > FrameType.ONE_WAY && !wire.can(type)) {
      return callFailed('unimplemented', 'this wire has no streams', 'no')
    }
    if (this.#host.departure.begun && this.#host.running === 0) {
      return callFailed('unavailable', 'one of the two is leaving', 'no')
    }
    if (this.#table.size < this.#options.maxCalls) return undefined
    return callFailed('resource_exhausted', `there are ${this.#options.maxCalls} calls in progress`, 'no')
  }
}

function metadataOf(options: CallOptions | undefined): Map<string, string> | undefined {
  if (options?.metadata === undefined) return undefined
  return new Map(Object.entries(options.metadata))
}
