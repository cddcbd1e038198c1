import test from 'ava'
import { text } from '../../codecs/text.ts'
import type { Session } from '../../src/core/session.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { dial, listen } from '../../src/node.ts'
import { verifySession } from '../../src/testing/conformance/session.ts'
import type { Faults } from '../../src/testing/faults.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'
import { suite } from '../support/suite.ts'

let done = false

/** An Env whose clock follows the real one: what tests wait for is due when they look. */
function realPaced(): VirtualEnv {
  const env = virtualEnv()
  let last = systemEnv.now()
  const tick = (): void => {
    if (done) return
    const now = systemEnv.now()
    void env.advance(now - last).then(() => systemEnv.yield(tick))
    last = now
  }
  tick()
  return env
}

verifySession(suite, 'udp on the virtual network', {
  address: 'udp://127.0.0.1:0',
  reliable: false,
  setup: { env: realPaced() },
})

test.after.always('the clock stops', () => {
  done = true
})

/** What a server hears of the numbers 0 to 999, one each millisecond, in the order in which they came. */
async function hearing(seed: number, faults: Faults): Promise<number[]> {
  const env = virtualEnv({ seed })
  env.network.setFaults(faults)
  const heard: number[] = []
  const server = await listen('udp://127.0.0.1:7000', {
    env,
    codec: text(),
    listener: { onMessage: (_session, message) => void heard.push(Number(message)) },
  })
  const client = await dial(server.address, { env, codec: text() })
  for (let i = 0; i < 1000; i++) {
    client.send(String(i))
    await env.advance(1)
  }
  await env.advance(1000)
  await Promise.all([client.close(), server.close(), env.settle()])
  requireStillness(env)
  return heard
}

/** Nothing is left to happen. */
function requireStillness(env: VirtualEnv): void {
  if (env.timers !== 0) throw new Error(`${env.timers} timers are left`)
}

test('D-04: without faults everything comes, once and in order', async (t) => {
  t.deepEqual(
    await hearing(1, {}),
    Array.from({ length: 1000 }, (_, i) => i),
  )
})

test('D-04: loss, doubles and overtaking are as the faults say, and the same for the same seed', async (t) => {
  const faults = { latencyMs: 20, jitterMs: 5, lossRatio: 0.1, duplicateRatio: 0.05 }
  for (const seed of [1, 2, 3, 4, 5]) {
    const heard = await hearing(seed, faults)
    t.deepEqual(await hearing(seed, faults), heard, 'again')
    const distinct = new Set(heard).size
    t.true(distinct > 850 && distinct < 950, `${distinct} of 1000 came`)
    t.true(heard.length - distinct > 20 && heard.length - distinct < 80, `${heard.length - distinct} came twice`)
    const overtaken = heard.filter((number, at) => number < (heard[at - 1] ?? 0)).length
    t.true(overtaken > 50, `${overtaken} were overtaken`)
  }
})

test('D-04: what is changed on the way is reported or another message, and the session lives on', async (t) => {
  const env = virtualEnv({ seed: 7 })
  let reported = 0
  const heard: string[] = []
  const server = await listen('udp://127.0.0.1:7000', {
    env,
    codec: text(),
    listener: {
      onMessage: (_session, message) => void heard.push(message),
      onError: (_session, error) => void (error.code === 'ERR_BAD_MESSAGE' && reported++),
    },
  })
  const client = await dial(server.address, { env, codec: text() })
  client.send('in order')
  await env.settle()
  env.network.setFaults({ corruptRatio: 1 })
  for (let i = 0; i < 200; i++) client.send('hello')
  await env.settle()
  t.true(reported > 5)
  t.is(heard.length + reported, 201)
  t.false(heard.slice(1).includes('hello'))
  t.is(server.sessions.size, 1)
  client.destroy()
  server.destroy()
  await env.settle()
})

test('what is sent while the network is cut is lost; a server that comes back is found again', async (t) => {
  const env = virtualEnv()
  const heard: string[] = []
  const setup = {
    env,
    codec: text(),
    listener: { onMessage: (_: unknown, message: string) => void heard.push(message) },
  }
  const server = await listen('udp://127.0.0.1:7000', setup)
  const client = await dial(server.address, { env, codec: text() })
  client.send('one')
  await env.settle()
  env.network.cut()
  client.send('two')
  await env.advance(1000)
  env.network.heal()
  client.send('three')
  await env.settle()
  t.deepEqual(heard, ['one', 'three'])
  client.destroy()
  server.destroy()
  await env.settle()
})

test('a name that nobody has is that of whoever listens on it, as for streams', async (t) => {
  const env = virtualEnv()
  const server = await listen('udp://somewhere:7000', {
    env,
    codec: text(),
    listener: { onMessage: (session, message) => session.send(`${message}, too`) },
  })
  const client = await dial('udp://somewhere:7000', { env, codec: text() })
  client.send('here')
  await env.settle()
  t.is(await client.receive(), 'here, too')
  client.destroy()
  server.destroy()
  await env.settle()
})

test('nobody there: a connected client hears of it, unless such answers are lost', async (t) => {
  const env = virtualEnv()
  const silent = { env, codec: text(), logger: { debug() {}, info() {}, warn() {}, error() {} } }
  const client = await dial('udp://127.0.0.1:7000', silent)
  client.send('anybody?')
  await env.settle()
  const cause = await client.closed
  t.is(cause.by === 'error' ? cause.error.code : cause.by, 'ERR_CONNECTION_REFUSED')
  env.network.setFaults({ dials: 'ignore' })
  const patient = await dial('udp://127.0.0.1:7000', silent)
  patient.send('anybody?')
  await env.advance(10_000)
  t.is(patient.phase, 'open')
  patient.destroy()
  await env.settle()
  await t.throwsAsync(dial('udp://no-such-host:1', silent), { code: 'ERR_HOST_NOT_FOUND' })
})

test('a group is heard by all who joined it, on one port; a broadcast by all on that port, where it is allowed', async (t) => {
  const env = virtualEnv()
  const heard: string[] = []
  const members = await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      listen('udp://*:7000', {
        env,
        codec: text(),
        udp: { multicast: [name === 'c' ? '239.9.9.9' : '239.1.2.3%127.0.0.1'] },
        listener: {
          onMessage(session: Session<string, string, undefined>, message) {
            heard.push(`${name} ${message}`)
            session.send(message)
          },
        },
      }),
    ),
  )
  const group = await dial('udp://239.1.2.3:7000', { env, codec: text() })
  group.send('x')
  await env.settle()
  t.deepEqual(heard.splice(0), ['a x', 'b x'])
  t.is(group.stats.receivedMessages, 0, 'answers come from elsewhere')
  const everybody = await dial('udp://255.255.255.255:7000', { env, codec: text(), udp: { broadcast: true } })
  everybody.send('y')
  await env.settle()
  t.deepEqual(heard, ['a y', 'b y', 'c y'])
  const nobody = await dial('udp://255.255.255.255:7000', { env, codec: text(), logger: env.logger })
  nobody.send('z')
  await env.settle()
  const cause = await nobody.closed
  t.is(cause.by === 'error' ? cause.error.code : cause.by, 'ERR_PERMISSION')
  await t.throwsAsync(listen('udp://127.0.0.1:7000', { env, codec: text() }), { code: 'ERR_ADDRESS_IN_USE' })
  for (const closable of [...members, group, everybody]) closable.destroy()
  await env.settle()
})
