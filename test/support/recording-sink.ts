import type { CloseReason, Connection, ConnectionSink } from '../../src/core/connection.ts'

/** Writes down what a connection tells it, in order. */
export class RecordingSink implements ConnectionSink {
  readonly events: string[] = []
  /** As they came; views, not copies. */
  readonly chunks: Uint8Array[] = []
  readonly texts: (boolean | undefined)[] = []
  closeError: Error | undefined
  /** Called for each chunk, before it is written down. */
  onEach: ((chunk: Uint8Array) => void) | undefined

  constructor(connection?: Connection) {
    connection?.attach(this)
  }

  onChunk(chunk: Uint8Array, text?: boolean): void {
    this.onEach?.(chunk)
    this.events.push(`chunk ${chunk.length}`)
    this.chunks.push(chunk)
    this.texts.push(text)
  }

  onActivity(): void {
    this.events.push('activity')
  }

  onEnd(reason?: CloseReason): void {
    this.events.push(reason?.code === undefined ? 'end' : `end ${reason.code}`)
  }

  onClose(error?: Error): void {
    this.closeError = error
    this.events.push(error === undefined ? 'close' : `close ${(error as { code?: string }).code ?? error.message}`)
  }

  get byteCount(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  /** All that came, as one. */
  get bytes(): Uint8Array {
    return Uint8Array.from(this.chunks.flatMap((chunk) => [...chunk]))
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes)
  }

  /** All but the chunks. */
  get lifeCycle(): string[] {
    return this.events.filter((event) => !event.startsWith('chunk'))
  }
}
