import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import test from 'ava'
import type { Connection } from '../../../src/core/connection.ts'
import { Loan } from '../../../src/env/node/loan.ts'
import { systemEnv } from '../../../src/env/node/system-env.ts'
import { until } from '../../../src/testing/conformance/party.ts'
import { ipc } from '../../../src/transports/ipc.ts'
import { requiredNet } from '../../../src/transports/required-net.ts'
import { tcp } from '../../../src/transports/tcp.ts'
import { Diary, dialing, linkOptions, listening, textBytes } from '../../support/accepting.ts'
import { borrowing } from '../../support/borrowing.ts'
import { Authority } from '../../support/certificates.ts'

/** Where its chunks lay. */
class Memory extends Diary {
  readonly places: ArrayBufferLike[] = []

  override onChunk(chunk: Uint8Array): void {
    this.places.push(chunk.buffer)
    super.onChunk(chunk)
  }
}

/** Says something and waits until it is there. */
async function say(from: Connection, text: string, to: Memory): Promise<void> {
  const heard = to.places.length
  from.write(textBytes(text))
  await until(systemEnv, () => to.places.length > heard, text)
}

for (const [transport, address] of [
  [tcp, 'tcp://127.0.0.1:0'],
  [ipc, `ipc:///tmp/hawser-loan-${process.pid}.sock`],
] as const) {
  test(`${address.slice(0, 3)}: both ends read into one piece of memory, all connections, again and again`, async (t) => {
    const { acceptor, sink } = await listening(borrowing(transport), address)
    const dialed = await dialing(borrowing(transport), acceptor.address)
    const accepted = await sink.first()
    t.deepEqual([dialed.chunks, accepted.chunks], ['borrowed', 'borrowed'])
    const [here, there] = [new Memory(), new Memory()]
    dialed.attach(here)
    accepted.attach(there)
    for (const text of ['one', 'two']) {
      await say(dialed, text, there)
      await say(accepted, text, here)
    }
    t.is(new Set([...here.places, ...there.places]).size, 1)
    accepted.end()
    dialed.end()
    await Promise.all([here.closed(), there.closed()])
    await acceptor.close()
  })
}

test('an accepted socket whose handle cannot lend stays as it is', async (t) => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [Socket & Record<'_handle', { useUserBuffer: unknown }>]
  const { _handle: handle } = socket
  handle.useUserBuffer = undefined // as in a Node without it
  t.is(new Loan().moved(socket), undefined)
  client.end('hello')
  socket.resume()
  const [chunk] = (await once(socket, 'data')) as [Uint8Array]
  t.is(String(chunk), 'hello')
  socket.destroy()
  server.close()
})

test('the first socket is left without its handle: it takes nothing, and closes nothing', async (t) => {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [Socket]
  const loan = new Loan()
  const heard: string[] = []
  loan.onChunk = (chunk) => heard.push(String(chunk))
  const reader = loan.moved(socket)
  socket.destroy()
  client.write('before') // nothing is read until it is resumed
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.deepEqual(heard, [])
  reader?.resume()
  await until(systemEnv, () => heard.length > 0, 'a chunk')
  t.deepEqual(heard, ['before'])
  reader?.end('bye')
  const [answer] = (await once(client, 'data')) as [Uint8Array]
  t.is(String(answer), 'bye')
  client.destroy()
  reader?.destroy()
  server.close()
})

test('TLS over connections that lend copies what it is given', async (t) => {
  const { key, cert } = new Authority('Lent memory').issue('localhost')
  const { acceptor, sink } = await listening(borrowing(tcp), 'tcp://127.0.0.1:0')
  const dialed = await dialing(borrowing(tcp), acceptor.address)
  const accepted = await sink.first()
  const net = requiredNet(systemEnv)
  const [server, client] = await Promise.all([
    net.secure(accepted, { key, cert }, linkOptions('accepted')),
    net.secure(dialed, { insecure: true }, linkOptions('dialed')),
  ])
  const [here, there] = [new Memory(), new Memory()]
  client.attach(here)
  server.attach(there)
  await say(client, 'secret', there)
  await say(server, 'answer', here)
  t.deepEqual([server.chunks, client.chunks], ['kept', 'kept'])
  client.destroy()
  server.destroy()
  await Promise.all([here.closed(), there.closed()])
  await acceptor.close()
})
