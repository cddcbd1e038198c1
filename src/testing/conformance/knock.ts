import type { Connection, Role } from '../../core/connection.ts'
import { Layer } from '../../layers/layer.ts'

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

class KnockedAt extends Layer {
  #heard = false

  override onChunk(chunk: Uint8Array, text?: boolean): void {
    if (this.#heard) super.onChunk(chunk, text)
    this.#heard = true
  }
}
