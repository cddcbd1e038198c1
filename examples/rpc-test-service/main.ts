// getty's TestService: over JSON on one port, over Protobuf on the next; called and waited for, called and waited for
// later, and told.
import { closeOnSignals, dial, listen } from 'hawser'
import { protobufBody } from 'hawser/codecs/protobuf'
import { binary, type Calls, isRpcError, rpc } from 'hawser/rpc'
import { explainTakenPort, portFrom } from '../environment.ts'
import { handlers, TestProto, TestService } from './test-service.ts'

const protobuf = binary({ body: protobufBody(TestProto) })

const jsonServer = await listen(
  `tcp://127.0.0.1:${portFrom(7_000)}`,
  rpc({ onPeer: (peer) => peer.serve(TestService, handlers) }),
).catch(explainTakenPort)
console.log(`JSON on ${jsonServer.address}`)
const protobufServer = await listen(
  `tcp://127.0.0.1:${portFrom(7_000, 1)}`,
  rpc({ wire: protobuf, onPeer: (peer) => peer.serve(TestProto, handlers) }),
).catch(explainTakenPort)
console.log(`Protobuf on ${protobufServer.address}`)
const ended = closeOnSignals([jsonServer, protobufServer])

await using overJson = await dial(jsonServer.address, rpc())
await callAll('JSON', overJson.data.client(TestService))
await using overProtobuf = await dial(protobufServer.address, rpc({ wire: protobuf }))
await callAll('Protobuf', overProtobuf.data.client(TestProto))

await ended

async function callAll(name: string, service: Calls<typeof TestService>): Promise<void> {
  // One after the other.
  const { result } = await service.test({ a: 'one', b: 'two', c: 'three' })
  console.log(`${name}: test says ${result}`)
  try {
    await service.err({ a: 5 }, { timeoutMs: 1_000 })
  } catch (error) {
    if (!isRpcError(error, 'failed_precondition')) throw error
    console.log(`${name}: err says ${error.message}, ${JSON.stringify(error.data)}`)
  }

  // All at once: the answers are collected when they are there.
  const sums = [1, 2, 3].map((a) => service.add({ a, b: 10 }))
  console.log(`${name}: the additions are on their way`)
  console.log(`${name}: add says ${(await Promise.all(sums)).map(({ sum }) => sum).join(', ')}`)

  // No answer. What comes behind it is served behind it.
  service.event({ a: `hello over ${name}` })
  await service.add({ a: 0, b: 0 })
}
