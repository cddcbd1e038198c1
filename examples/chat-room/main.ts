// A room for terminals and browsers: lines over TCP, JSON over WebSocket, and the page, in one process.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { closeOnSignals, listen } from 'hawser'
import { line } from 'hawser/framing'
import { explainTakenPort, portFrom } from '../environment.ts'
import { journal } from '../journal.ts'
import { pageServer } from '../page-server.ts'
import { lineMessages, pageMessages } from './messages.ts'
import { Room } from './room.ts'

const say = journal('room')
const room = new Room(say)
const http = pageServer(new URL('./page/', import.meta.url)).listen(portFrom(7_000, 1), '127.0.0.1')
await once(http, 'listening').catch(explainTakenPort)

const server = await listen([`tcp://127.0.0.1:${portFrom(7_000)}`, { http, path: '/chat' }], {
  codec: (peer) => (peer.transport === 'tcp' ? lineMessages : pageMessages),
  framing: line(),
  maxFrameBytes: 4_096,
  data: () => room.newGuest(),
  listener: room,
}).catch(explainTakenPort)

const { port } = http.address() as AddressInfo
say(`listens on ${server.address}; join with: nc 127.0.0.1 ${server.address.port}`)
say(`and with a browser: http://127.0.0.1:${port}/`)

await closeOnSignals([server])
http.closeAllConnections()
http.close()
say('is closed')
