// Events with acknowledgements, over WebSocket.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { DEADLINE_MS } from '../workloads.mjs'

export async function serve() {
  const http = createServer()
  new Server(http, { transports: ['websocket'] }).on('connection', (socket) => {
    socket.on('same', (value, done) => done(value))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return `http://127.0.0.1:${http.address().port}`
}

export async function connect(address) {
  const socket = io(address, { transports: ['websocket'] })
  await new Promise((resolve) => socket.once('connect', resolve))
  return { call: (value) => socket.timeout(DEADLINE_MS).emitWithAck('same', value) }
}
