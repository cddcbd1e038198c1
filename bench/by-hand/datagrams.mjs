// The best that a program gets out of node:dgram by hand: no lookup of addresses that are addresses, a connected client,
// no callbacks.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { RECEIVE_BUFFER_BYTES } from '../datagram-lane.mjs'

const literally = (host, family, found) => found(null, host, family)

/** Sends back what comes. @returns {Promise<string>} its port */
export async function serve() {
  const socket = createSocket({ type: 'udp4', lookup: literally, recvBufferSize: RECEIVE_BUFFER_BYTES })
  socket.on('error', () => {})
  socket.on('message', (message, { address, port }) => socket.send(message, port, address))
  const listening = once(socket, 'listening') // with a lookup that answers at once, so does bind
  socket.bind(0, '127.0.0.1')
  await listening
  return String(socket.address().port)
}

export async function dial(port, onMessage) {
  const socket = createSocket({ type: 'udp4', lookup: literally, recvBufferSize: RECEIVE_BUFFER_BYTES })
  socket.on('error', () => {})
  socket.on('message', (message) => onMessage(undefined, message))
  socket.connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  return { send: (message) => socket.send(message) }
}
