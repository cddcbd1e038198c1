import { connect } from 'node:net'
import test from 'ava'
import { line } from '../codecs/framing/line.ts'
import { text } from '../codecs/text.ts'
import { listen } from '../src/node.ts'
import type { ServerOptions } from '../src/node-options.ts'

const FLOOD = 150_000
const BURST = 1_024

/** The most messages that one turn of the event loop handled, of a peer that sends them all at once. */
async function mostInATurn(
  make: (count: () => void) => Omit<ServerOptions<string, string, undefined>, 'codec' | 'framing'>,
): Promise<number> {
  let total = 0
  let done: (() => void) | undefined
  const all = new Promise<void>((resolve) => (done = resolve))
  let inTurn = 0
  let most = 0
  const server = await listen('tcp://127.0.0.1:0', {
    codec: text(),
    framing: line(),
    ...make(() => {
      if (++total === FLOOD) done?.()
      if (inTurn++ === 0) setImmediate(() => ([most, inTurn] = [Math.max(most, inTurn), 0]))
    }),
  })
  const peer = connect(server.address.port, '127.0.0.1')
  peer.write('\n'.repeat(FLOOD))
  await all
  peer.destroy()
  await server.close()
  return most
}

/** As many chunks as one turn may bring, of a burst each. */
const BOUND = 8 * BURST

test('A-12: a flood of frames is handled 1,024 at a time, and others have their turn between: listener in place', async (t) => {
  t.true((await mostInATurn((count) => ({ listener: { onMessage: count } }))) <= BOUND)
})

test('A-12: … and with an async listener, whose promises are done at once', async (t) => {
  t.true((await mostInATurn((count) => ({ listener: { onMessage: async () => count() } }))) <= BOUND)
})

test('A-12: … and with somebody who pulls', async (t) => {
  const most = await mostInATurn((count) => ({
    handle: async (session) => {
      for await (const message of session) if (message === '') count()
    },
  }))
  t.true(most <= BOUND)
})
