import { parseAddress } from '../../src/core/address.ts'
import type { Connection } from '../../src/core/connection.ts'
import { websocket } from '../../src/transports/websocket/websocket.ts'
import { Accepting, dialing, linkOptions } from './accepting.ts'

/** Which engine carries a WebSocket under test, and how. */
export interface Subject {
  readonly engine: 'own' | 'ws'
  /** As the option `ws.compression`. */
  readonly compression?: false | { readonly thresholdBytes: number }
  readonly maxFrameBytes: number
}

/** A server whose connections come to `onConnection`, nobody attached yet. */
export async function subjectListen(
  { engine, compression = false, maxFrameBytes }: Subject,
  onConnection: (connection: Connection) => void,
): Promise<{ readonly port: number; close(): void }> {
  const sink = new Accepting()
  sink.onConnection = onConnection
  const options = linkOptions('accepted', { ws: { engine, compression } }, { maxFrameBytes })
  const acceptor = await websocket.listen(parseAddress('ws://127.0.0.1:0/'), options, sink)
  return { port: parseAddress(acceptor.address).port, close: () => void acceptor.close() }
}

/** Rejects as `dial` does. */
export function subjectDial(
  { engine, compression = false, maxFrameBytes }: Subject,
  port: number,
  path = '/',
): Promise<Connection> {
  return dialing(websocket, `ws://127.0.0.1:${port}${path}`, { ws: { engine, compression } }, { maxFrameBytes })
}
