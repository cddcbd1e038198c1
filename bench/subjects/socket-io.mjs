// socket.io over its WebSocket transport, as its documentation shows.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'

const transports = ['websocket']

export const echo = {
  async serve() {
    const http = createServer()
    const server = new Server(http, { transports, serveClient: false })
    server.on('connection', (socket) => socket.on('message', (message) => socket.emit('message', message)))
    await once(http.listen(0, '127.0.0.1'), 'listening')
    return `http://127.0.0.1:${http.address().port}`
  },

  async dial(part, lane) {
    const socket = io(part.address, { transports, forceNew: true })
    socket.on('message', (message) => lane.onMessage(message))
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('connect_error', reject)
    })
    return { send: (message) => socket.emit('message', message) }
  },
}
