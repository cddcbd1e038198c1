// As api.test.ts, for stages and layers.
import { type AnyStageFactory, listen, type Wrapper } from 'hawser'
import { json, raw, text, type } from 'hawser/codecs'
import { compression, throttle, wireLog } from 'hawser/layers'
import { connectionRate, denyHosts, Metrics, rateLimit } from 'hawser/stages'
import { expectTypeOf } from 'expect-type'
import test from 'ava'

type Cmd = { type: 'a'; n: number }

/** Never called. */
export async function used(): Promise<void> {
  const metrics = new Metrics({ maxSeries: 10 })
  await listen('tcp://*:0', {
    codec: json({ in: type<Cmd>(), out: type<{ ok: boolean }>() }),
    // What does not look at messages stands between any codec and any listener.
    stages: [rateLimit({ messagesPerSecond: 5, over: 'delay' })],
    wrap: [compression({ algorithm: 'gzip' }), throttle({ readBytesPerSecond: 1000 }), wireLog({ file: 'x.pcapng' })],
    metrics,
    admit: connectionRate({ perHost: 5, intervalMs: 1_000 }),
    listener: {
      onMessage(session, message) {
        expectTypeOf(message).toEqualTypeOf<Cmd>()
        session.send({ ok: true })
      },
    },
  })
  await listen('tcp://*:0', { codec: text(), stages: [rateLimit({ bytesPerSecond: 1 })], admit: denyHosts(['::1']) })
  expectTypeOf(rateLimit({ messagesPerSecond: 1 })).toEqualTypeOf<AnyStageFactory>()
  expectTypeOf(throttle({ writeBytesPerSecond: 1 })).toEqualTypeOf<Wrapper>()
  expectTypeOf(metrics.prometheus()).toBeString()

  // @ts-expect-error no such policy
  rateLimit({ messagesPerSecond: 1, over: 'drop' })
  // @ts-expect-error no such algorithm
  compression({ algorithm: 'zip' })
  // @ts-expect-error a limit is a number
  throttle({ readBytesPerSecond: '1k' })
  // @ts-expect-error networks are a list
  denyHosts('10.0.0.0/8')
  // @ts-expect-error it wraps connections, and is no stage
  await listen('tcp://*:0', { codec: raw(), stages: [throttle({ readBytesPerSecond: 1 })] })
}

test('the types of stages and layers hold: the compiler has said so', (t) => {
  t.pass()
})
