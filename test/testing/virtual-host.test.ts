import test from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import type { CloseCause, Session } from '../../src/core/session.ts'
import { connect, dial, listen } from '../../src/node.ts'
import type { Server } from '../../src/node-options.ts'
import { type VirtualEnv, virtualEnv } from '../../src/testing/virtual-env.ts'
import type { VirtualHost } from '../../src/testing/virtual-host.ts'

const plain = { codec: text(), framing: line() }

interface Pair {
  readonly near: VirtualHost
  readonly far: VirtualHost
  readonly server: Server<string>
  readonly session: Session<string, string>
  /** What happened on the far side. */
  readonly heard: string[]
  /** Why the near side closed. */
  readonly causes: CloseCause[]
}

async function pair(env: VirtualEnv, where = 'tcp://far:7000'): Promise<Pair> {
  const [near, far] = [env.host('near'), env.host('far')]
  const heard: string[] = []
  const causes: CloseCause[] = []
  const server = await listen(where, {
    ...plain,
    env: far,
    listener: {
      onMessage: (_session, message) => void heard.push(message),
      onClose: (_session, cause) => void heard.push(`closed by ${cause.by}`),
    },
  })
  const session = await dial(where, {
    ...plain,
    env: near,
    listener: { onClose: (_session, cause) => void causes.push(cause) },
  })
  return { near, far, server, session, heard, causes }
}

const codeOf = (cause: CloseCause | undefined) => (cause?.by === 'error' ? cause.error.code : cause?.by)

test('hosts meet under their names and addresses, and each has its own ports', async (t) => {
  const env = virtualEnv()
  const [near, far] = [env.host('near'), env.host('far')]
  t.is(env.host('near'), near)
  const other = await listen('tcp://*:7000', { ...plain, env: near, listener: {} })
  const server = await listen('tcp://*:7000', { ...plain, env: far, listener: {} })
  for (const host of ['far', far.address]) {
    const session = await dial(`tcp://${host}:7000`, { ...plain, env: near })
    await env.settle()
    t.is(server.sessions.size, 1)
    const [accepted] = server.sessions
    t.is(accepted?.remoteAddress.host, near.address)
    t.is(accepted?.remoteAddress.href, session.localAddress.href)
    session.destroy()
    await env.settle()
  }
  const own = await dial('tcp://127.0.0.1:7000', { ...plain, env: near })
  t.is(own.localAddress.host, '127.0.0.1')
  t.is(server.sessions.size, 0)
  await t.throwsAsync(dial('tcp://nobody:1', { ...plain, env: near }), { code: 'ERR_HOST_NOT_FOUND' })
  const fromHere = await dial('tcp://far:7000', { ...plain, env })
  await env.settle()
  t.is(server.sessions.size, 1)
  for (const open of [fromHere, own, other, server]) open.destroy()
  await env.advance(1000)
  t.is(env.timers, 0)
})

test('datagrams find another host, and its answer finds back', async (t) => {
  const env = virtualEnv()
  const far = env.host('far')
  const server = await listen('udp://far:7000', {
    codec: text(),
    env: far,
    listener: { onMessage: (session, message) => void session.send(`${message} back`) },
  })
  const session = await dial('udp://far:7000', { codec: text(), env: env.host('near') })
  session.send('there')
  t.is(await session.receive(), 'there back')
  session.destroy()
  server.destroy()
  await env.advance(1000)
  t.is(env.timers, 0)
})

test('a paused process runs nothing; resumed it runs its late timers first, then what arrived, in order', async (t) => {
  const env = virtualEnv({ now: 0 })
  const { far, near, session, server, heard } = await pair(env)
  far.pause()
  t.is(far.state, 'paused')
  far.setTimer(10, () => void heard.push(`timer ${env.now()}`))
  const cancelled = far.setTimer(20, () => t.fail('it was cancelled'))
  far.setTimer(5, () => {
    heard.push('earlier timer')
    far.yield(() => void heard.push('yielded'))
    far.defer(() => void heard.push('deferred'))
  })
  far.defer(() => void heard.push('of before'))
  session.send('one')
  await env.advance(50)
  session.send('two')
  await env.advance(50)
  t.deepEqual(heard, [])
  cancelled.cancel()
  far.resume()
  session.send('three')
  await env.settle()
  t.deepEqual(heard, ['of before', 'earlier timer', 'deferred', 'timer 100', 'one', 'two', 'three', 'yielded'])
  near.pause()
  far.pause()
  far.kill()
  near.resume()
  await env.settle()
  t.is(server.sessions.size, 1) // as the dead process saw it
  t.is(far.timers, 0)
})

