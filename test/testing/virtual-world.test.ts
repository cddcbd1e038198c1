import test from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import type { ClientStatus } from '../../src/core/client.ts'
import type { Session } from '../../src/core/session.ts'
import { connect, dial, listen } from '../../src/node.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'

const echo = {
  codec: text(),
  framing: line(),
  listener: {
    onMessage(session: Session<string, string>, message: string) {
      session.send(message.toUpperCase())
    },
  },
}
const plain = { codec: text(), framing: line() }

test('the doors work in a virtual Env as they do in the real one, over every transport', async (t) => {
  const env = virtualEnv()
  const tls = { cert: 'server', key: 'key' }
  for (const where of ['tcp://127.0.0.1:0', 'tls://127.0.0.1:0', 'ipc:///run/echo', 'inproc://echo'] as const) {
    const server = await listen(where, { ...echo, env, tls })
    const [address] = server.addresses
    if (address === undefined) throw new Error('no address')
    const session = await dial(address, { ...plain, env })
    session.send('hello')
    t.is(await session.receive(), 'HELLO')
    await session.close()
    await server.close()
    t.is(env.timers, 0, where)
  }
  t.is(env.network.links.length, 0)
})

test('a silent network is noticed by the heartbeat, and the client comes back when it is healed', async (t) => {
  const env = virtualEnv()
  env.network.setFaults({ latencyMs: 20, jitterMs: 10, sliceBytes: 3 })
  const server = await listen('tcp://127.0.0.1:7000', { ...echo, env })
  const statuses: string[] = []
  const client = connect('tcp://127.0.0.1:7000', {
    ...plain,
    env,
    heartbeat: { intervalMs: 1000, timeoutMs: 3000, message: 'beat' },
    onStatus: (status: ClientStatus) => statuses.push(status.type),
  })
  await env.advance(10_000)
  t.deepEqual(statuses, ['dialing', 'open'])
  env.network.cut()
  await env.advance(4000)
  t.is(statuses.at(2), 'closed')
  await env.advance(20_000)
  env.network.heal()
  await env.advance(40_000)
  t.is(statuses.at(-1), 'open')
  const closing = Promise.all([client.close(), server.close()])
  await env.advance(10_000)
  await closing
  t.is(env.timers, 0)
  t.is(env.network.links.length, 0)
})
