// Over the WebSocket of the package ws, as its README shows.
import { once } from 'node:events'
import { JSONRPCClient, JSONRPCServer } from 'json-rpc-2.0'
import { WebSocket, WebSocketServer } from 'ws'
import { DEADLINE_MS } from '../workloads.mjs'

export async function serve() {
  const rpc = new JSONRPCServer()
  rpc.addMethod('same', (value) => value)
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => {
    socket.on('message', (data) => void answer(socket, Buffer.from(data).toString()))
  })
  const answer = async (socket, text) => {
    const response = await rpc.receiveJSON(text)
    if (response !== null) socket.send(JSON.stringify(response))
  }
  await once(server, 'listening')
  return `ws://127.0.0.1:${server.address().port}`
}

export async function connect(address) {
  const socket = new WebSocket(address)
  await once(socket, 'open')
  const rpc = new JSONRPCClient((request) => socket.send(JSON.stringify(request)))
  socket.on('message', (data) => void rpc.receive(JSON.parse(Buffer.from(data).toString())))
  const calls = rpc.timeout(DEADLINE_MS)
  return { call: (value) => calls.request('same', value) }
}
