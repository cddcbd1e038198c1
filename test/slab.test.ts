import test from 'ava'
import { raw } from '../codecs/raw.ts'
import type { Address } from '../src/core/address.ts'
import { dial, listen } from '../src/node.ts'

const PEERS = 12
const MESSAGES = 1_500
/** The larger ones fill a socket, so that slow peers are owed something; the smaller ones share writes. */
const SIZES = [10, 100, 1_000, 9_000, 20_000]

/** The message with this number to this peer. */
function patterned(peer: number, number: number): Buffer {
  const bytes = Buffer.alloc(SIZES[(peer * 7 + number * 3) % SIZES.length] as number, peer * 31 + number)
  bytes.writeUInt32BE(number)
  return bytes
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('one slab serves sockets that take at once, sockets that are behind, and receivers in this process', async (t) => {
  const server = await listen(['tcp://127.0.0.1:0', 'inproc://slab'], {
    codec: raw(),
    maxBufferedBytes: 64 * 1024 * 1024,
    listener: {
      async onMessage(session, hello) {
        const peer = hello[0] as number
        for (let number = 0; number < MESSAGES; number++) {
          session.send(patterned(peer, number))
          if (number % (1 + peer) === 0) await turn()
        }
      },
    },
  })
  const [tcp, inproc] = server.addresses as readonly [Address, Address]

  /** Every fourth is in this process and keeps views; every third is slow. */
  async function receiveAll(peer: number): Promise<number> {
    const session = await dial(peer % 4 === 3 ? inproc : tcp, { codec: raw() })
    session.send(Uint8Array.of(peer))
    const kept: Uint8Array[] = []
    let wrong = 0
    for (let number = 0; number < MESSAGES; number++) {
      if (peer % 3 === 0 && number % 100 === 0) for (let i = 0; i < 50; i++) await turn()
      const message = await session.receive({ timeoutMs: 20_000 })
      if (patterned(peer, number).compare(message) !== 0) wrong++
      if (peer % 4 === 3) kept.push(message)
    }
    wrong += kept.filter((message, number) => patterned(peer, number).compare(message) !== 0).length
    await session.close()
    return wrong
  }

  t.deepEqual(await Promise.all(Array.from({ length: PEERS }, (_, peer) => receiveAll(peer))), Array(PEERS).fill(0))
  await server.close()
})
