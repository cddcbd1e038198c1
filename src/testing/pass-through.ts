import type { Connection } from '../core/connection.ts'
import { Layer } from '../layers/layer.ts'

/** The layer that changes nothing: every call and every event is handed on. The smallest Wrapper, and a base for others. */
export function passThrough(connection: Connection): Connection {
  return new Layer(connection)
}
