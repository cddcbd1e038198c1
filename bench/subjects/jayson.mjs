// jayson's server, over TCP lines. Its own client opens a connection for each call, so calls are lines by hand.
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import jayson from 'jayson'

export const rpc = {
  carries: 'text',

  async serve() {
    const server = new jayson.Server({ same: ([value], done) => done(null, value) }).tcp()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return String(server.address().port)
  },

  async connect(part) {
    const socket = connect(Number(part.address), '127.0.0.1').setNoDelay(true)
    await once(socket, 'connect')
    const calls = new Map()
    let lastId = 0
    createInterface({ input: socket }).on('line', (line) => {
      const { id, result } = JSON.parse(line)
      calls.get(id)(result)
      calls.delete(id)
    })
    return {
      call: (value) =>
        new Promise((resolve) => {
          calls.set(++lastId, resolve)
          socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: lastId, method: 'same', params: [value] })}\n`)
        }),
    }
  },
}
