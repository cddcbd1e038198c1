import type { CloseReason, Connection, ConnectionSink, PeerInfo, Role, Wrapper } from './connection.ts'
import type { Env } from './env.ts'
import { badOption, type HawserError, listenerFailed } from './errors.ts'

/** What a layer must have to be called a Connection. */
const METHODS = ['attach', 'write', 'cork', 'uncork', 'pause', 'resume', 'end', 'destroy'] as const

/**
 * `connection` inside of its layers, innermost first.
 * @throws what a wrapper throws; ERR_BAD_OPTION where one gives no Connection; the connection is destroyed then
 */
export function guarded(
  connection: Connection,
  wrappers: readonly Wrapper[] | undefined,
  role: Role,
  env: Env,
): Connection {
  if (wrappers === undefined || wrappers.length === 0) return connection
  const guard = new LayerGuard(connection, env)
  let top: Connection = guard.below
  try {
    for (const wrap of wrappers) top = requireConnection(wrap(top, role, env))
    guard.cover(top)
    return guard
  } catch (error) {
    guard.destroy()
    throw error
  }
}

function requireConnection(made: Connection): Connection {
  const layer = made as Partial<Connection> | null | undefined
  const isObject = typeof layer === 'object' && layer !== null
  const missing = METHODS.find((name) => !isObject || typeof layer[name] !== 'function')
  if (missing === undefined) return made
  throw badOption('wrap', `must give a Connection, which has a method ${missing}`)
}

/**
 * Around the layers of one session, so that whatever a layer throws, in a call from above or from below, ends that
 * session and nothing else:
 *
 *     session ⇄ LayerGuard ⇄ layers ⇄ BelowLayers ⇄ connection
 *
 * From the first throw on the layers are passed by: the connection is destroyed, and the session is told why. A layer
 * that keeps destroy() or onClose to itself cannot hold the session either.
 */
class LayerGuard implements Connection {
  readonly below: BelowLayers
  readonly #connection: Connection
  readonly #env: Env
  #top: Connection
  #boundary: Connection['boundary']
  #reliable: boolean
  #chunks: Connection['chunks']
  #maxWriteBytes: number
  /** There only where the layers have it. */
  ping?: () => void
  #sink: ConnectionSink | undefined
  #destroyed = false
  /** What a layer threw first. */
  failure: HawserError | undefined

  constructor(connection: Connection, env: Env) {
    this.#connection = connection
    this.#env = env
    this.below = new BelowLayers(connection, this)
    this.#top = this.below
    this.#boundary = connection.boundary
    this.#reliable = connection.reliable
    this.#chunks = connection.chunks
    this.#maxWriteBytes = connection.maxWriteBytes
  }

  /** What does not change is asked for once. */
  cover(top: Connection): void {
    this.#boundary = top.boundary
    this.#reliable = top.reliable
    this.#chunks = top.chunks
    this.#maxWriteBytes = top.maxWriteBytes
    if (top.ping !== undefined) this.ping = () => this.#call(() => top.ping?.())
    this.#top = top
  }

  get boundary(): 'stream' | 'message' {
    return this.#boundary
  }
  get reliable(): boolean {
    return this.#reliable
  }
  get chunks(): 'kept' | 'borrowed' {
    return this.#chunks
  }
  get maxWriteBytes(): number {
    return this.#maxWriteBytes
  }
  get localAddress(): string {
    return this.#ask('localAddress')
  }
  get remoteAddress(): string {
    return this.#ask('remoteAddress')
  }
  get peer(): PeerInfo {
    return this.#ask('peer')
  }
  get bufferedBytes(): number {
    return this.#ask('bufferedBytes')
  }
  get progress(): number {
    return this.#ask('progress') ?? 0
  }
  get droppedChunks(): number {
    return this.#ask('droppedChunks') ?? 0
  }
  get isInside(): boolean {
    return this.#ask('isInside') ?? false
  }

  attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.#sink = sink
    this.#call(() => this.#top.attach(sink, unread))
    if (!this.below.isAttached && this.#destroyed) this.below.attach(NOBODY)
    if (this.below.isClosed) this.#tellClosed(this.failure)
  }

  write(chunk: Uint8Array, taken?: () => void, text?: boolean): void {
    this.#call(() => this.#top.write(chunk, taken, text))
  }

  cork(): void {
    this.#call(() => this.#top.cork())
  }

  uncork(): void {
    this.#call(() => this.#top.uncork())
  }

