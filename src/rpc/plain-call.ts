import { type CallId, Frame, FrameType } from './frame.ts'
import { IncomingCall, type IncomingCallHost } from './incoming-call.ts'
import type { RpcContext, RpcPeer } from './peer.ts'

/**
 * A unary call while its handler runs, as the handler sees it. Most give a plain value and are answered in place, and
 * need no more than this: an IncomingCall has three times its fields, which costs the handling side a tenth of a call.
 * One that takes longer, or is looked at more closely, becomes one, which stands behind this from then on.
 */
export class PlainCall implements RpcContext {
  readonly #host: IncomingCallHost
  readonly #id: CallId
  readonly #name: string
  readonly #timeoutMs: number
  readonly #metadata: ReadonlyMap<string, string> | undefined
  #whole: IncomingCall | undefined = undefined

  /** @param frame is not kept: the next one may be the same object */
  constructor(host: IncomingCallHost, frame: Frame, name: string) {
    this.#host = host
    this.#id = frame.id
    this.#name = name
    this.#timeoutMs = frame.amount
    this.#metadata = frame.metadata
  }

  get signal(): AbortSignal {
    return this.whole.signal
  }

  get remainingMs(): number {
    return this.whole.remainingMs
  }

  get metadata(): ReadonlyMap<string, string> {
    return this.whole.metadata
  }

  get answerMetadata(): Map<string, string> {
    return this.whole.answerMetadata
  }

  get peer(): RpcPeer {
    return this.#host.peer
  }

  get data(): unknown {
    return this.#host.peer.data
  }

  /** The same call with all that calls can have. */
  get whole(): IncomingCall {
    if (this.#whole === undefined) {
      const frame = new Frame(FrameType.UNARY, this.#id, '', undefined)
      frame.amount = this.#timeoutMs
      frame.metadata = this.#metadata
      this.#whole = new IncomingCall(this.#host, frame, this.#name, undefined)
    }
    return this.#whole
  }

  /** The metadata that goes back; undefined where nobody set any. */
  get metadataToSend(): Map<string, string> | undefined {
    return this.#whole?.metadataToSend
  }
}
