import type { Env } from '../core/env.ts'
import { badMessage, badOption, cannotEncode, HawserError } from '../core/errors.ts'
import type { LiveSession } from '../core/live-session.ts'
import { Frame, FrameType } from './frame.ts'
import type { ItemSender } from './item-sender.ts'
import { callFailed, type RpcError } from './rpc-error.ts'
import type { Wire } from './wire.ts'

/** What RPC runs over. */
export type RpcSession = LiveSession<Frame, Frame, unknown>

/** Where a peer's frames leave: its session, once that is there, and who waits for room in it. */
export class Outlet {
  readonly wire: Wire
  #session: RpcSession | undefined
  /** Why nothing can be sent any more. */
  #gone: RpcError | undefined
  readonly #blocked = new Set<ItemSender>()
  readonly #scratch = new Frame(FrameType.RESULT, 0, '', undefined)

  constructor(wire: Wire) {
    this.wire = wire
  }

  /** From `onOpen` on, which is before anybody has the peer. */
  get session(): RpcSession {
    if (this.#session === undefined) throw badOption('data', 'gives a peer that has no session yet')
    return this.#session
  }

  get env(): Env {
    return this.session.env
  }

  get gone(): RpcError | undefined {
    return this.#gone
  }

  get isOpen(): boolean {
    return this.#gone === undefined && this.#session?.phase === 'open'
  }

  open(session: RpcSession): void {
    this.#session = session
  }

  close(): void {
    this.#gone = callFailed('unavailable', 'the session is closed', 'no')
    this.#blocked.clear()
  }

  /** What a stage holds back may leave later, or never. */
  get isStaged(): boolean {
    return this.session.hasOutboundStages
  }

  /** To be sent at once: without stages it is encoded then, and the same object will do for the next one. */
  frame(type: FrameType, id: Frame['id'], name: string, body: unknown): Frame {
    if (this.session.hasOutboundStages) return new Frame(type, id, name, body)
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

  /** One item of a stream, in the frame that its sender keeps. As `send`. */
  sendItem(frame: Frame, item: unknown): boolean {
    if (this.isStaged) {
      const kept = new Frame(frame.type, frame.id, frame.name, item)
      kept.sizes = frame.sizes
      return this.send(kept)
    }
    frame.body = item
    const hasRoom = this.send(frame)
    frame.body = undefined // what was sent is not ours to keep
    return hasRoom
  }

  /** What was sent is not ours to keep. */
  forget(): void {
    this.#scratch.body = undefined
  }

  /** As Session.send. @throws RpcError where it was not taken, and what encoding it throws */
  send(frame: Frame): boolean {
    const session = this.session
    const hasRoom = session.send(frame)
    if (!hasRoom && !session.tookLast) throw this.#gone ?? callFailed('unavailable', 'the session takes nothing', 'no')
    return hasRoom
  }

  /** Small notices, which may come at any time: not sent where the session is closed. */
  notify(frame: Frame): void {
    if (!this.wire.can(frame.type)) return
    try {
      this.session.send(frame)
    } catch (error) {
      this.session.fail(asFault(error)) // a frame of a few bytes that cannot be sent: the two would not agree any more
    }
  }

  /** The peer does not keep to the wire: nothing that follows can be trusted. */
  fault(complaint: string): void {
    this.session.fail(badMessage(complaint))
  }

  /** `sender.resume()` is called when there is room again. */
  awaitRoom(sender: ItemSender): void {
    this.#blocked.add(sender)
  }

  /** There is room in the session again. */
  drained(): void {
    const blocked = [...this.#blocked]
    this.#blocked.clear()
    for (const sender of blocked) sender.resume()
  }
}

function asFault(error: unknown): HawserError {
  return error instanceof HawserError ? error : cannotEncode('a frame cannot be encoded', error)
}
