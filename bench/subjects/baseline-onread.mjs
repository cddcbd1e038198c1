// As baseline.mjs, but the client reads into a buffer that is reused (`onread`); Node offers that to clients only.
import { formatOf } from '../by-hand/formats.mjs'
import { StreamPeer } from '../by-hand/stream-peer.mjs'
import { dial } from '../by-hand/streams.mjs'
import { echo as baseline } from './baseline.mjs'

const READ_BYTES = 64 * 1024

/** One for all sockets: a chunk is done with when the next is read. */
const buffer = Buffer.allocUnsafeSlow(READ_BYTES)

export const echo = {
  serve: baseline.serve,

  async dial(part, lane) {
    let peer
    const callback = (bytes) => {
      peer.onData(buffer.subarray(0, bytes))
      return true
    }
    const socket = await dial(part, { onread: { buffer, callback } })
    peer = StreamPeer.attach(socket, formatOf(part.workload.codec), (_peer, message) => lane.onMessage(message))
    return peer
  },
}