test('what arrives at a process that just goes on again does not overtake what waited', async (t) => {
  const env = virtualEnv()
  env.network.setFaults({ latencyMs: 10 })
  const opening = pair(env)
  await env.advance(100)
  const { far, session, heard } = await opening
  for (let n = 0; n < 40; n++) {
    session.send(String(n))
    if (n % 10 === 3) far.pause()
    if (n % 10 === 7) far.resume()
    if (n === 17) far.pause() // again, before it has heard anything
    await env.advance(n % 3)
  }
  far.resume()
  await env.advance(100)
  t.deepEqual(
    heard,
    Array.from({ length: 40 }, (_, n) => String(n)),
  )
})

test('the sockets of a killed process close: with nothing under way as an end, else as a reset', async (t) => {
  for (const unread of [false, true]) {
    const env = virtualEnv()
    const { far, session, heard, causes } = await pair(env)
    if (unread) {
      far.pause()
      session.send('nobody reads this')
      await env.settle()
    }
    far.kill()
    await env.settle()
    t.is(codeOf(causes[0]), unread ? 'ERR_CONNECTION_RESET' : 'remote')
    t.deepEqual(heard, [])
    await t.throwsAsync(dial('tcp://far:7000', { ...plain, env: env.host('near') }), { code: 'ERR_CONNECTION_REFUSED' })
    t.is(env.network.links.length, 0)
  }
})

test('of a machine without power nobody hears, until it has a new process and its machine knows nothing', async (t) => {
  const env = virtualEnv()
  const { near, far, session, causes } = await pair(env)
  far.kill({ silent: true })
  session.send('into the dark')
  await env.advance(3_600_000)
  t.deepEqual(causes, [])
  const lost = t.throwsAsync(dial('tcp://far:7000', { ...plain, env: near }), { code: 'ERR_TIMEOUT' })
  await env.advance(5000)
  await lost
  const again = env.host('far')
  t.not(again, far)
  t.is(again.address, far.address)
  await env.settle()
  t.is(codeOf(causes[0]), 'ERR_CONNECTION_RESET')
  const server = await listen('tcp://far:7000', { ...plain, env: again, listener: {} })
  const back = await dial('tcp://far:7000', { ...plain, env: near })
  back.destroy()
  server.destroy()
  await env.advance(1000)
  t.is(env.timers, 0)
  t.is(env.network.links.length, 0)
})

test('an unplugged machine hears nothing and talks to itself; plugged in again what waited goes on', async (t) => {
  const env = virtualEnv()
  const { near, session, heard } = await pair(env)
  near.unplug()
  session.send('later')
  const own = await listen('tcp://*:1', { ...plain, env: near, listener: {} })
  const loop = await dial('tcp://localhost:1', { ...plain, env: near })
  await env.advance(1000)
  t.deepEqual(heard, [])
  t.is(own.sessions.size, 1)
  const dialing = dial('tcp://far:7000', { ...plain, env: near })
  await env.advance(1000)
  near.plug()
  const second = await dialing
  await env.settle()
  t.deepEqual(heard, ['later'])
  for (const open of [loop, second, session, own]) open.destroy()
  await env.settle()
})

test('a client that comes back meets the new process of a killed server', async (t) => {
  const env = virtualEnv({ seed: 3 })
  const { near, far, session } = await pair(env)
  session.destroy()
  const statuses: string[] = []
  const client = connect('tcp://far:7000', {
    ...plain,
    env: near,
    listener: {},
    onStatus: ({ type }) => void statuses.push(type),
  })
  await env.advance(100)
  far.kill()
  await env.advance(100)
  const server = await listen('tcp://far:7000', { ...plain, env: env.host('far'), listener: {} })
  await env.advance(60_000)
  t.is(statuses.at(-1), 'open')
  t.is(server.sessions.size, 1)
  const closing = Promise.all([client.close(), server.close()])
  await env.advance(10_000)
  await closing
  t.is(env.timers, 0)
})
