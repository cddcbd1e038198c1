import { copy } from '../core/bytes.ts'
import { HawserError, listenerFailed } from '../core/errors.ts'
import { isThenable } from '../core/thenable.ts'
import { Batch } from './batch.ts'
import { type DeadlineWheel, wheelOf } from './deadline-wheel.ts'
import type { Departure } from './departure.ts'
import { errorFrame, withoutData } from './error-body.ts'
import { type CallId, Frame, FrameType } from './frame.ts'
import { IncomingCall, type IncomingCallHost } from './incoming-call.ts'
import { intercept, type Interceptor } from './interceptor.ts'
import { ITEM_COST_BYTES } from './item-cost.ts'
import type { ItemSender } from './item-sender.ts'
import { MAX_WAITING_BYTES } from './limits.ts'
import type { ResolvedRpcOptions } from './options.ts'
import type { Outlet } from './outlet.ts'
import type { RpcPeer } from './peer.ts'
import { PlainCall } from './plain-call.ts'
import { isPromise } from './promise.ts'
import { type ReceivedMethod, ReceivedNumbers } from './received-numbers.ts'
import { callFailed, isRpcError, type RpcError } from './rpc-error.ts'
import type { ServedMethod } from './served-method.ts'
import type { ServedMethods } from './served-methods.ts'
import { WindowBudget } from './window-budget.ts'
import type { Wire } from './wire.ts'

/** What the calls to a peer's handlers need of it. */
export interface IncomingCallsHost {
  readonly peer: RpcPeer
  readonly outlet: Outlet
  readonly options: ResolvedRpcOptions
  readonly interceptors: readonly Interceptor[]
  readonly departure: Departure
}

/** A call that came before `onPeer` was done. */
interface WaitingCall {
  readonly call: IncomingCall
  readonly received: ReceivedMethod | undefined
}

/**
 * The calls that one side of a session answers.
 *
 *     Frame ─▶ IncomingCall ─▶ interceptors ─▶ handler        (one that is plain: Frame ─▶ PlainCall ─▶ handler)
 *                   │                             │
 *     outlet ◀── answer, perhaps in a batch ◀─────┘
 */
export class IncomingCalls implements IncomingCallHost {
  readonly #host: IncomingCallsHost
  readonly #outlet: Outlet
  readonly #wire: Wire
  readonly #served: ServedMethods
  readonly #maxCalls: number
  /** Undefined: there are none. */
  readonly #interceptors: readonly Interceptor[] | undefined
  readonly windows: WindowBudget
  readonly #repeatsIds: boolean
  readonly #received = new ReceivedNumbers()
  #wheel: DeadlineWheel | undefined
  /** By id; one-way calls, and where a wire repeats ids the later ones, by themselves. */
  readonly #tracked = new Map<Frame['id'] | IncomingCall, IncomingCall>()
  /** Calls whose handlers run, abandoned ones included: who cancels and calls again gets no more of us. */
  #running = 0
  /** Answers that wait for the others of their batch: they take room as calls in progress do. */
  #heldAnswers = 0
  /** Until `onPeer` is done. */
  #waiting: WaitingCall[] | undefined = []
  /** What they have brought. */
  #waitingBytes = 0

  constructor(host: IncomingCallsHost, served: ServedMethods) {
    this.#host = host
    this.#outlet = host.outlet
    this.#wire = host.outlet.wire
    this.#served = served
    this.#maxCalls = host.options.maxCalls
    this.#interceptors = host.interceptors.length === 0 ? undefined : host.interceptors
    this.windows = new WindowBudget(host.options.streamWindowBytes)
    this.#repeatsIds = host.outlet.wire.repeatsIds
  }

  get running(): number {
    return this.#running
  }

  /** `onPeer` is done. */
  get isServing(): boolean {
    return this.#waiting === undefined
  }

  /** The session is there. */
  open(): void {
    this.#wheel = wheelOf(this.#outlet.env)
  }

  /** `onPeer` is done: the calls that came meanwhile are served. */
  serve(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return // lost meanwhile
    this.#waiting = undefined
    for (const { call, received } of waiting) this.#serve(call, received)
  }

