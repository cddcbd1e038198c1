import test from 'ava'
import type { Transport } from '../../src/core/transport.ts'
import { dial, listen } from '../../src/node.ts'
import { method, oneWay, service } from '../../src/rpc/contract.ts'
import { rpc } from '../../src/rpc/rpc.ts'
import { inproc } from '../../src/transports/memory.ts'

const Echo = service('echo', { same: method<number, number>(), note: oneWay<number>() })

/** How many frames behind a 4-byte length there are. */
function framesIn(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let count = 0
  for (let at = 0; at < bytes.length; at += 4 + view.getUint32(at)) count++
  return count
}

/** A caller whose writes are seen: how many frames each of them had. */
async function watched(address: string) {
  const writes: number[] = []
  const handlers = { same: (n: number) => n, note: () => {} }
  const server = await listen(address, rpc({ onPeer: (peer) => peer.serve(Echo, handlers) }))
  const watching: Transport = {
    ...inproc,
    schemes: ['watched'],
    async dial(_to, options) {
      const connection = await inproc.dial(server.address, options)
      const write = connection.write.bind(connection)
      connection.write = (bytes, taken, text) => {
        writes.push(framesIn(bytes))
        write(bytes, taken, text)
      }
      return connection
    },
  }
  const session = await dial('watched://server:1', { ...rpc({ maxCalls: 4096 }), transports: [watching] })
  const echo = session.data.client(Echo)
  await echo.same(0)
  return {
    /** So many calls in one turn, which are all answered; gives how many of them left together. */
    async calls(count: number): Promise<number[]> {
      writes.length = 0
      await Promise.all(Array.from({ length: count }, (_, n) => echo.same(n)))
      return [...writes]
    },
    /** So many calls that nobody answers, in one turn. */
    async tells(count: number): Promise<number[]> {
      writes.length = 0
      for (let n = 0; n < count; n++) echo.note(n)
      await echo.same(0)
      return [...writes]
    },
    /** So many, after each of which another one is made, until there were `total`. */
    async callsInTurns(count: number, total: number): Promise<number[]> {
      writes.length = 0
      let left = total
      const again = async (): Promise<void> => {
        while (left-- > 0) await echo.same(left)
      }
      await Promise.all(Array.from({ length: count }, again))
      return [...writes]
    },
    async close() {
      session.destroy()
      server.destroy()
      await server.closed
    },
  }
}

test('the calls of one turn leave together where they are few', async (t) => {
  const caller = await watched('inproc://few-calls')
  t.deepEqual(await caller.calls(1), [1])
  t.deepEqual(await caller.calls(31), [31])
  t.deepEqual(await caller.calls(31), [31])
  await caller.close()
})

test('of many calls in one turn half of those in progress leave before the others are made', async (t) => {
  const caller = await watched('inproc://many-calls')
  t.deepEqual(await caller.calls(64), [32, 32])
  t.is((await caller.calls(256))[0], 32)
  t.is((await caller.calls(256))[0], 128, 'half of what usually is in progress')
  await caller.close()
})

test('where each answer brings another call they stay in halves', async (t) => {
  const caller = await watched('inproc://halves-of-calls')
  const writes = await caller.callsInTurns(64, 640)
  t.is(
    writes.reduce((sum, frames) => sum + frames),
    640,
  )
  t.true(Math.max(...writes) <= 32, `${writes.join(', ')} calls left together`)
  await caller.close()
})

test('calls that bring no answer leave together: nobody waits for the work that they make', async (t) => {
  const caller = await watched('inproc://tells')
  t.deepEqual(await caller.tells(500), [501])
  await caller.close()
})
