import test from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import { refused } from '../../src/core/errors.ts'
import type { MetricsSink } from '../../src/core/metrics.ts'
import { Metrics } from '../../src/stages/metrics.ts'
import { EndpointWorld } from '../support/endpoint-world.ts'
import { figure, parsePrometheus } from '../support/prometheus.ts'

const codec = text()
const framing = line()
const echo = { onMessage: (session: { send(message: string): boolean }, message: string) => void session.send(message) }
const ACCEPTED = { name: 'echo', role: 'accepted', transport: 'tcp' }
const DIALED = { name: '', role: 'dialed', transport: 'tcp' }

test('a server and a client that share a sink: who is there, what passed, and how it ended', async (t) => {
  const world = new EndpointWorld()
  const metrics = new Metrics()
  const shown = (name: string, labels: Readonly<Record<string, string>>) => figure(metrics.prometheus(), name, labels)
  const server = await world.listen('tcp://*:7000', { codec, framing, listener: echo, metrics, name: 'echo' })
  const sessions = []
  for (let i = 0; i < 3; i++) {
    sessions.push(await world.dial('tcp://127.0.0.1:7000', { codec, framing, metrics }))
    await world.env.advance(10)
  }
  t.is(shown('hawser_sessions_open', ACCEPTED), 3)
  t.is(shown('hawser_sessions_opened_total', ACCEPTED), 3)
  t.is(shown('hawser_sessions_open', DIALED), 3)

  for (const session of sessions) session.send('hello')
  await world.env.advance(10)
  t.is(shown('hawser_received_messages_total', ACCEPTED), undefined, 'not looked at yet')
  await world.env.advance(5_000)
  t.is(shown('hawser_received_messages_total', ACCEPTED), 3)
  t.is(shown('hawser_received_bytes_total', ACCEPTED), 18)
  t.is(shown('hawser_sent_bytes_total', ACCEPTED), 18)
  t.is(shown('hawser_sent_messages_total', DIALED), 3)
  t.is(shown('hawser_buffered_bytes', ACCEPTED), 0)
  await world.env.advance(5_000)
  t.is(shown('hawser_received_messages_total', ACCEPTED), 3, 'told once')

  sessions[0]?.send('bye')
  await sessions[0]?.deliver('now')
  const closing = sessions[0]?.close()
  await world.env.advance(10)
  await closing
  t.is(shown('hawser_sessions_open', ACCEPTED), 2)
  t.is(shown('hawser_received_messages_total', ACCEPTED), 5, 'the rest is told when it closes')
  t.is(shown('hawser_sessions_closed_total', { ...ACCEPTED, by: 'remote', code: '' }), 1)
  t.is(shown('hawser_sessions_closed_total', { ...DIALED, by: 'local', code: '' }), 1)
  t.is(shown('hawser_session_duration_seconds_bucket', { ...ACCEPTED, le: '10' }), 0)
  t.is(shown('hawser_session_duration_seconds_bucket', { ...ACCEPTED, le: '60' }), 1)

  const received = server.stats.receivedBytes
  server.destroy()
  await world.env.advance(4_000) // nobody pulls what the dialed ones still hold
  t.is(shown('hawser_sessions_open', ACCEPTED), 0)
  t.is(shown('hawser_sessions_open', DIALED), 0)
  t.is(shown('hawser_received_bytes_total', ACCEPTED), received)
  parsePrometheus(metrics.prometheus())
})

test('there is one timer while there are sessions, and none without', async (t) => {
  const world = new EndpointWorld()
  const metrics = new Metrics()
  const server = await world.listen('tcp://*:7000', { codec, listener: {}, metrics })
  t.is(world.env.timers, 0)
  for (let i = 0; i < 5; i++) await world.dial('tcp://127.0.0.1:7000', { codec, metrics })
  await world.env.advance(10)
  t.is(world.env.timers, 1)
  server.destroy()
  await world.env.advance(10)
  t.is(world.env.timers, 0)
})

test('who is turned away, and why; also attempts that fail', async (t) => {
  const world = new EndpointWorld()
  const metrics = new Metrics()
  const data = () => {
    throw refused('no')
  }
  const onStatus = () => {}
  await world.listen('tcp://*:7000', { codec, data, listener: {}, metrics, onStatus })
  await world.listen('tcp://*:7001', { codec, listener: {}, admit: () => false, metrics, onStatus })
  await world.listen('tcp://*:7002', { codec, listener: {}, maxSessions: 1, metrics, onStatus })
  await world.dial('tcp://127.0.0.1:7000', { codec })
  for (const port of [7001, 7002, 7002, 7002]) await world.dial(`tcp://127.0.0.1:${port}`, { codec }).catch(() => {})
  await t.throwsAsync(world.dial('tcp://127.0.0.1:9999', { codec, metrics }))
  await world.env.advance(100)
  const shown = (role: string, code: string) =>
    figure(metrics.prometheus(), 'hawser_sessions_refused_total', { name: '', role, transport: 'tcp', code })
  t.is(shown('accepted', 'ERR_REFUSED'), 2)
  t.is(shown('accepted', 'ERR_TOO_MANY_SESSIONS'), 2)
  t.is(shown('dialed', 'ERR_CONNECTION_REFUSED'), 1)
})

test('a session that ends by a fault is counted with its code', async (t) => {
  const world = new EndpointWorld()
  const metrics = new Metrics()
  await world.listen('tcp://*:7000', {
    codec,
    framing,
    maxFrameBytes: 5,
    listener: {},
    metrics,
    logger: world.env.logger,
  })
  const session = await world.dial('tcp://127.0.0.1:7000', { codec, framing })
  session.send('far too long')
  await world.env.advance(100)
  const labels = { ...ACCEPTED, name: '', by: 'error', code: 'ERR_FRAME_TOO_LARGE' }
  t.is(figure(metrics.prometheus(), 'hawser_sessions_closed_total', labels), 1)
})

test('a sink that throws is logged once and hurts nobody', async (t) => {
  const world = new EndpointWorld()
  const fail = () => {
    throw new Error('the sink is full')
  }
  const metrics: MetricsSink = { counter: fail, gauge: fail, histogram: fail }
  await world.listen('tcp://*:7000', { codec, framing, listener: echo, metrics })
  const session = await world.dial('tcp://127.0.0.1:7000', { codec, framing })
  session.send('hello')
  await world.env.advance(20_000)
  t.is(await session.receive(), 'hello')
  await Promise.all([session.close(), world.env.advance(10)])
  t.is(world.env.logs.filter(({ message }) => message.includes('the sink is full')).length, 1)
})

test('messages cost the sink nothing', async (t) => {
  const world = new EndpointWorld()
  let calls = 0
  const count = () => void calls++
  await world.listen('tcp://*:7000', {
    codec,
    framing,
    listener: echo,
    metrics: { counter: count, gauge: count, histogram: count },
  })
  const session = await world.dial('tcp://127.0.0.1:7000', { codec, framing })
  await world.env.advance(10)
  const before = calls
  for (let i = 0; i < 1_000; i++) session.send('hello')
  await world.env.advance(100)
  t.is(calls, before)
})

test('an object that is no sink is refused', async (t) => {
  const world = new EndpointWorld()
  for (const metrics of [{}, null, { counter() {}, gauge() {} }]) {
    await t.throwsAsync(world.listen('tcp://*:7000', { codec, listener: {}, metrics: metrics as never }), {
      code: 'ERR_BAD_OPTION',
      message: /metrics/,
    } as never)
  }
})