  /** The session is lost. */
  abandonAll(error: RpcError): void {
    for (const call of this.#tracked.values()) call.abandon(error)
    for (const { call } of this.#waiting ?? []) call.fail(error) // none was begun: nothing else would settle it
    this.#waiting = undefined
    this.#wheel?.rest()
  }

  // ── Frames of the peer ─────────────────────────────────────────────────────────────────────────────────────

  /** One call. The frame is not kept. */
  onCall(frame: Frame): void {
    this.#onCall(frame, undefined, this.#hasRoom(1))
  }

  /** BATCH. @param other is given what is no call: answers to ours */
  onBatch(frames: readonly Frame[], other: (frame: Frame) => void): void {
    const batch = new Batch(Batch.answersTo(frames), (answers) => this.#sendBatch(answers))
    // With all its calls or with none: otherwise a few that take long would keep the answers of any number of others.
    const hasRoom = this.#hasRoom(frames.length)
    for (const frame of frames) {
      if (frame.type < FrameType.RESULT) this.#onCall(frame, batch, hasRoom)
      else if (frame.type !== FrameType.MALFORMED) other(frame)
      else if (frame.body !== undefined) this.#hold(frame.body as Frame, batch)
    }
  }

  /** MALFORMED, outside of a batch. */
  onMalformed({ body }: Frame): void {
    if (body !== undefined) this.#send(body as Frame)
  }

  /** INPUT. False where it is against the rules. */
  onItem({ id, body }: Frame): boolean {
    const call = this.#tracked.get(id)
    if (call === undefined) return true
    const bytes = body as Uint8Array // wires with streams have them
    if (this.#waiting === undefined) return call.item(bytes)
    if (this.#mayWait(bytes)) return call.item(copy(bytes))
    call.fail(tooMuchWaits())
    return true
  }

  /** INPUT_END. */
  onInputEnd({ id }: Frame): void {
    this.#tracked.get(id)?.inputEnded()
  }

  /** OUTPUT_CREDIT. */
  onCredit({ id, amount }: Frame): void {
    this.#tracked.get(id)?.credit(amount)
  }

  /** CANCEL. */
  onCancel({ id }: Frame): void {
    this.#tracked.get(id)?.abandon(callFailed('canceled', 'the caller has canceled the call', 'maybe'))
  }

  // ── What its calls need ────────────────────────────────────────────────────────────────────────────────────

  get peer(): RpcPeer {
    return this.#host.peer
  }

  now(): number {
    return this.#outlet.env.now()
  }

  get cameAt(): number {
    return this.#outlet.session.activeAt
  }

  decodeArgument(body: unknown, name: string): unknown {
    return this.#wire.decodeBody(body, name, 'input')
  }

  runHandler(call: IncomingCall, served: ServedMethod, input: unknown): unknown {
    const interceptors = this.#interceptors
    if (interceptors === undefined && !served.undecoded) return served.handler.call(served.handlers, input, call)
    const argument = served.undecoded ? { method: call.name, body: this.#outlet.wire.bodyBytes(input) } : input
    const run = (): unknown => served.handler.call(served.handlers, argument, call)
    if (interceptors === undefined) return run()
    const intercepted = {
      method: call.name,
      side: 'handler',
      metadata: new Map(call.metadata),
      peer: this.peer,
    } as const
    return intercept(interceptors, intercepted, run)
  }

  answerValue(call: IncomingCall, value: unknown, encoding: 'value' | 'bytes'): void {
    const { id, name, batch } = call
    const frame =
      batch === undefined
        ? this.#outlet.frame(FrameType.RESULT, id, name, value)
        : new Frame(FrameType.RESULT, id, name, value)
    if (encoding === 'bytes') frame.encoded = true
    this.answer(call, frame)
    this.#outlet.forget()
  }

  answer(call: IncomingCall, frame: Frame): void {
    if (call.type === FrameType.ONE_WAY) return
    frame.metadata = call.metadataToSend
    if (call.batch !== undefined) this.#hold(frame, call.batch)
    else this.#send(frame)
  }

  answerError(call: IncomingCall, error: unknown): void {
    if (call.ran && !isRpcError(error)) {
      this.#outlet.session.loopReported(listenerFailed(`the handler of ${call.name}`, error, true))
    }
    const reason = call.ran ? error : asArgumentError(error)
    this.answer(call, errorFrame(call.id, reason, { notRun: !call.ran }))
  }

  callAbandoned(call: IncomingCall, error: RpcError): void {
    if (this.#outlet.wire.answersCanceled && error.status === 'canceled') {
      this.answer(call, errorFrame(call.id, error, { notRun: false }))
    }
  }

  track(call: IncomingCall): void {
    const hasId = call.type !== FrameType.ONE_WAY && !this.#tracked.has(call.id)
    this.#tracked.set(hasId ? call.id : call, call)
    if (call.deadline !== undefined) this.#wheel?.add(call.deadline, call.timeoutMs)
  }

  untrack(call: IncomingCall): void {
    this.#tracked.delete(this.#tracked.get(call.id) === call ? call.id : call)
    if (call.deadline !== undefined) this.#wheel?.delete(call.deadline)
  }

  callSettled(): void {
    this.#running--
    const { departure } = this.#host
    if (departure.begun) departure.callEnded()
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

  // ── From a frame to its handler, and back ──────────────────────────────────────────────────────────────────

  #onCall(frame: Frame, batch: Batch | undefined, hasRoom: boolean): void {
    const { number, id } = frame
    const received = number < 0 ? undefined : this.#received.find(frame)
    const name = number < 0 ? frame.name : received?.name
    if (name === undefined || name === '') {
      this.#outlet.fault('a call has a number that stands for no method, or for another one')
      return
    }
    if (this.#tracked.size > 0 && !this.#repeatsIds && this.#tracked.has(id)) {
      this.#outlet.fault(`the call ${id} is in progress already`)
      return
    }
    this.#running++
    if (frame.type === FrameType.UNARY && hasRoom && this.#isPlain(batch)) {
      const served = this.#served.find(name, received)
      if (served?.isPlain === true) return this.#servePlain(frame, name, served)
    }
    const call = new IncomingCall(this, frame, name, batch)
    if (!hasRoom) {
      call.fail(callFailed('resource_exhausted', `there are ${this.#maxCalls} calls in progress`, 'no'))
    } else if (this.#waiting === undefined) {
      this.#serve(call, received)
    } else if (this.#mayWait(frame.body)) {
      call.wait()
      this.#waiting.push({ call, received })
    } else {
      call.fail(tooMuchWaits())
    }
  }

  /** Nothing stands between a call that has come and its handler, nor between that and the answer. */
  #isPlain(batch: Batch | undefined): boolean {
    return batch === undefined && this.#waiting === undefined && this.#interceptors === undefined
  }

  /**
   * What nearly all calls are, flat, because the compiler stops inlining once its budget is used up. Nothing can end it
   * while it is in here, as nobody can find it.
   */
  #servePlain(frame: Frame, name: string, served: ServedMethod): void {
    const { id, body } = frame
    const call = new PlainCall(this, frame, name)
    let ran = false
    let output: unknown
    try {
      const input = this.#wire.decodeBody(body, name, 'input')
      if (isPromise(input)) return call.whole.beginLater(served, input)
      ran = true
      output = served.handler.call(served.handlers, input, call)
    } catch (error) {
      const { whole } = call
      whole.ran = ran
      whole.fail(error)
      return
    }
    // To look up `then` on a Buffer costs more than the rest of this: its prototype is a dictionary.
    if (!ArrayBuffer.isView(output) && isThenable(output)) return call.whole.await(output)
    const outlet = this.#outlet
    const answer = outlet.frame(FrameType.RESULT, id, name, output)
    answer.metadata = call.metadataToSend
    this.#send(answer)
    outlet.forget()
    this.callSettled()
  }

  #serve(call: IncomingCall, received: ReceivedMethod | undefined): void {
    const served = this.#served.find(call.name, received)
    if (served === undefined) {
      call.fail(callFailed('unimplemented', `nobody serves ${call.name}`, 'no'))
    } else if (((served.types >> call.type) & 1) === 0) {
      call.fail(callFailed('unimplemented', `${call.name} is of kind ${served.definition.kind}`, 'no'))
    } else {
      call.begin(served)
    }
  }

  /** For so many calls of theirs more. */
  #hasRoom(calls: number): boolean {
    return this.#running + this.#heldAnswers + calls <= this.#maxCalls
  }

  /** Whether `onPeer` has not yet left too much waiting for one thing more. */
  #mayWait(body: unknown): boolean {
    if (this.#waitingBytes >= MAX_WAITING_BYTES) return false
    const bytes = body === undefined ? 0 : this.#outlet.wire.bodyBytes(body).length
    this.#waitingBytes += bytes + ITEM_COST_BYTES
    return true
  }

  #hold(answer: Frame, batch: Batch): void {
    this.#heldAnswers++
    batch.add(answer)
  }

  #sendBatch(answers: Frame[]): void {
    this.#heldAnswers -= answers.length
    try {
      this.#outlet.session.send(new Frame(FrameType.BATCH, 0, '', answers))
    } catch {
      for (const answer of answers) this.#send(answer) // one of them cannot be encoded, or all are too large together
    }
  }

