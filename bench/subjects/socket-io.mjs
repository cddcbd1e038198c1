// socket.io over its WebSocket transport, as its documentation shows.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import { DEADLINE_MS } from '../kinds/rpc.mjs'

const transports = ['websocket']

export const echo = {
  async serve() {
    const http = createServer()
    const server = new Server(http, { transports, serveClient: false })
    server.on('connection', (socket) => {
      socket.on('message', (message, acknowledge) =>
        acknowledge === undefined ? socket.emit('message', message) : acknowledge(message),
      )
    })
    await once(http.listen(0, '127.0.0.1'), 'listening')
    return `http://127.0.0.1:${http.address().port}`
  },

  async dial(part, lane) {
    const socket = await open(part)
    socket.on('message', (message) => lane.onMessage(message))
    return { send: (message) => socket.emit('message', message) }
  },
}

/** With acknowledgements. */
export const rpc = {
  carries: 'text',
  serve: echo.serve,

  async connect(part) {
    const socket = await open(part)
    return { call: (message) => socket.timeout(DEADLINE_MS).emitWithAck('message', message) }
  },
}

async function open({ address }) {
  const socket = io(address, { transports, forceNew: true })
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('connect_error', reject)
  })
  return socket
}
