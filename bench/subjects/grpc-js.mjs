// gRPC without Protobuf: bodies are bytes as they are, which is its best case.
import grpc from '@grpc/grpc-js'
import { DEADLINE_MS } from '../kinds/rpc.mjs'

const same = (bytes) => bytes
/** It takes Buffers only. */
const bufferOf = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
const path = (name, responseStream) => ({
  path: `/bench.Echo/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
})
const Echo = { same: path('Same', false), items: path('Items', true) }

export const rpc = {
  async serve(_part, items) {
    const server = new grpc.Server()
    server.addService(Echo, {
      same: (call, done) => done(null, call.request),
      items: (call) => {
        const send = () => {
          while (call.write(bufferOf(items.next().value)));
          call.once('drain', send)
        }
        send()
      },
    })
    const port = await new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      )
    })
    return `127.0.0.1:${port}`
  },

  async connect(part) {
    const Client = grpc.makeGenericClientConstructor(Echo, 'Echo')
    const client = new Client(part.address, grpc.credentials.createInsecure())
    return {
      call: (bytes) =>
        new Promise((resolve, reject) => {
          client.same(bufferOf(bytes), { deadline: Date.now() + DEADLINE_MS }, (error, answer) =>
            error ? reject(error) : resolve(answer),
          )
        }),
      stream: () => client.items(Buffer.alloc(0)),
    }
  },
}
