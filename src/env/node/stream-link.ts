import type { Writable } from 'node:stream'
import type { FrameLink } from '../../core/web-socket.ts'

/** What frames are written to, where that is a stream of Node's; once it has ended they are forgotten. */
export class StreamLink implements FrameLink {
  readonly #stream: Writable

  constructor(stream: Writable) {
    this.#stream = stream
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength
  }

  write(chunk: Uint8Array, taken?: () => void): void {
    const stream = this.#stream
    if (stream.destroyed || stream.writableEnded) return
    if (taken === undefined) {
      stream.write(chunk)
      return
    }
    stream.write(chunk, (error) => {
      if (hasTaken(stream, error)) taken()
    })
  }

  cork(): void {
    this.#stream.cork()
  }

  uncork(): void {
    this.#stream.uncork()
  }
}

/** Of writes that it never finished a stream says, once it is destroyed, that they went well. */
export function hasTaken(stream: Writable, error: Error | null | undefined): boolean {
  return (error === undefined || error === null) && !stream.destroyed
}
