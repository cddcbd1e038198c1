// The package `ws`, used as its README shows, with default options.
import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'

export const echo = {
  async serve() {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    server.on('connection', (socket) => {
      socket.on('error', console.error)
      socket.on('message', (message) => socket.send(message))
    })
    await once(server, 'listening')
    return `ws://127.0.0.1:${server.address().port}`
  },

  async dial(part, lane) {
    const socket = new WebSocket(part.address)
    socket.on('message', (message) => lane.onMessage(message))
    await once(socket, 'open')
    return socket
  },
}
