// The best that a program gets out of Node by hand, on public interfaces.
import * as datagrams from '../by-hand/datagrams.mjs'
import { formatOf } from '../by-hand/formats.mjs'
import { MemorySocket } from '../by-hand/memory-socket.mjs'
import { answerCalls, Caller, readItems, sendItems } from '../by-hand/rpc-peer.mjs'
import { StreamPeer } from '../by-hand/stream-peer.mjs'
import { dial, listen } from '../by-hand/streams.mjs'
import { DEADLINE_MS } from '../kinds/rpc.mjs'
import * as webSockets from '../by-hand/web-socket-peer.mjs'
import { openAndCloseSocket } from '../plain-clients.mjs'

const HEADER_BYTES = 4

/** For datagrams and WebSocket, which have a data path of their own. */
const MESSAGE_TRANSPORTS = { udp: datagrams, ws: webSockets }

const sendBack = (peer, message) => peer.send(message)

/** In memory: who dials, dials this process. */
let accept

export const echo = {
  async serve(part) {
    const { transport, codec } = part.workload
    if (transport in MESSAGE_TRANSPORTS) return MESSAGE_TRANSPORTS[transport].serve(sendBack)
    const format = formatOf(codec)
    accept = (socket) => StreamPeer.attach(socket, format, sendBack)
    return transport === 'inproc' ? 'here' : listen(part, accept)
  },

  async dial(part, lane) {
    const { transport, codec } = part.workload
    const onMessage = (_peer, message) => lane.onMessage(message)
    if (transport in MESSAGE_TRANSPORTS) return MESSAGE_TRANSPORTS[transport].dial(part.address, onMessage)
    if (transport !== 'inproc') return StreamPeer.attach(await dial(part), formatOf(codec), onMessage)
    const [ours, theirs] = MemorySocket.pair()
    accept(theirs)
    return StreamPeer.attach(ours, formatOf(codec), onMessage)
  },
}

/** Sent and not yet taken by the kernel: as much as keeps it busy. */
const MOST_QUEUED_BYTES = 1024 * 1024
/** Sent in one turn of the event loop, so that it goes round. */
const BURST_BYTES = 256 * 1024

export const oneway = {
  serve: (part, sink) =>
    listen(part, (socket) => StreamPeer.attach(socket, formatOf('raw'), (_peer, message) => sink.onMessage(message))),

  /** Corked writes, under a high-water mark of its own. */
  async dial(part, source) {
    const socket = await dial(part)
    const peer = StreamPeer.attach(socket, formatOf('raw'), () => {})
    const burst = Math.ceil(BURST_BYTES / part.workload.messageBytes)
    let isWaiting = false
    const pump = () => {
      for (let i = 0; i < burst; i++) {
        const message = source.next()
        if (message === undefined) return
        peer.send(message)
      }
      isWaiting = socket.writableLength + burst * part.workload.messageBytes > MOST_QUEUED_BYTES
      if (!isWaiting) setImmediate(pump)
    }
    peer.onWritten = () => {
      if (!isWaiting || socket.writableLength > MOST_QUEUED_BYTES / 2) return
      isWaiting = false
      pump()
    }
    return { start: pump }
  },
}

/** A bare socket with a 'data' listener, which sends back what came. */
export const idle = {
  async serve(part) {
    const sockets = new Set()
    const address = await listen(part, (socket) => {
      sockets.add(socket)
      socket.on('data', (chunk) => socket.write(chunk))
    })
    return { address, count: () => sockets.size }
  },
}

/** The message is encoded once, and the same bytes are written to every socket. */
export const broadcast = {
  async serve(part) {
    const sockets = new Set()
    const address = await listen(part, (socket) => {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('data', () => {})
    })
    return {
      address,
      count: () => sockets.size,
      broadcast(message) {
        const frame = framed([message])
        for (const socket of sockets) socket.write(frame)
      },
    }
  },
}

/** What was published in a turn leaves as one buffer, written to every socket that is not too far behind. */
export const slow = {
  async serve(part) {
    const sockets = new Set()
    const address = await listen(part, (socket) => {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('data', () => {})
    })
    const pending = []
    const flush = () => {
      const frames = framed(pending)
      pending.length = 0
      for (const socket of sockets) if (socket.writableLength + frames.length <= MOST_QUEUED_BYTES) socket.write(frames)
    }
    return {
      address,
      count: () => sockets.size,
      publish(message) {
        if (pending.push(message) === 1) process.nextTick(flush)
      },
      owed: () => [...sockets].reduce((sum, socket) => sum + socket.writableLength, 0),
    }
  },
}

function framed(messages) {
  const bytes = messages.reduce((sum, message) => sum + HEADER_BYTES + message.length, 0)
  const frames = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  for (const message of messages) {
    at = frames.writeUInt32BE(message.length, at)
    frames.set(message, at)
    at += message.length
  }
  return frames
}

export const churn = {
  async serve(part) {
    let opened = 0
    let closed = 0
    const address = await listen(part, (socket) => {
      opened++
      socket.on('error', () => socket.destroy())
      socket.on('data', () => {})
      socket.on('close', () => closed++)
    })
    return { address, count: () => opened - closed, opened: () => opened }
  },

  openAndClose: (part) => openAndCloseSocket(part.address),
}

export const rpc = {
  serve(part, items) {
    const { codec, streamed } = part.workload
    const format = formatOf(codec)
    return listen(part, (socket) => (streamed ? sendItems(socket, format, items) : answerCalls(socket, format)))
  },

  async connect(part) {
    const socket = await dial(part)
    const format = formatOf(part.workload.codec)
    if (part.workload.streamed) return { stream: () => readItems(socket, format) }
    return new Caller(socket, format, DEADLINE_MS)
  },
}
