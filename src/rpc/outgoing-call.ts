import { describe } from '../core/errors.ts'
import type { Due } from './deadline-wheel.ts'
import { type ErrorBody, Frame, FrameType } from './frame.ts'
import { ItemQueue, type ItemQueueHost } from './item-queue.ts'
import { ItemSender, type ItemSenderHost } from './item-sender.ts'
import type { OutgoingMethod } from './outgoing-method.ts'
import type { CallOptions } from './peer.ts'
import { callFailed, RpcError, unsure } from './rpc-error.ts'
import { ANSWER, validate } from './validate.ts'
import type { WindowBudget } from './window-budget.ts'

/** What a call needs of the peer that it goes to. */
export interface OutgoingCallHost {
  readonly windows: WindowBudget
  /** A value of what came. @throws what is wrong with it */
  decodeAnswer(body: unknown, name: string): unknown
  /** That, as bytes. */
  answerBytes(body: unknown): Uint8Array
  /** It is over: id, deadline and signal are free. Once. */
  callOver(call: OutgoingCall): void
  /** A deadline has run out. */
  callOverdue(): void
  /** The peer is told that nobody waits any more, where the wire can say so. */
  tellCanceled(call: OutgoingCall): void
  /** As Session.send. @throws RpcError where it was not taken */
  sendItem(frame: Frame, item: unknown): boolean
  /** `sender.resume()` is called when there is room again. */
  awaitRoom(sender: ItemSender): void
  /** Small notices, which may come at any time: not sent where the session is closed. */
  notify(frame: Frame): void
}

/**
 * A call of ours, from when its id is given to its last word. It settles exactly once: by an answer, its deadline, its
 * signal, or the loss of the session; whatever comes later finds no call of this id.
 */
export class OutgoingCall implements Due, ItemQueueHost, ItemSenderHost {
  tick = -1
  restMs = 0
  next: Due | undefined = undefined
  previous: Due | undefined = undefined
  readonly method: OutgoingMethod
  readonly #host: OutgoingCallHost
  readonly options: CallOptions | undefined
  id = 0
  /** With what the promise of the call settles; of a stream that the peer gives there is none. */
  resolve: ((value: unknown) => void) | undefined = undefined
  reject: ((error: unknown) => void) | undefined = undefined
  /** Set where a signal is waited for. */
  onAbort: (() => void) | undefined = undefined
  timeoutMs = 0
  #over = false
  #output: ItemQueue | undefined = undefined
  #input: ItemSender | undefined = undefined

  constructor(host: OutgoingCallHost, method: OutgoingMethod, options: CallOptions | undefined) {
    this.#host = host
    this.method = method
    this.options = options
  }

  get over(): boolean {
    return this.#over
  }

  /** The peer gives one answer: what settles with it. */
  makePromise(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  /** The peer answers with a stream: this is where it is read. */
  makeOutput(): ItemQueue {
    this.#output = new ItemQueue(this, this.#host.windows)
    return this.#output
  }

  /** Our part is a stream, too. To be called when the call itself was sent. */
  startInput(iterable: unknown): void {
    this.#input = new ItemSender(this, new Frame(FrameType.INPUT, this.id, this.method.name, undefined))
    try {
      this.#input.start(iterable)
    } catch (error) {
      this.itemsFailed(error)
    }
  }

  /** RESULT. */
  answered(frame: Frame): void {
    this.#end(frame)
    let value: unknown
    try {
      value = this.#value(frame.body)
    } catch (error) {
      this.reject?.(asAnswerError(error))
      return
    }
    this.resolve?.(value) // of a promise, too: a schema may take its time
  }

  /** ERROR. */
  refused(frame: Frame): void {
    this.#end(frame)
    const { status, message, data, notRun, jsonRpcCode } = frame.body as ErrorBody
    const error = callFailed(status, message, notRun ? 'no' : 'yes', { data, jsonRpcCode })
    if (this.#output === undefined) this.reject?.(error)
    else this.#output.end({ error })
  }

  /** OUTPUT. False where it is against the rules. */
  item(body: Uint8Array): boolean {
    return this.#output?.push(body) ?? false
  }

  /** OUTPUT_END. */
  outputEnded(frame: Frame): void {
    this.#end(frame)
    if (this.#output === undefined) this.reject?.(callFailed('internal', 'a stream came as the answer', 'yes'))
    else this.#output.end()
  }

  /** INPUT_CREDIT. */
  credit(bytes: number): void {
    this.#input?.credit(bytes)
  }

  runDue(): void {
    this.#host.callOverdue()
    this.#host.tellCanceled(this)
    this.fail(callFailed('deadline_exceeded', `${this.method.name}: no answer within ${this.timeoutMs} ms`, 'maybe'))
  }

  /** Its signal has aborted. */
  canceled(): void {
    const wasSent = this.id > 0
    const cause: unknown = this.options?.signal?.reason
    if (wasSent) this.#host.tellCanceled(this)
    const text = `${this.method.name} was canceled: ${describe(cause)}`
    this.fail(callFailed('canceled', text, wasSent ? 'maybe' : 'no', { cause }))
  }

  /** Without a word of the peer. */
  fail(error: unknown): void {
    if (this.#over) return
    this.#end(undefined)
    this.reject?.(error)
    this.#output?.abort(error)
  }

  // ── What its stream of answers needs ───────────────────────────────────────────────────────────────────────

  itemValue(body: unknown): unknown {
    try {
      return this.#value(body)
    } catch (error) {
      throw asAnswerError(error)
    }
  }

  itemCredit(bytes: number): void {
    if (this.#over) return
    const frame = new Frame(FrameType.OUTPUT_CREDIT, this.id, '', undefined)
    frame.amount = bytes
    this.#host.notify(frame)
  }

  itemsUnwanted(): void {
    if (this.#over) return
    this.#host.tellCanceled(this)
    this.#end(undefined)
  }

  // ── What its own stream needs ──────────────────────────────────────────────────────────────────────────────

  sendItem(frame: Frame, item: unknown): boolean {
    const hasRoom = this.#host.sendItem(frame, item)
    if (!hasRoom && this.#input !== undefined) this.#host.awaitRoom(this.#input)
    return hasRoom
  }

  itemsDone(): void {
    this.#host.notify(new Frame(FrameType.INPUT_END, this.id, '', undefined))
  }

  /** The caller hears its own error. That an item was not taken says nothing of the call, which has left. */
  itemsFailed(error: unknown): void {
    if (this.#over) return
    this.#host.tellCanceled(this)
    this.fail(unsure(error))
  }

  itemsSettled(): void {
    // nothing waits for it: what the application's iterable still does is the application's
  }

  #value(body: unknown): unknown {
    const { name, definition, undecoded } = this.method
    if (undecoded) return this.#host.answerBytes(body)
    const value = this.#host.decodeAnswer(body, name)
    return definition.output === undefined ? value : validate(definition.output, value, ANSWER)
  }

  #end(frame: Frame | undefined): void {
    this.#over = true
    this.#host.callOver(this)
    this.#input?.stop()
    if (frame?.metadata === undefined || this.options?.onMetadata === undefined) return
    try {
      this.options.onMetadata(frame.metadata)
    } catch (error) {
      this.reject?.(error) // the caller's own
      this.#output?.abort(error)
    }
  }
}

function asAnswerError(error: unknown): unknown {
  if (error instanceof RpcError) return error
  return callFailed('internal', `the answer cannot be decoded: ${describe(error)}`, 'yes', { cause: error })
}
