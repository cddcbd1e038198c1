// As baseline.mjs, but sends in the way that Node's documentation shows: write until it says false, then wait for 'drain'.
import { dial } from '../by-hand/streams.mjs'
import { oneway as baseline } from './baseline.mjs'

/** Sent before the event loop must have gone round: a kernel that takes everything at once would keep it from doing so. */
const TURN_MESSAGES = 256

export const oneway = {
  serve: baseline.serve,

  async dial(part, source) {
    const socket = await dial(part)
    let turn = 0
    const pump = () => {
      for (;;) {
        if (++turn % TURN_MESSAGES === 0) return void setImmediate(pump)
        const message = source.next()
        if (message === undefined) return
        const header = Buffer.alloc(4)
        header.writeUInt32BE(message.length, 0)
        socket.write(header)
        if (!socket.write(message)) break
      }
      socket.once('drain', pump)
    }
    return { start: pump }
  },
}
