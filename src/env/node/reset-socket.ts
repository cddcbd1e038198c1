import { Socket } from 'node:net'
import { EMPTY } from '../../core/bytes.ts'
import type { Connection } from '../../core/connection.ts'
import { SocketConnection } from './socket-connection.ts'

/**
 * Breaks a connection off so that its peer gets a reset, and what the kernel still had for it is lost. Its own sink hears nothing
 * more. A Unix socket knows no reset: its peer sees the end, or a reset if we left something unread;
 * so does the peer of a socket that was just about to end.
 */
export function resetSocket(connection: Connection): void {
  connection.detach?.(EMPTY)
  const stream = connection instanceof SocketConnection ? connection.release() : undefined
  if (stream === undefined) connection.destroy()
  else if (stream instanceof Socket && stream.remoteAddress !== undefined && !isShuttingDown(stream))
    stream.resetAndDestroy()
  else stream.destroy()
}

/** All is written, and the end is on its way: libuv refuses a reset now, and Node would then leave the descriptor open. */
function isShuttingDown({ writableEnded, writableLength, writableFinished }: Socket): boolean {
  return writableEnded && writableLength === 0 && !writableFinished
}
