import { connect, type Socket } from 'node:net'
import test from 'ava'
import { raw } from '../codecs/raw.ts'
import { unframed } from '../codecs/framing/unframed.ts'
import type { CloseCause } from '../src/core/session.ts'
import { listen } from '../src/node.ts'

/** The kernel opens its window in steps of more than 1 MiB, so a peer that reads 6 MiB/s takes something four times a second. */
const STALL_MS = 1_000
const READ_EVERY_MS = 10
const MIB = 1024 * 1024

/** A server that sends `bytes` to a peer at once, and what became of that. */
async function sendTo(peer: (socket: Socket) => void, bytes: number): Promise<CloseCause> {
  let tell: ((cause: CloseCause) => void) | undefined
  const closed = new Promise<CloseCause>((resolve) => (tell = resolve))
  const server = await listen('tcp://127.0.0.1:0', {
    codec: raw(),
    framing: unframed(),
    stallTimeoutMs: STALL_MS,
    maxFrameBytes: bytes,
    maxBufferedBytes: bytes,
    listener: {
      onError: () => {},
      onOpen: (session) => session.send(new Uint8Array(bytes)),
      onClose: (_session, cause) => tell?.(cause),
    },
  })
  const socket = connect(server.address.port, '127.0.0.1')
  socket.on('error', () => {})
  peer(socket)
  const cause = await closed
  socket.destroy()
  await server.close()
  return cause
}

test('B-06: a peer that reads nothing is ERR_STALLED; the kernel is asked, not the stream', async (t) => {
  const cause = await sendTo((socket) => socket.pause(), 24 * MIB)
  t.is(cause.by === 'error' ? cause.error.code : cause.by, 'ERR_STALLED')
})

test('a peer that takes one large write slowly is no stalled one', async (t) => {
  let received = 0
  const cause = await sendTo((socket) => {
    const reader = setInterval(() => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        received += chunk.length
      }
      if (received < 24 * MIB) return
      clearInterval(reader)
      socket.end()
    }, READ_EVERY_MS)
    socket.on('close', () => clearInterval(reader))
  }, 24 * MIB)
  t.is(cause.by, 'remote')
  t.is(received, 24 * MIB)
})
