import test from 'ava'
import { text } from '../../codecs/text.ts'
import { HawserError, refused } from '../../src/core/errors.ts'
import { dial as dialOnce } from '../../src/core/dial.ts'
import { connect } from '../../src/core/live-client.ts'
import type { Bindings } from '../../src/core/session-config.ts'
import type { Transport } from '../../src/core/transport.ts'
import { dial } from '../../src/node.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { codeOf, EndpointWorld, gate } from '../support/endpoint-world.ts'

const codec = text()

test('dial makes one attempt and rejects with what it met: nobody there, refused, a wrong option', async (t) => {
  const world = new EndpointWorld()
  t.is(await codeOf(world.dial('inproc://nobody', { codec })), 'ERR_CONNECTION_REFUSED')
  const server = await world.listen('inproc://s', { codec })
  const refusing = {
    codec,
    data: () => {
      throw refused('not this server')
    },
  }
  t.is(await codeOf(world.dial('inproc://s', refusing)), 'ERR_REFUSED')
  const failing = {
    codec,
    listener: {
      onOpen: () => {
        throw new Error('no')
      },
    },
  }
  t.is(await codeOf(world.dial('inproc://s', failing)), 'ERR_LISTENER')
  t.is(await codeOf(world.dial('inproc://s', { codec, timeoutMs: -1 })), 'ERR_BAD_OPTION')
  t.is(await codeOf(world.dial('inproc://s', { codec, signal: {} as AbortSignal })), 'ERR_BAD_OPTION')
  t.is(
    await codeOf(world.dial('inproc://s', { codec: () => ({}) as typeof codec, wrap: [3] as never })),
    'ERR_BAD_OPTION',
  )
  t.is(await codeOf(world.dial('else://s:1', { codec })), 'ERR_BAD_ADDRESS')
  await world.env.settle()
  t.is(server.sessions.size, 0)
  await server.close()
  t.is(world.env.timers, 0)
})

test('over time or aborted, dial leaves nothing behind in any phase', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec })
  t.is(
    await codeOf(world.dial('inproc://s', { codec, signal: AbortSignal.abort(new Error('before')) })),
    'Error: before',
  )

  const hanging = codeOf(world.dial('script://x:1', { codec, timeoutMs: 50 }))
  await world.env.advance(50)
  t.is(await hanging, 'ERR_TIMEOUT')
  t.true(world.script.last.options.signal?.aborted)

  const stop = new AbortController()
  const aborted = codeOf(world.dial('script://x:1', { codec, signal: stop.signal }))
  stop.abort(new Error('during'))
  t.is(await aborted, 'Error: during')
  t.true(world.script.last.options.signal?.aborted)

  const never = gate()
  const opening = codeOf(world.dial('inproc://s', { codec, timeoutMs: 50, data: () => never.opened }))
  await world.env.settle()
  t.is(server.sessions.size, 1)
  await world.env.advance(60)
  t.is(await opening, 'ERR_TIMEOUT')
  t.is(server.sessions.size, 0)

  const defaulted = codeOf(world.dial('script://x:1', { codec }))
  t.is(world.script.last.options.timeoutMs, 5_000)
  await world.env.advance(5_000)
  t.is(await defaulted, 'ERR_TIMEOUT')
  await server.close()
  t.is(world.env.timers, 0)
})

test('once open, a dialed session stands alone: neither its signal nor its time limit mean anything to it', async (t) => {
  const world = new EndpointWorld()
  const server = await world.listen('inproc://s', { codec, listener: { onMessage: (session, m) => session.send(m) } })
  const stop = new AbortController()
  const session = await world.dial('inproc://s', { codec, signal: stop.signal, timeoutMs: 50 })
  stop.abort()
  await world.env.advance(100)
  session.send('still here')
  t.is(await session.receive(), 'still here')
  t.is(session.peer.dialed, undefined)
  await session.close()
  await server.close()
  t.is(world.env.timers, 0)
})

test('whoever waits longer than the default for a dial is not cut short by the link below', async (t) => {
  const env = virtualEnv()
  const allowedMs: number[] = []
  const never: Transport = {
    schemes: ['never'],
    dial: (_address, options) => {
      allowedMs.push(options.timeoutMs)
      return Promise.reject(new HawserError('ERR_UNREACHABLE', 'no way'))
    },
    listen: () => Promise.reject(new HawserError('ERR_UNREACHABLE', 'no way')),
  }
  for (const timeoutMs of [undefined, 100, 60_000, 0]) {
    await t.throwsAsync(dial('never://h:1', { env, codec: text(), transports: [never], timeoutMs }), {
      code: 'ERR_UNREACHABLE',
    })
  }
  t.deepEqual(allowedMs, [5_000, 5_000, 60_000, 0])
})

test('parts that cannot be loaded are a failed dial, and tried again by a client', async (t) => {
  const world = new EndpointWorld()
  await world.listen('inproc://s', { codec })
  let loads = 0
  const load = async (): Promise<void> => {
    if (++loads < 3) throw new TypeError('Failed to fetch dynamically imported module')
  }
  const bindings: Bindings = { ...world.bindings, parts: (setup) => ({ ...world.bindings.parts(setup), load }) }
  const failure = await t.throwsAsync(dialOnce(bindings, 'inproc://s', { codec }), { code: 'ERR_UNREACHABLE' } as never)
  t.regex(failure?.message ?? '', /Failed to fetch/)
  const client = connect(bindings, 'inproc://s', { codec, onStatus() {} })
  const ready = client.ready()
  await world.env.advance(5_000)
  await ready
  t.is(loads, 3)
  client.destroy()
})
