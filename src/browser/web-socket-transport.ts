import { addAbortHook, removeAbortHook } from '../core/abort-hooks.ts'
import type { Address } from '../core/address.ts'
import type { Connection } from '../core/connection.ts'
import { badOption, describe, HawserError } from '../core/errors.ts'
import type { Acceptor, LinkOptions, Transport } from '../core/transport.ts'
import type { WebSocketObject } from './web-socket-class.ts'
import { WebSocketConnection } from './web-socket-connection.ts'
import { type ResolvedWsOptions, resolveWs } from './web-socket-options.ts'

/** WebSocket as a page has it: dialed only. */
export const webSocket: Transport = {
  schemes: ['ws', 'wss'],
  dial,
  listen,
}

/** A browser tells no page why it could not connect: all of that is ERR_CONNECTION_REFUSED. */
async function dial(address: Address, options: LinkOptions): Promise<Connection> {
  const settings = resolveWs(options)
  const socket = open(address, settings)
  const { signal } = options
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      socket.onopen = socket.onclose = null // `onerror` stays: `ws` throws an error that nobody hears
      socket.close()
      reject(signal?.reason as Error)
    }
    socket.onopen = () => {
      if (signal !== undefined) removeAbortHook(signal, onAbort)
      const { env, text } = options
      const { maxHeldBytes } = settings
      resolve(new WebSocketConnection(socket, { env, text, maxHeldBytes, remoteAddress: address.href }))
    }
    socket.onerror = () => {} // the close follows
    socket.onclose = () => {
      if (signal !== undefined) removeAbortHook(signal, onAbort)
      reject(refusedBy(address))
    }
    if (signal?.aborted === true) onAbort()
    else if (signal !== undefined) addAbortHook(signal, onAbort)
  })
}

async function listen(): Promise<Acceptor> {
  throw badOption('where', 'can only be dialed')
}

/** @throws ERR_PERMISSION where the page may not, such as ws:// from https://; ERR_BAD_ADDRESS for what the browser cannot parse */
function open(address: Address, { WebSocket, subprotocols }: ResolvedWsOptions): WebSocketObject {
  try {
    const socket = new WebSocket(address.href, [...subprotocols])
    socket.binaryType = 'arraybuffer'
    return socket
  } catch (error) {
    const complaint = `cannot dial ${address.href}: ${describe(error)}`
    if ((error as Partial<Error>).name === 'SecurityError')
      throw new HawserError('ERR_PERMISSION', complaint, { cause: error })
    throw new HawserError('ERR_BAD_ADDRESS', complaint, { cause: error, details: { part: 'path' } })
  }
}

function refusedBy({ href }: Address): HawserError<'ERR_CONNECTION_REFUSED'> {
  return new HawserError('ERR_CONNECTION_REFUSED', `cannot dial ${href}; a browser does not tell why`, {
    retryable: true,
  })
}
