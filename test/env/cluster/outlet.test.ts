import test from 'ava'
import type { BroadcastMessage } from '../../../src/env/cluster/cluster-message.ts'
import { Outlet } from '../../../src/env/cluster/outlet.ts'

const MIB = 1024 * 1024
/** With what each message counts beside its bytes. */
const WHOLE_MIB = MIB - 1024

function broadcast(bytes: number): BroadcastMessage {
  return { hawser: 'broadcast', form: 'body', bytes: new Uint8Array(bytes), text: false, skipSlow: false }
}

test('a process that does not keep up is sent 16 MiB, and what comes then is not', (t) => {
  const unsent: (() => void)[] = []
  const outlet = new Outlet((_message, sent) => unsent.push(sent))
  for (let count = 0; count < 16; count++) t.true(outlet.offer(broadcast(WHOLE_MIB)))
  t.false(outlet.offer(broadcast(0)))
  t.is(unsent.length, 16)
  unsent.shift()?.()
  t.true(outlet.offer(broadcast(WHOLE_MIB)))
  t.false(outlet.offer(broadcast(0)))
})

test('tiny messages are not free: 16,384 of them wait, and no more', (t) => {
  const outlet = new Outlet(() => undefined)
  for (let count = 0; count < 16 * 1024; count++) t.true(outlet.offer(broadcast(0)))
  t.false(outlet.offer(broadcast(0)))
})

test('one message passes whatever its size, for it would never pass otherwise', (t) => {
  const unsent: (() => void)[] = []
  const outlet = new Outlet((_message, sent) => unsent.push(sent))
  t.true(outlet.offer(broadcast(17 * MIB)))
  t.false(outlet.offer(broadcast(1)))
  unsent.shift()?.()
  t.true(outlet.offer(broadcast(1)))
})
