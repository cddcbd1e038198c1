// RSocket over TCP, request and response.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { BufferEncoders, RSocketClient, RSocketServer } from 'rsocket-core'
import flowable from 'rsocket-flowable'
import tcpClient from 'rsocket-tcp-client'
import tcpServer from 'rsocket-tcp-server'

const SETUP = {
  keepAlive: 10_000,
  lifetime: 60_000,
  dataMimeType: 'application/octet-stream',
  metadataMimeType: 'application/octet-stream',
}

export const rpc = {
  async serve() {
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address()
    free.close()
    const server = new RSocketServer({
      getRequestHandler: () => ({ requestResponse: ({ data }) => flowable.Single.of({ data }) }),
      transport: new tcpServer.default({ host: '127.0.0.1', port }, BufferEncoders),
    })
    server.start()
    await delay(100) // it does not say when it listens
    return String(port)
  },

  async connect(part) {
    const transport = new tcpClient.default({ host: '127.0.0.1', port: Number(part.address) }, BufferEncoders)
    const client = new RSocketClient({ setup: SETUP, transport })
    const socket = await new Promise((onComplete, onError) =>
      client.connect().subscribe({ onComplete, onError, onSubscribe() {} }),
    )
    return {
      call: (bytes) =>
        new Promise((resolve, onError) => {
          const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
          const onComplete = (answer) => resolve(answer.data)
          socket.requestResponse({ data }).subscribe({ onComplete, onError, onSubscribe() {} })
        }),
    }
  },
}
