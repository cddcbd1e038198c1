import { BufferEncoders, RSocketClient, RSocketServer } from 'rsocket-core'
import tcpClient from 'rsocket-tcp-client'
import tcpServer from 'rsocket-tcp-server'
import { createServer } from 'node:net'
import { once } from 'node:events'
import flowable from 'rsocket-flowable'

export async function serve() {
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address()
  free.close()
  const transport = new tcpServer.default({ host: '127.0.0.1', port }, BufferEncoders)
  const server = new RSocketServer({
    getRequestHandler: () => ({ requestResponse: ({ data }) => flowable.Single.of({ data }) }),
    transport,
  })
  server.start()
  await new Promise((resolve) => setTimeout(resolve, 100)) // it does not say when it listens
  return port
}

export async function connect(port) {
  const client = new RSocketClient({
    setup: {
      keepAlive: 10_000,
      lifetime: 60_000,
      dataMimeType: 'application/octet-stream',
      metadataMimeType: 'application/octet-stream',
    },
    transport: new tcpClient.default({ host: '127.0.0.1', port }, BufferEncoders),
  })
  const socket = await new Promise((resolve, reject) =>
    client.connect().subscribe({ onComplete: resolve, onError: reject, onSubscribe() {} }),
  )
  return {
    call: (data) =>
      new Promise((resolve, reject) =>
        socket.requestResponse({ data }).subscribe({
          onComplete: (answer) => resolve(answer.data),
          onError: reject,
          onSubscribe() {},
        }),
      ),
  }
}
