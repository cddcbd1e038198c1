import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { Metrics } from 'hawser/stages'
import { Authority, type Identity } from '../../examples/device-gateway/certificates.ts'
import { Database } from '../../examples/device-gateway/database.ts'
import { type GatewayOptions, startGateway } from '../../examples/device-gateway/gateway.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { ExampleProcess } from '../support/example-process.ts'
import { figure, parsePrometheus } from '../support/prometheus.ts'

// Here, all of them: `openssl` holds up the whole process while it runs.
const factory = new Authority()
const identity = factory.issue('gateway')
const known = factory.issue('pump')
const stranger = factory.issue('stranger')
const forger = new Authority().issue('pump')

const LABELS = { name: 'devices', role: 'accepted', transport: 'tls' }

async function gateway(t: ExecutionContext, more: Partial<GatewayOptions> = {}) {
  const database = new Database(1)
  database.addDevice(known.cert, { id: 'pump', owner: 'ann' })
  const metrics = new Metrics()
  const said: string[] = []
  const server = await startGateway({
    port: 0,
    identity,
    ca: factory.cert,
    database,
    metrics,
    proxies: ['127.0.0.1'],
    denied: ['192.0.2.0/24'],
    sessionsPerSecond: 100,
    messagesPerSecond: 100,
    say: (text) => void said.push(text),
    ...more,
  })
  t.teardown(() => server.destroy())
  const saying = (text: string) => until(systemEnv, () => said.includes(text), `"${text}" in ${said.join('; ')}`)
  return { server, database, metrics, said, saying }
}

/** A device as its proxy presents it. */
function through(port: number, from: string, { cert, key }: Identity): TLSSocket {
  const socket = connect(port, '127.0.0.1')
  socket.write(`PROXY TCP4 ${from} 198.51.100.1 50000 8883\r\n`)
  const device = connectTls({ socket, cert, key, ca: factory.cert, servername: 'localhost' })
  device.on('error', () => {}) // many of them are turned away
  device.resume()
  return device
}

function frame(value: object): Buffer {
  const body = Buffer.from(JSON.stringify(value))
  const length = Buffer.alloc(2)
  length.writeUInt16BE(body.length)
  return Buffer.concat([length, body])
}

test('a known device comes through the proxy by its own address, reports, and is counted', async (t) => {
  const { server, database, metrics, saying } = await gateway(t)
  const device = through(server.address.port, '203.0.113.5', known)
  const [greeting] = (await once(device, 'data')) as [Buffer]
  t.is(greeting.subarray(2).toString(), '{"order":"report"}')
  await saying('pump of ann is here, from 203.0.113.5')
  for (let i = 0; i < 20; i++) device.write(frame({ metric: `m${i}`, value: i }))
  await until(systemEnv, () => database.size === 20, 'all are stored')
  device.end()
  await saying('pump is gone, by remote')
  await until(systemEnv, () => figure(metrics.prometheus(), 'hawser_received_messages_total', LABELS) === 20, 'counted')
  const text = metrics.prometheus()
  t.is(figure(text, 'hawser_sessions_open', LABELS), 0)
  t.is(figure(text, 'hawser_sessions_closed_total', { ...LABELS, by: 'remote', code: '' }), 1)
})

test('who is not let in: strangers, forgers, denied networks, and hosts that come too often', async (t) => {
  const { server, metrics, said, saying } = await gateway(t, { sessionsPerSecond: 2 })
  const { port } = server.address
  through(port, '203.0.113.6', stranger)
  await saying('203.0.113.6 refused: ERR_REFUSED')
  through(port, '203.0.113.7', forger)
  await saying('203.0.113.7 refused: ERR_TLS')
  through(port, '192.0.2.9', known)
  await saying('192.0.2.9 refused: ERR_REFUSED')
  for (let i = 0; i < 20; i++) through(port, '203.0.113.8', known)
  await saying('203.0.113.8 refused: ERR_REFUSED')
  await until(systemEnv, () => said.filter((line) => line.includes('203.0.113.8')).length >= 20, 'all were heard')
  t.true(server.sessions.size >= 1)
  t.true(said.filter((line) => line.includes('203.0.113.8 refused')).length >= 10)
  through(port, '203.0.113.9', known)
  await saying('pump of ann is here, from 203.0.113.9')
  const families = parsePrometheus(metrics.prometheus())
  const codes = families.get('hawser_sessions_refused_total')?.samples.map(({ labels }) => labels['code'])
  t.deepEqual(codes?.toSorted(), ['ERR_REFUSED', 'ERR_TLS'])
})

test('bad telemetry costs its own session; one that is too fast is slowed and loses nothing', async (t) => {
  const { server, database, saying } = await gateway(t, { messagesPerSecond: 200 })
  const fast = through(server.address.port, '203.0.113.5', known)
  await saying('pump of ann is here, from 203.0.113.5')
  const bad = through(server.address.port, '203.0.113.6', known)
  await saying('pump of ann is here, from 203.0.113.6')
  for (let i = 0; i < 500; i++) fast.write(frame({ metric: `m${i}`, value: i }))
  bad.write(frame({ metric: 'm', value: 'no number' }))
  await saying('pump: ERR_BAD_MESSAGE')
  await saying('pump is gone, by error')
  t.true(database.size < 500)
  await until(systemEnv, () => database.size === 500, 'all are stored')
  t.is(server.sessions.size, 1)
})

test('the program: three devices, figures that Prometheus reads, new certificates, a graceful end', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-example-'))
  const example = ExampleProcess.start('device-gateway', { TMPDIR: folder })
  t.teardown(() => {
    example.kill()
    rmSync(folder, { recursive: true })
  })
  const [, url = ''] = await example.printed(/^figures on +(\S+)$/m)
  await example.printed(/^stranger: ERR_/m)
  await example.printed(/^pump-1: sent 50 values$/m)
  await example.printed(/^pump-2: sent 50 values$/m)
  await example.printed(/^ready$/m)
  t.deepEqual(readdirSync(folder), [], 'nothing is left behind, however it is ended')
  const response = await fetch(url)
  const text = await response.text()
  t.is(figure(text, 'hawser_sessions_opened_total', LABELS), 2)
  t.is(figure(text, 'hawser_sessions_refused_total', { ...LABELS, code: 'ERR_REFUSED' }), 1)
  example.reload()
  await example.printed(/^new certificates$/m)
  t.is(await example.end(), 0)
  await example.printed(/^100 values in the database$/m)
})
