import test from 'ava'
import { text } from '../../codecs/text.ts'
import type { Connection, ConnectionSink, Wrapper } from '../../src/core/connection.ts'
import type { Session } from '../../src/core/session.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { EndpointWorld } from '../support/endpoint-world.ts'
import { connectionPair, own } from '../support/session-pair.ts'

/** A layer whose `name` throws, be it a method or what is asked for. */
function throwing(name: keyof Connection): Wrapper {
  return (below) => {
    const layer = passThrough(below)
    if (name === 'ping') layer.ping = () => fail(name)
    else Object.defineProperty(layer, name, METHODS.has(name) ? { value: () => fail(name) } : { get: () => fail(name) })
    return layer
  }
}

const METHODS = new Set<string>(['attach', 'write', 'cork', 'uncork', 'pause', 'resume', 'end', 'destroy'])

function fail(name: string): never {
  throw new Error(`layer ${name}`)
}

/** A layer whose sink throws at `name`. */
function deaf(name: keyof ConnectionSink): Wrapper {
  return (below) => {
    const layer = passThrough(below)
    const attach = layer.attach.bind(layer)
    layer.attach = (sink, unread) => attach({ ...hearing(sink), [name]: () => fail(name) }, unread)
    return layer
  }
}

function hearing(sink: ConnectionSink): ConnectionSink {
  return {
    onChunk: (chunk, isText) => sink.onChunk(chunk, isText),
    onActivity: () => sink.onActivity(),
    onEnd: (reason) => sink.onEnd(reason),
    onClose: (error) => sink.onClose(error),
  }
}

const FAULTS: readonly (readonly [string, Wrapper])[] = [
  ...(['attach', 'write', 'end', 'destroy', 'pause', 'resume', 'ping', 'bufferedBytes', 'progress'] as const).map(
    (name) => [name, throwing(name)] as const,
  ),
  ...(['onChunk', 'onEnd', 'onClose'] as const).map((name) => [name, deaf(name)] as const),
]

for (const [name, wrap] of FAULTS) {
  for (const wraps of [[wrap], [passThrough, wrap, passThrough]]) {
    test(`J-02: a layer whose ${name} throws ends its session with an error, ${wraps.length} layers`, async (t) => {
      const { env, near, far } = await connectionPair()
      const server = own(env, near, 'accepted', {
        codec: text(),
        wrap: wraps,
        cronIntervalMs: 50,
        stallTimeoutMs: 200,
        inboundHighWaterMarkBytes: 1,
        listener: {
          onMessage: (session: Session<string, string>, message: string) =>
            new Promise<void>((resolve) => {
              env.after(20, () => {
                session.send(message)
                resolve()
              })
            }),
        },
      })
      const client = own(env, far, 'dialed', { codec: text(), listener: {} })
      for (let i = 0; i < 5; i++) client.session.send('hello')
      await env.advance(200)
      if (server.session.phase !== 'closed') {
        void client.session.close()
        await env.advance(4000)
      }
      if (server.session.phase !== 'closed') server.session.destroy()
      await env.settle()
      t.is(server.session.phase, 'closed')
      t.is(client.session.phase, 'closed')
      t.is(server.host.told.filter((told) => told === 'gone').length, 1)
      const { cause } = server.host
      const isBy = cause?.by === 'error' && cause.error.code === 'ERR_LISTENER' ? cause.error.hook : cause?.by
      t.is(isBy, ['end', 'destroy', 'onClose'].includes(name) ? 'remote' : 'wrap')
      t.is(env.timers, 0)
    })
  }
}

test('a layer that keeps destroy() or onClose to itself holds no session', async (t) => {
  const keeping = (name: 'destroy' | 'onClose'): Wrapper => {
    return (below) => {
      const layer = passThrough(below)
      const attach = layer.attach.bind(layer)
      if (name === 'destroy') layer.destroy = () => {}
      else layer.attach = (sink, unread) => attach({ ...hearing(sink), onClose() {} }, unread)
      return layer
    }
  }
  for (const name of ['destroy', 'onClose'] as const) {
    const { env, near, far } = await connectionPair()
    const server = own(env, near, 'accepted', { codec: text(), wrap: [keeping(name)], listener: {} })
    const client = own(env, far, 'dialed', { codec: text(), listener: {} })
    await env.settle()
    server.session.destroy()
    await env.settle()
    t.deepEqual([server.session.phase, client.session.phase], ['closed', 'closed'], name)
  }
})

test('a wrap that gives no Connection is ERR_BAD_OPTION, and its peer is closed', async (t) => {
  const made: readonly unknown[] = [undefined, null, {}, 5, { write() {}, end() {}, destroy() {} }]
  for (const garbage of made) {
    const world = new EndpointWorld()
    const refusals: unknown[] = []
    const server = await world.listen('inproc://wrap', {
      codec: text(),
      wrap: [passThrough, () => garbage as Connection],
      onStatus: (status) => status.type === 'refused' && refusals.push(status.error),
    })
    const dialed = await world.dial('inproc://wrap', { codec: text(), listener: {} })
    await dialed.closed
    await world.env.settle()
    t.like(refusals, [{ code: 'ERR_BAD_OPTION', option: 'wrap' }])
    await server.close()
    t.is(world.env.timers, 0)
  }
})
