import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import test from 'ava'
import { tcp } from '../../../src/transports/tcp.ts'
import { resetSocket } from '../../../src/env/node/reset-socket.ts'
import { dialing, Diary } from '../../support/accepting.ts'
import { noLeaks, resources } from '../../support/leaks.ts'

test.serial('the peer is reset, and a socket whose end is on its way is closed: neither stays', async (t) => {
  const accepted: Socket[] = []
  const errors: (string | undefined)[] = []
  const server = createServer((socket) => {
    accepted.push(socket)
    socket.on('error', ({ code }: NodeJS.ErrnoException) => errors.push(code)).resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
  const before = resources()

  for (const isEnding of [false, true]) {
    const connection = await dialing(tcp, address)
    const diary = new Diary()
    connection.attach(diary)
    if (accepted.length === 0 || accepted.at(-1)?.destroyed) await once(server, 'connection')
    const peer = accepted.at(-1) as Socket
    const closed = new Promise((resolve) => peer.once('close', resolve))
    if (isEnding) connection.end()
    resetSocket(connection)
    resetSocket(connection) // once is enough
    await closed
    t.deepEqual(diary.entries, [], 'its own sink hears nothing')
  }
  t.deepEqual(errors, ['ECONNRESET'])
  await noLeaks(t, before)
  server.close()
})
