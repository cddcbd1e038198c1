// A room for terminals and browsers: lines over TCP, JSON over WebSocket (ws and wss), and the page, in one process.
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { closeOnSignals, listen } from 'hawser'
import { line } from 'hawser/framing'
import { localCertificate } from '../certificate.ts'
import { explainTakenPort, portFrom } from '../environment.ts'
import { journal } from '../journal.ts'
import { pageServer } from '../page-server.ts'
import { lineMessages, pageMessages } from './messages.ts'
import { Room } from './room.ts'

const say = journal('room')
const room = new Room(say)
const http = pageServer(new URL('./page/', import.meta.url)).listen(portFrom(7_000, 1), '127.0.0.1')
await once(http, 'listening').catch(explainTakenPort)
const https = createServer(await localCertificate(), (request, response) => http.emit('request', request, response))
https.listen(portFrom(7_000, 2), '127.0.0.1')
await once(https, 'listening').catch(explainTakenPort)

const doors = [`tcp://127.0.0.1:${portFrom(7_000)}`, { http, path: '/chat' }, { http: https, path: '/chat' }]
const server = await listen(doors, {
  codec: (peer) => (peer.transport === 'tcp' ? lineMessages : pageMessages),
  framing: line(),
  maxFrameBytes: 4_096,
  data: () => room.newGuest(),
  listener: room,
}).catch(explainTakenPort)

const [plainPort, securePort] = [http, https].map((page) => (page.address() as AddressInfo).port)
say(`listens on ${server.address}; join with: nc 127.0.0.1 ${server.address.port}`)
say(`and with a browser: http://127.0.0.1:${plainPort}/`)
say(`or, where it may warn of a certificate for trying out: https://127.0.0.1:${securePort}/`)

await closeOnSignals([server])
for (const page of [http, https]) {
  page.closeAllConnections()
  page.close()
}
say('is closed')
