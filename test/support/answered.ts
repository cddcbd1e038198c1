import type { Connection, ConnectionSink, Role } from '../../src/core/connection.ts'

const deaf: ConnectionSink = { onChunk() {}, onActivity() {}, onEnd() {}, onClose() {} }

/** The 101 leaves with the first `attach`, and without it nobody would ever have dialed: this one attaches at once. */
export function answered(connection: Connection, role: Role): Connection {
  if (role === 'accepted') {
    connection.attach(deaf)
    connection.pause()
  }
  return connection
}
