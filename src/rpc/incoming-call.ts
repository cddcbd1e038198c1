import { copy } from '../core/bytes.ts'
import { isThenable } from '../core/thenable.ts'
import type { Batch } from './batch.ts'
import type { Due } from './deadline-wheel.ts'
import { type CallId, Frame, FrameType } from './frame.ts'
import { ItemQueue, type ItemQueueHost } from './item-queue.ts'
import { ItemSender, type ItemSenderHost } from './item-sender.ts'
import type { RpcContext, RpcPeer } from './peer.ts'
import { isPromise } from './promise.ts'
import { callFailed, type RpcError } from './rpc-error.ts'
import type { ServedMethod } from './served-method.ts'
import { ARGUMENT, validate } from './validate.ts'
import type { WindowBudget } from './window-budget.ts'

const NO_METADATA: ReadonlyMap<string, string> = /* @__PURE__ */ new Map()

/** What a call needs of the peer that it came from. */
export interface IncomingCallHost {
  readonly peer: RpcPeer
  readonly windows: WindowBudget
  /** Env time. */
  now(): number
  /** Env time of the chunk that is being read. */
  readonly cameAt: number
  /** Its argument or an item of it. @throws what is wrong with the bytes */
  decodeArgument(body: unknown, name: string): unknown
  /** Runs the handler, interceptors around it. */
  runHandler(call: IncomingCall, served: ServedMethod, input: unknown): unknown
  /** RESULT, its last word. Never throws. @param encoding what the value is */
  answerValue(call: IncomingCall, value: unknown, encoding: 'value' | 'bytes'): void
  /** ERROR or OUTPUT_END, its last word. Never throws. */
  answer(call: IncomingCall, frame: Frame): void
  /** What kept it from an answer, as its last word. */
  answerError(call: IncomingCall, error: unknown): void
  /** Nobody waits for its answer. */
  callAbandoned(call: IncomingCall, error: RpcError): void
  /** From now on it is found by its id. */
  track(call: IncomingCall): void
  /** Nobody waits for it any more: id and deadline are free. Once, if it was tracked. */
  untrack(call: IncomingCall): void
  /** Nothing of its handler runs any more. Once, last. */
  callSettled(call: IncomingCall): void
  /** As Session.send. @throws RpcError where it was not taken */
  sendItem(frame: Frame, item: unknown): boolean
  /** `sender.resume()` is called when there is room again. */
  awaitRoom(sender: ItemSender): void
  /** Small notices, which may come at any time: not sent where the session is closed. */
  notify(frame: Frame): void
}

/**
 * A call of the peer, and what its handler sees of it. A handler that returns a plain value is answered in place, and
 * the call was never entered anywhere (and most of these are but a PlainCall); only what takes longer can be canceled,
 * and gets a deadline.
 *
 *     begun ──value──▶ answered ▶ settled
 *       │ promise, stream
 *       ▼
 *     tracked ──settles──▶ answered ▶ settled
 *       │ cancel, deadline, session lost
 *       ▼
 *     abandoned (signal aborted) ──settles──▶ settled            what the handler still gives goes nowhere
 */
export class IncomingCall implements RpcContext, ItemQueueHost, ItemSenderHost {
  readonly #host: IncomingCallHost
  readonly type: FrameType
  readonly id: CallId
  /** On the wire. */
  readonly name: string
  /** 0: the caller never gives up. */
  readonly timeoutMs: number
  readonly #metadata: ReadonlyMap<string, string> | undefined
  /** Undecoded, until the handler is begun: it pins a chunk. */
  #body: unknown
  /** Its answer goes back with others. */
  readonly batch: Batch | undefined
  tracked = false
  /** The handler was begun. */
  ran = false
  #over = false
  #settled = false
  #served: ServedMethod | undefined = undefined
  /** Set where it is tracked, and the caller gives up at some time. */
  deadline: HandlerDeadline | undefined = undefined
  #abort: AbortController | undefined = undefined
  #abortedWith: RpcError | undefined = undefined
  #answerMetadata: Map<string, string> | undefined = undefined
  #input: ItemQueue | undefined = undefined
  #output: ItemSender | undefined = undefined

