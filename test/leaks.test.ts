import { queryObjects } from 'node:v8'
import test from 'ava'
import { raw } from '../codecs/raw.ts'
import { LiveSession } from '../src/core/live-session.ts'
import { dial, listen } from '../src/node.ts'
import { noLeaks, resources } from './support/leaks.ts'

const CYCLES = 10_000
const AT_ONCE = 50

test('J-05: 10,000 sessions over TCP opened and closed leave no session, handle or timer behind', async (t) => {
  const before = resources()
  let opened = 0
  let closed = 0
  const server = await listen('tcp://127.0.0.1:0', {
    codec: raw(),
    backlog: AT_ONCE * 2,
    listener: {
      onOpen: () => void opened++,
      onMessage: (session, message) => session.send(message),
      onClose: () => void closed++,
    },
  })
  const one = async (at: number): Promise<void> => {
    const session = await dial(server.address, { codec: raw() })
    session.send(Uint8Array.of(at & 0xff))
    const [byte] = await session.receive()
    if (byte !== (at & 0xff)) throw new Error('not the echo')
    await session.close()
  }
  for (let at = 0; at < CYCLES; at += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, more) => one(at + more)))
  }
  await server.close()
  t.is(opened, CYCLES)
  t.is(closed, CYCLES)
  t.is(server.sessions.size, 0)
  t.is(server.stats.totalSessions, CYCLES)
  await new Promise((resolve) => setImmediate(resolve))
  t.is(queryObjects(LiveSession, { format: 'count' }), 0)
  await noLeaks(t, before)
})