  /** What cannot be sent is replaced by the reason, as the caller waits for one word or another. */
  #send(frame: Frame): void {
    const { id, name } = frame // a body that calls somebody while it is encoded would make another frame of this one
    try {
      this.#outlet.session.send(frame)
    } catch (error) {
      this.#sendInstead(frame, id, name, error)
    }
  }

  #sendInstead(frame: Frame, id: CallId, name: string, error: unknown): void {
    const outlet = this.#outlet
    if (frame.type === FrameType.ERROR) return outlet.notify(withoutData(frame))
    outlet.session.loopReported(listenerFailed(`the answer of ${name}`, error, true))
    const tooLarge = error instanceof HawserError && error.code === 'ERR_MESSAGE_TOO_LARGE'
    const reason = callFailed(
      tooLarge ? 'resource_exhausted' : 'internal',
      tooLarge ? 'the answer is too large' : 'the answer cannot be encoded',
      'yes',
    )
    outlet.notify(errorFrame(id, reason, { notRun: false }))
  }
}

function tooMuchWaits(): RpcError {
  return callFailed('resource_exhausted', 'too much waits until calls are served', 'no')
}

/** What decoding threw is the caller's fault, unless the schema says otherwise. */
function asArgumentError(error: unknown): unknown {
  if (isRpcError(error)) return error
  const message = error instanceof HawserError ? error.message : 'the argument cannot be decoded'
  return callFailed('invalid_argument', message, 'no')
}