  pause(): void {
    this.#call(() => this.#top.pause())
  }

  resume(): void {
    this.#call(() => this.#top.resume())
  }

  end(reason?: CloseReason): void {
    this.#call(() => this.#top.end(reason))
  }

  destroy(error?: Error): void {
    this.#destroyed = true
    this.#call(() => this.#top.destroy(error))
    this.#connection.destroy(error)
  }

  /** A call from below: the layers' own code. */
  hear(run: () => void): void {
    this.#call(run)
  }

  /** The connection is closed, and the layers have heard of it. */
  gone(error: Error | undefined): void {
    if (this.#destroyed || this.failure !== undefined) this.#tellClosed(this.failure ?? error)
  }

  #call(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#fail(error)
    }
  }

  #ask<
    K extends 'localAddress' | 'remoteAddress' | 'peer' | 'bufferedBytes' | 'progress' | 'droppedChunks' | 'isInside',
  >(name: K): Connection[K] {
    try {
      return this.#top[name]
    } catch (error) {
      this.#fail(error)
      return this.#connection[name]
    }
  }

  #fail(thrown: unknown): void {
    if (this.failure !== undefined) return
    const failure = listenerFailed('wrap', thrown, false)
    this.failure = failure
    this.#top = this.#connection
    this.#connection.destroy(failure)
    if (this.below.isClosed) this.#tellClosed(failure)
    else if (!this.below.isAttached) this.below.attach(NOBODY)
  }

  /** In a later turn, as the contract has it; a session that knows already does not mind. */
  #tellClosed(error: Error | undefined): void {
    this.#env.defer(() => this.#sink?.onClose(error))
  }
}

/** Once the layers are passed by. */
const NOBODY: ConnectionSink = {
  onChunk() {},
  onActivity() {},
  onEnd() {},
  onClose() {},
}

/** What the innermost layer is given for its connection: what comes from there goes through the guard. */
class BelowLayers implements Connection, ConnectionSink {
  readonly #connection: Connection
  readonly #guard: LayerGuard
  readonly ping?: () => void
  #layer: ConnectionSink = NOBODY
  isAttached = false
  isClosed = false

  constructor(connection: Connection, guard: LayerGuard) {
    this.#connection = connection
    this.#guard = guard
    if (connection.ping !== undefined) this.ping = () => connection.ping?.()
  }

  get boundary(): 'stream' | 'message' {
    return this.#connection.boundary
  }
  get reliable(): boolean {
    return this.#connection.reliable
  }
  get chunks(): 'kept' | 'borrowed' {
    return this.#connection.chunks
  }
  get maxWriteBytes(): number {
    return this.#connection.maxWriteBytes
  }
  get localAddress(): string {
    return this.#connection.localAddress
  }
  get remoteAddress(): string {
    return this.#connection.remoteAddress
  }
  get peer(): PeerInfo {
    return this.#connection.peer
  }
  get bufferedBytes(): number {
    return this.#connection.bufferedBytes
  }
  get progress(): number {
    return this.#connection.progress ?? 0
  }
  get droppedChunks(): number {
    return this.#connection.droppedChunks ?? 0
  }
  get isInside(): boolean {
    return this.#connection.isInside ?? false
  }

  attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.#layer = sink
    this.isAttached = true
    this.#connection.attach(this, unread)
  }

  write(chunk: Uint8Array, taken?: () => void, text?: boolean): void {
    this.#connection.write(chunk, taken === undefined ? undefined : () => this.#guard.hear(taken), text)
  }

  cork(): void {
    this.#connection.cork()
  }

  uncork(): void {
    this.#connection.uncork()
  }

  pause(): void {
    this.#connection.pause()
  }

  resume(): void {
    this.#connection.resume()
  }

  end(reason?: CloseReason): void {
    this.#connection.end(reason)
  }

  destroy(error?: Error): void {
    this.#connection.destroy(error)
  }

  onChunk(chunk: Uint8Array, text?: boolean): void {
    this.#guard.hear(() => this.#layer.onChunk(chunk, text))
  }

  onActivity(): void {
    this.#guard.hear(() => this.#layer.onActivity())
  }

  onEnd(reason?: CloseReason): void {
    this.#guard.hear(() => this.#layer.onEnd(reason))
  }

  onClose(error?: Error): void {
    this.isClosed = true
    this.#guard.hear(() => this.#layer.onClose(this.#guard.failure ?? error))
    this.#guard.gone(error)
  }
}
