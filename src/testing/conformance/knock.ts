import type { Connection, ConnectionSink, Role } from '../../core/connection.ts'
import { PassThrough, PassThroughSink } from '../pass-through.ts'

const KNOCK = new Uint8Array(0)

/**
 * Where dialing sends nothing, nobody is accepted before something is sent. So the dialed side sends a message of its own
 * first, and the accepted side keeps it from its sink: above them it looks as if there had been a handshake.
 */
export function knocking(connection: Connection, role: Role): Connection {
  if (role === 'accepted') return new KnockedAt(connection)
  connection.write(KNOCK)
  return connection
}

class KnockedAt extends PassThrough {
  #heard = false

  override attach(sink: ConnectionSink, unread?: Uint8Array): void {
    super.attach(new KnockSink(sink, () => this.#isKnock()), unread)
  }

  #isKnock(): boolean {
    const isKnock = !this.#heard
    this.#heard = true
    return isKnock
  }
}

class KnockSink extends PassThroughSink {
  readonly #isKnock: () => boolean

  constructor(above: ConnectionSink, isKnock: () => boolean) {
    super(above)
    this.#isKnock = isKnock
  }

  override onChunk(chunk: Uint8Array, text?: boolean): void {
    if (!this.#isKnock()) super.onChunk(chunk, text)
  }
}
