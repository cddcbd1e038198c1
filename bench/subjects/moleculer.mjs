// Two brokers over moleculer's own TCP transporter, with its JSON.
import { once } from 'node:events'
import { createServer } from 'node:net'
import moleculer from 'moleculer'
import { DEADLINE_MS } from '../kinds/rpc.mjs'

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

function broker(nodeID, port, others) {
  return new moleculer.ServiceBroker({
    nodeID,
    logger: false,
    requestTimeout: DEADLINE_MS,
    transporter: { type: 'TCP', options: { udpDiscovery: false, port, urls: others } },
  })
}

export const rpc = {
  carries: 'text',

  async serve() {
    const [serverPort, clientPort] = [await freePort(), await freePort()]
    const server = broker('server', serverPort, [`tcp://127.0.0.1:${clientPort}/client`])
    server.createService({ name: 'echo', actions: { same: ({ params }) => params.value } })
    await server.start()
    return `${serverPort} ${clientPort}`
  },

  async connect(part) {
    const [serverPort, clientPort] = part.address.split(' ').map(Number)
    const client = broker('client', clientPort, [`tcp://127.0.0.1:${serverPort}/server`])
    await client.start()
    await client.waitForServices('echo', DEADLINE_MS)
    return { call: (value) => client.call('echo.same', { value }) }
  },
}
