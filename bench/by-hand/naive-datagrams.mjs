// What a first version looks like: Node's own lookup for each datagram, on both sides.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { RECEIVE_BUFFER_BYTES } from '../datagram-lane.mjs'

/** Sends back what comes. @returns {Promise<string>} its port */
export async function serve() {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES })
  socket.on('message', (message, { address, port }) => socket.send(message, port, address))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return String(socket.address().port)
}

export async function dial(port, onMessage) {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES })
  socket.on('message', (message) => onMessage(undefined, message))
  socket.bind()
  await once(socket, 'listening')
  return { send: (message) => socket.send(message, Number(port), '127.0.0.1') }
}