  /** @param frame is not kept: the next one may be the same object */
  constructor(host: IncomingCallHost, frame: Frame, name: string, batch: Batch | undefined) {
    this.#host = host
    this.type = frame.type
    this.id = frame.id
    this.name = name
    this.timeoutMs = frame.amount
    this.#metadata = frame.metadata
    this.#body = frame.body
    this.batch = batch
    if (frame.type === FrameType.CLIENT_STREAM || frame.type === FrameType.BIDI_STREAM) {
      this.#input = new ItemQueue(this, host.windows)
    }
  }

  // ── What the handler sees ──────────────────────────────────────────────────────────────────────────────────

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#abortedWith !== undefined) this.#abort.abort(this.#abortedWith)
    }
    return this.#abort.signal
  }

  get metadata(): ReadonlyMap<string, string> {
    return this.#metadata ?? NO_METADATA
  }

  get remainingMs(): number {
    if (this.timeoutMs === 0) return Infinity
    const cameAt = this.deadline?.cameAt ?? this.#host.cameAt
    return Math.max(0, cameAt + this.timeoutMs - this.#host.now())
  }

  get peer(): RpcPeer {
    return this.#host.peer
  }

  get data(): unknown {
    return this.#host.peer.data
  }

  get answerMetadata(): Map<string, string> {
    this.#answerMetadata ??= new Map()
    return this.#answerMetadata
  }

  // ── What its peer sees ─────────────────────────────────────────────────────────────────────────────────────

  /** The metadata that goes back; undefined where nobody set any. */
  get metadataToSend(): Map<string, string> | undefined {
    return this.#answerMetadata === undefined || this.#answerMetadata.size === 0 ? undefined : this.#answerMetadata
  }

  /** Answered, or abandoned. */
  get over(): boolean {
    return this.#over
  }

  /** Can be found by its id from now on: where it takes longer, or frames follow. */
  track(): void {
    if (this.tracked || this.#over) return
    this.tracked = true
    if (this.timeoutMs > 0) this.deadline = new HandlerDeadline(this, this.#host.cameAt)
    this.#host.track(this)
  }

  /** It is begun later: its argument no longer pins the chunk that it came in. */
  wait(): void {
    if (this.#body instanceof Uint8Array) this.#body = copy(this.#body)
    this.track()
  }

  /** Calls the handler. */
  begin(served: ServedMethod): void {
    const body = this.#body
    this.#body = undefined
    this.#served = served
    const { input: schema } = served.definition
    let input: unknown
    try {
      if (this.#input !== undefined) input = this.#input
      else if (served.undecoded) input = body
      else {
        input = this.#host.decodeArgument(body, this.name)
        if (schema !== undefined) input = validate(schema, input, ARGUMENT)
      }
    } catch (error) {
      this.fail(error)
      return
    }
    if (isPromise(input)) this.#runLater(input)
    else this.#run(input)
  }

  /** Its argument takes its time. */
  beginLater(served: ServedMethod, input: Promise<unknown>): void {
    this.#served = served
    this.#runLater(input)
  }

  /** Its handler was begun elsewhere, and takes its time. */
  await(output: PromiseLike<unknown>): void {
    this.ran = true
    this.track()
    Promise.resolve(output).then(
      (value: unknown) => this.#give(value),
      (error: unknown) => this.fail(error),
    )
  }

  /** An error is its last word, and nothing of its handler runs any more. */
  fail(error: unknown): void {
    this.#fail(error)
    this.#settle()
  }

  /** INPUT. False where it is against the rules. */
  item(body: Uint8Array): boolean {
    return this.#input?.push(body) ?? false
  }

  /** INPUT_END. */
  inputEnded(): void {
    this.#input?.end()
  }

  /** OUTPUT_CREDIT. */
  credit(bytes: number): void {
    this.#output?.credit(bytes)
  }

  /** Nobody waits for the answer: the handler's signal aborts, its streams end. */
  abandon(error: RpcError): void {
    if (this.#over) return
    this.#input?.abort(error)
    this.#leave()
    this.#abortedWith = error
    this.#abort?.abort(error)
    this.#output?.stop()
    this.#host.callAbandoned(this, error)
  }

  overdue(): void {
    this.abandon(callFailed('deadline_exceeded', `${this.name}: ${this.timeoutMs} ms are over`, 'maybe'))
  }

  // ── The streams ────────────────────────────────────────────────────────────────────────────────────────────

  itemValue(body: unknown): unknown {
    const value = this.#host.decodeArgument(body, this.name)
    const schema = this.#served?.definition.input
    return schema === undefined ? value : validate(schema, value, ARGUMENT)
  }

  itemCredit(bytes: number): void {
    if (this.#over) return
    const frame = new Frame(FrameType.INPUT_CREDIT, this.id, '', undefined)
    frame.amount = bytes
    this.#host.notify(frame)
  }

  itemsUnwanted(): void {
    // the call goes on: what still comes is forgotten, and what is sent without being read runs out of credit
  }

  sendItem(frame: Frame, item: unknown): boolean {
    const hasRoom = this.#host.sendItem(frame, item)
    if (!hasRoom && this.#output !== undefined) this.#host.awaitRoom(this.#output)
    return hasRoom
  }

  itemsDone(): void {
    if (this.#over) return
    this.#leave()
    this.#host.answer(this, new Frame(FrameType.OUTPUT_END, this.id, this.name, undefined))
  }

  itemsFailed(error: unknown): void {
    this.#fail(error)
  }

  itemsSettled(): void {
    this.#settle()
  }

  // ── Its life ───────────────────────────────────────────────────────────────────────────────────────────────

  #runLater(input: Promise<unknown>): void {
    this.track()
    input.then(
      (checked) => this.#run(checked),
      (error: unknown) => this.fail(error),
    )
  }

  #run(input: unknown): void {
    const served = this.#served
    if (served === undefined || this.#over) return this.#settle()
    this.ran = true
    let output: unknown
    try {
      output = this.#host.runHandler(this, served, input)
    } catch (error) {
      this.fail(error)
      return
    }
    // To look up `then` on a Buffer costs more than the rest of this: its prototype is a dictionary.
    if (ArrayBuffer.isView(output) || !isThenable(output)) {
      this.#give(output)
      return
    }
    this.await(output)
  }

  /** What the handler gave: the answer, or the stream of answers. */
  #give(output: unknown): void {
    if (this.type !== FrameType.SERVER_STREAM && this.type !== FrameType.BIDI_STREAM) {
      if (!this.#over) {
        this.#leave()
        this.#host.answerValue(this, output, this.#served?.undecoded === true ? 'bytes' : 'value')
      }
      this.#settle()
      return
    }
    if (this.#over) return this.#settle() // the iterable was never begun
    this.track()
    this.#output = new ItemSender(this, new Frame(FrameType.OUTPUT, this.id, this.name, undefined))
    try {
      this.#output.start(output)
    } catch (error) {
      this.fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#leave()
    this.#host.answerError(this, error)
  }

  /** Nothing of it is awaited any more. */
  #leave(): void {
    this.#over = true
    this.#input?.forget()
    if (this.tracked) this.#host.untrack(this)
  }

  #settle(): void {
    if (this.#settled) return
    this.#settled = true
    this.#host.callSettled(this)
  }
}

/** When the caller of a handler that takes longer gives up. */
export class HandlerDeadline implements Due {
  tick = -1
  restMs = 0
  next: Due | undefined = undefined
  previous: Due | undefined = undefined
  readonly #call: IncomingCall
  /** Env time. */
  readonly cameAt: number

  constructor(call: IncomingCall, cameAt: number) {
    this.#call = call
    this.cameAt = cameAt
  }

  runDue(): void {
    this.#call.overdue()
  }
}
