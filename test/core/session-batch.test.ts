import test from 'ava'
import { raw } from '../../codecs/raw.ts'
import { HeldConnection } from '../../src/testing/held-connection.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { own } from '../support/session-pair.ts'

test('what several chunks of one batch make a session send leaves at its end, in one flight', async (t) => {
  const env = virtualEnv()
  const connection = new HeldConnection({ env, boundary: 'message' })
  const { session } = own(env, connection, 'accepted', {
    codec: raw(),
    listener: { onMessage: (self, message) => void self.send(message) },
  })
  await env.settle()
  session.beginBatch(3)
  for (const byte of [1, 2, 3]) session.onChunk(Uint8Array.of(byte))
  t.is(connection.takeWrites().length, 0)
  session.endBatch()
  const writes = connection.takeWrites()
  t.deepEqual(
    writes.map(({ bytes }) => [...bytes]),
    [[1], [2], [3]],
  )
  t.is(new Set(writes.map(({ flight }) => flight)).size, 1)
  session.onChunk(Uint8Array.of(4))
  t.is(connection.takeWrites().length, 1)
  session.destroy()
  await env.settle()
})
