import { connect, type Socket } from 'node:net'
import type { StreamTarget } from '../../core/env.ts'
import { makeAddress } from '../../core/address.ts'
import { HawserError } from '../../core/errors.ts'
import type { LinkOptions } from '../../core/transport.ts'
import { attempt } from './attempt.ts'
import { Loan } from './loan.ts'
import { pathEnds, tcpEnds } from './socket-address.ts'
import { SocketConnection } from './socket-connection.ts'
import { socketOptions } from './socket-options.ts'
import { systemError } from './system-error.ts'

/**
 * A connection that has read nothing yet. Where the host has several addresses they are tried side by side (RFC 8305),
 * all within `timeoutMs`; the error of each is in the AggregateError that is the rejection's `cause`.
 */
export function dialStream(target: StreamTarget, options: LinkOptions): Promise<SocketConnection> {
  const where = 'path' in target ? `ipc://${target.path}` : makeAddress('tcp', target.host, target.port).href
  return attempt(`dialing ${where}`, options, ({ resolve, reject }) => {
    const loan = options.chunks === 'borrowed' ? new Loan() : undefined
    const lending = loan === undefined ? undefined : { onread: loan.onread }
    const socket = connect({ ...target, ...socketOptions(options), ...lending, allowHalfOpen: true })
    socket.pause() // else Node reads as soon as it is connected
    const onError = (error: Error): void => reject(systemError(error, `cannot dial ${where}`))
    socket.once('error', onError)
    socket.once('connect', () => {
      if (isItself(socket)) {
        socket.destroy()
        return reject(connectedToItself(where))
      }
      const ends = 'path' in target ? pathEnds(target.path) : tcpEnds(socket)
      if (ends === undefined) return // closed meanwhile: its error comes
      socket.off('error', onError)
      resolve(new SocketConnection(options.env, socket, socket, ends, undefined, loan))
    })
    return () => {
      socket.removeAllListeners('connect')
      socket.destroy()
    }
  })
}

/** Dialing a free port of one's own host may meet itself: a simultaneous open with the same port at both ends. */
function isItself(socket: Socket): boolean {
  return (
    socket.localPort !== undefined &&
    socket.localPort === socket.remotePort &&
    socket.localAddress === socket.remoteAddress
  )
}

function connectedToItself(where: string): HawserError<'ERR_CONNECTION_REFUSED'> {
  return new HawserError('ERR_CONNECTION_REFUSED', `cannot dial ${where}: the connection met itself`, {
    retryable: true,
  })
}
