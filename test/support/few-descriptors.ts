// A program of its own, started with few descriptors: dials its own server until none are left, lets go, and tries again.
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from '../../src/core/connection.ts'
import { tcp } from '../../src/transports/tcp.ts'
import { dialing, Diary, listening, textBytes } from './accepting.ts'

const { acceptor, sink } = await listening(tcp, 'tcp://127.0.0.1:0')
const dialed: Connection[] = []
for (let attempt = 0; attempt < 60; attempt++) {
  const connection = await dialing(tcp, acceptor.address).catch(() => undefined)
  if (connection === undefined) break
  dialed.push(connection)
}
await delay(20)
const accepted = sink.connections.length
for (const connection of [...dialed, ...sink.connections]) connection.destroy()
await delay(20)

sink.connections.length = 0
const again = await dialing(tcp, acceptor.address)
const server = await sink.first()
const diary = new Diary()
again.attach(diary)
server.attach(new Diary())
server.write(textBytes('recovered'))
server.end()
again.end()
await diary.closed()
console.log(`${accepted} ${diary.entries[0]}`)
await acceptor.close()
