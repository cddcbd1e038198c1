// Over the WebSocket of the package ws, as its README shows.
import { once } from 'node:events'
import { JSONRPCClient, JSONRPCServer } from 'json-rpc-2.0'
import { WebSocket, WebSocketServer } from 'ws'
import { DEADLINE_MS } from '../kinds/rpc.mjs'

export const rpc = {
  carries: 'text',

  async serve() {
    const calls = new JSONRPCServer()
    calls.addMethod('same', ([value]) => value)
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    const answer = async (socket, text) => {
      const response = await calls.receiveJSON(text)
      if (response !== null) socket.send(JSON.stringify(response))
    }
    server.on('connection', (socket) => {
      socket.on('message', (data) => void answer(socket, Buffer.from(data).toString()))
    })
    await once(server, 'listening')
    return `ws://127.0.0.1:${server.address().port}`
  },

  async connect(part) {
    const socket = new WebSocket(part.address)
    await once(socket, 'open')
    const client = new JSONRPCClient((request) => socket.send(JSON.stringify(request)))
    socket.on('message', (data) => void client.receive(JSON.parse(Buffer.from(data).toString())))
    const calls = client.timeout(DEADLINE_MS)
    return { call: (value) => calls.request('same', [value]) }
  },
}
