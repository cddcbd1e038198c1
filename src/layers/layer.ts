import type { CloseReason, Connection, ConnectionSink, PeerInfo } from '../core/connection.ts'

/**
 * The layer that changes nothing: every call goes down, every event goes up. A base for those that change a few of them.
 *
 *     session ──▶ write, end … ──▶ below
 *     session ◀── onChunk, onEnd … ◀── below
 */
export class Layer implements Connection, ConnectionSink {
  protected readonly below: Connection
  protected above: ConnectionSink | undefined
  /** There only where the link has it. */
  readonly ping?: () => void

  constructor(below: Connection) {
    this.below = below
    if (below.ping !== undefined) this.ping = () => below.ping?.()
  }

  get boundary(): 'stream' | 'message' {
    return this.below.boundary
  }
  get reliable(): boolean {
    return this.below.reliable
  }
  get chunks(): 'kept' | 'borrowed' {
    return this.below.chunks
  }
  get maxWriteBytes(): number {
    return this.below.maxWriteBytes
  }
  get localAddress(): string {
    return this.below.localAddress
  }
  get remoteAddress(): string {
    return this.below.remoteAddress
  }
  get peer(): PeerInfo {
    return this.below.peer
  }
  get bufferedBytes(): number {
    return this.below.bufferedBytes
  }
  get progress(): number {
    return this.below.progress ?? 0
  }
  get isInside(): boolean {
    return this.below.isInside ?? false
  }
  get droppedChunks(): number {
    return this.below.droppedChunks ?? 0
  }

  attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.above = sink
    this.below.attach(this, unread)
  }

  write(chunk: Uint8Array, taken?: () => void, text?: boolean): void {
    this.below.write(chunk, taken, text)
  }

  cork(): void {
    this.below.cork()
  }

  uncork(): void {
    this.below.uncork()
  }

  pause(): void {
    this.below.pause()
  }

  resume(): void {
    this.below.resume()
  }

  end(reason?: CloseReason): void {
    this.below.end(reason)
  }

  destroy(error?: Error): void {
    this.below.destroy(error)
  }

  onChunk(chunk: Uint8Array, text?: boolean): void {
    this.above?.onChunk(chunk, text)
  }

  onActivity(): void {
    this.above?.onActivity()
  }

  onEnd(reason?: CloseReason): void {
    this.above?.onEnd(reason)
  }

  onClose(error?: Error): void {
    this.above?.onClose(error)
  }
}
