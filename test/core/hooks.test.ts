import test from 'ava'
import { text } from '../../codecs/text.ts'
import type { EventListener } from '../../src/core/event-listener.ts'
import { guardedLogger, type Logger } from '../../src/core/logger.ts'
import { EndpointWorld } from '../support/endpoint-world.ts'
import { connectionPair, own } from '../support/session-pair.ts'

const THENABLES: readonly (readonly [string, () => unknown])[] = [
  ['then throws', () => ({ then: () => fail('then') })],
  ['the getter of then throws', () => Object.defineProperty({}, 'then', { get: () => fail('getter') })],
]

function fail(name: string): never {
  throw new Error(name)
}

for (const [name, make] of THENABLES) {
  test(`J-01: a hook that gives a thenable whose ${name} has failed, under its own name`, async (t) => {
    for (const hook of ['onOpen', 'onMessage', 'onCron', 'onShutdown', 'onClose', 'onError'] as const) {
      const { env, near, far } = await connectionPair()
      const hooks: string[] = []
      const listener: EventListener<string, string> = {
        onMessage: () => (hook === 'onError' ? fail('message') : undefined),
        onError: (_session, error) => void hooks.push(error.code === 'ERR_LISTENER' ? error.hook : error.code),
        [hook]: (...args: unknown[]) => {
          if (hook === 'onError') hooks.push((args[1] as { readonly hook: string }).hook)
          return make()
        },
      }
      const setup = { codec: text(), cronIntervalMs: 50, listener }
      const server = own(env, near, 'accepted', setup)
      const client = own(env, far, 'dialed', { codec: text(), listener: {} })
      if (hook === 'onMessage' || hook === 'onError') client.session.send('hello')
      await env.advance(60)
      await server.session.shutdown({ signal: new AbortController().signal })
      t.is(server.session.phase, 'closed', hook)
      t.deepEqual(hooks, hook === 'onClose' ? [] : [hook === 'onError' ? 'onMessage' : hook])
      const logged = env.logs.map(({ message }) => message).join()
      t.is(logged.includes(`${hook} threw`), hook === 'onClose' || hook === 'onError', hook)
      t.is(env.timers, 0)
    }
    const { env, near, far } = await connectionPair()
    const refused = own(env, near, 'accepted', { codec: text(), data: () => make() })
    own(env, far, 'dialed', { codec: text(), listener: {} })
    await env.settle()
    t.like(refused.host.refusedWith, { code: 'ERR_LISTENER', hook: 'data' })
    const handled = await connectionPair()
    const pulled = own(handled.env, handled.near, 'accepted', { codec: text(), handle: () => make() as Promise<void> })
    own(handled.env, handled.far, 'dialed', { codec: text(), listener: {} })
    await handled.env.settle()
    t.like(pulled.host.cause, { by: 'error', error: { code: 'ERR_LISTENER', hook: 'handle' } })
  })
}

test('J-02: a logger that throws costs nobody anything, and the Env’s says it instead', async (t) => {
  const world = new EndpointWorld()
  const logger: Logger = {
    debug: () => fail('d'),
    info: () => fail('i'),
    warn: () => fail('w'),
    error: () => fail('e'),
  }
  const setup = { codec: text(), logger, onStatus: () => fail('status'), admit: () => true }
  const server = await world.listen('inproc://logger', { ...setup, listener: { onMessage: () => fail('message') } })
  const client = await world.dial('inproc://logger', { codec: text(), listener: {} })
  client.send('hello')
  t.is((await client.closed).by, 'remote')
  await world.env.settle()
  t.true(world.logged.some((line) => line.includes('onMessage threw: message')))
  t.true(world.logged.some((line) => line.includes('onStatus threw')))
  await server.close()
  t.notThrows(() => guardedLogger(logger, logger).warn('nobody hears it'))
})
