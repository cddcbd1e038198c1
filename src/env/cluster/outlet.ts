import type { BroadcastMessage } from './cluster-message.ts'

/** Broadcasts on their way to a process that does not keep up; what is beyond is not sent. */
const MAX_BEHIND_BYTES = 16 * 1024 * 1024

/** What a message costs beside its bytes while it waits: a flood of tiny ones must not be free. */
const MESSAGE_OVERHEAD_BYTES = 1024

/** One end of a channel between processes, for broadcasts: bounded, for nobody waits for the other end. */
export class Outlet {
  readonly #send: (message: BroadcastMessage, sent: () => void) => void
  #behindBytes = 0

  /** @param send calls `sent` when the channel has taken the message, or never will */
  constructor(send: (message: BroadcastMessage, sent: () => void) => void) {
    this.#send = send
  }

  /** False: not sent, the other end is too far behind. One message is let through whatever its size. */
  offer(message: BroadcastMessage): boolean {
    const length = message.bytes.length + MESSAGE_OVERHEAD_BYTES
    if (this.#behindBytes > 0 && this.#behindBytes + length > MAX_BEHIND_BYTES) return false
    this.#behindBytes += length
    this.#send(message, () => {
      this.#behindBytes -= length
    })
    return true
  }
}
