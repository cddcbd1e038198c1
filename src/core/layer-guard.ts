import type { CloseReason, Connection, ConnectionSink, PeerInfo } from './connection.ts'
import type { Env } from './env.ts'
import { badOption, describe, HawserError } from './errors.ts'

const METHODS = ['attach', 'write', 'cork', 'uncork', 'pause', 'resume', 'end', 'destroy'] as const

/** @throws ERR_BAD_OPTION unless a layer gave something that can be a Connection */
export function requireConnection(layer: unknown): void {
  for (const method of METHODS) {
    if (typeof (layer as Record<string, unknown> | null | undefined)?.[method] !== 'function') {
      throw badOption('wrap', `must give a Connection: it has no ${method}()`)
    }
  }
}

/**
 * Stands between a session and its layers, which somebody else wrote. When one of them throws, wherever that is, the link
 * below all of them is destroyed, and the session is told that it closed: no fault of a layer reaches the process, or keeps
 * a session for ever.
 */
export class LayerGuard implements Connection, ConnectionSink {
  readonly #env: Env
  readonly #top: Connection
  readonly #bottom: Connection
  #sink: ConnectionSink | undefined
  #failed = false
  #closeTold = false
  #error: HawserError | undefined
  readonly ping?: () => void

  /** @param top of the layers @param bottom the link below them */
  constructor(env: Env, top: Connection, bottom: Connection) {
    this.#env = env
    this.#top = top
    this.#bottom = bottom
    if (top.ping !== undefined) this.ping = () => this.#try(() => top.ping?.(), undefined)
  }

  get boundary(): 'stream' | 'message' {
    return this.#top.boundary
  }
  get reliable(): boolean {
    return this.#top.reliable
  }
  get chunks(): 'kept' | 'borrowed' {
    return this.#top.chunks
  }
  get maxWriteBytes(): number {
    return this.#top.maxWriteBytes
  }
  get localAddress(): string {
    return this.#top.localAddress
  }
  get remoteAddress(): string {
    return this.#top.remoteAddress
  }
  get peer(): PeerInfo {
    return this.#top.peer
  }
  get bufferedBytes(): number {
    return this.#try(() => this.#top.bufferedBytes, 0)
  }
  get progress(): number {
    return this.#try(() => this.#top.progress ?? 0, 0)
  }

  attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.#sink = sink
    this.#try(() => this.#top.attach(this, unread), undefined)
    if (this.#failed) this.#env.defer(() => this.#tellClose())
  }
  write(chunk: Uint8Array, taken?: () => void, text?: boolean): void {
    this.#try(() => this.#top.write(chunk, taken, text), undefined)
  }
  cork(): void {
    this.#try(() => this.#top.cork(), undefined)
  }
  uncork(): void {
    this.#try(() => this.#top.uncork(), undefined)
  }
  pause(): void {
    this.#try(() => this.#top.pause(), undefined)
  }
  resume(): void {
    this.#try(() => this.#top.resume(), undefined)
  }
  end(reason?: CloseReason): void {
    this.#try(() => this.#top.end(reason), undefined)
  }
  destroy(error?: Error): void {
    this.#try(() => this.#top.destroy(error), undefined)
  }

  onChunk(chunk: Uint8Array, text?: boolean): void {
    if (!this.#failed) this.#sink?.onChunk(chunk, text)
  }
  onActivity(): void {
    if (!this.#failed) this.#sink?.onActivity()
  }
  onEnd(reason?: CloseReason): void {
    if (!this.#failed) this.#sink?.onEnd(reason)
  }
  onClose(error?: Error): void {
    if (!this.#failed) this.#tellClose(error)
  }

  #try<T>(run: () => T, otherwise: T): T {
    if (this.#failed) return otherwise
    try {
      return run()
    } catch (error) {
      this.#fail(error)
      return otherwise
    }
  }

  #fail(error: unknown): void {
    this.#failed = true
    this.#error = new HawserError('ERR_LISTENER', `a layer of the option wrap threw: ${describe(error)}`, {
      cause: error,
      details: { hook: 'wrap' },
    })
    this.#bottom.destroy(this.#error)
    this.#env.defer(() => this.#tellClose())
  }
  #tellClose(error: Error | undefined = this.#error): void {
    if (this.#closeTold || this.#sink === undefined) return
    this.#closeTold = true
    this.#sink.onClose(error)
  }
}
