// As hawser.mjs, with the package `ws` below the sessions instead of the own data path.
import { dial, listen, raw } from '../hawser.mjs'
import { mixedUse } from '../mixed-use.mjs'

const ws = { engine: 'ws' }

export const echo = {
  async serve() {
    await mixedUse()
    const listener = { onMessage: (session, message) => void session.send(message) }
    const server = await listen('ws://127.0.0.1:0', { codec: raw(), ws, listener })
    return server.address.href
  },

  async dial(_workload, address, lane) {
    if (lane.stream === 0) await mixedUse()
    return dial(address, {
      codec: raw(),
      ws,
      listener: { onMessage: (_session, message) => lane.onMessage(message) },
    })
  },
}
