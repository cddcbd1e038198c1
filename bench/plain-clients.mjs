import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** How many are being opened at a time; a listening queue holds 511. */
const OPENING = 128

/** How long the server may take to notice. */
const UNNOTICED_MS = 20_000

/** Plain sockets to a port of this machine, for measurements in which only the server counts. */
export async function openSockets(port, count) {
  const sockets = []
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(OPENING, count - sockets.length) }, () =>
      connect(Number(port), '127.0.0.1'),
    )
    await Promise.all(batch.map((socket) => once(socket, 'connect')))
    sockets.push(...batch)
  }
  return sockets
}

/** Until the server's answer `count` is as many as that. */
export async function untilCount(ask, sessions) {
  const until = performance.now() + UNNOTICED_MS
  for (;;) {
    const count = await ask('count')
    if (count === sessions) return
    if (performance.now() > until) throw new Error(`the server has ${count} sessions instead of ${sessions}`)
    await delay(5)
  }
}

/** Opens a plain socket, ends it, and waits until it has closed. */
export async function openAndCloseSocket(port) {
  const socket = connect(Number(port), '127.0.0.1')
  await once(socket, 'connect')
  socket.resume()
  socket.end()
  await new Promise((resolve) => socket.once('close', resolve))
}
