import grpc from '@grpc/grpc-js'
import { argument } from '../payloads.mjs'
import { DEADLINE_MS } from '../workloads.mjs'

const same = (bytes) => bytes
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

export async function serve() {
  const server = new grpc.Server()
  server.addService(Echo, {
    same: (call, done) => done(null, call.request),
    items: (call) => {
      let count = 0
      const send = () => {
        while (call.write(argument('raw', count++)));
        call.once('drain', send)
      }
      send()
      call.on('cancelled', () => call.end())
    },
  })
  const port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  return `127.0.0.1:${port}`
}

export async function connect(address) {
  const Client = grpc.makeGenericClientConstructor(Echo, 'Echo')
  const client = new Client(address, grpc.credentials.createInsecure())
  return {
    call: (bytes) =>
      new Promise((resolve, reject) => {
        client.same(bytes, { deadline: Date.now() + DEADLINE_MS }, (error, answer) =>
          error ? reject(error) : resolve(answer),
        )
      }),
    async *stream() {
      const call = client.items(Buffer.alloc(0))
      call.on('error', () => {}) // canceled in the end
      yield* call
    },
  }
}
