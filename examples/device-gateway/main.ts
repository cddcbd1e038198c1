// A gateway for devices: mutual TLS, whoever came through a proxy by his own address, limits on who comes and how fast,
// a database that answers later, figures for Prometheus. Three devices show it: two that are known, and one that is not.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { closeOnSignals, dial, isHawserError } from 'hawser'
import { json, type } from 'hawser/codecs'
import { lengthPrefixed } from 'hawser/framing'
import { Metrics } from 'hawser/stages'
import { explainTakenPort, numberFrom, portFrom } from '../environment.ts'
import { Authority, type Identity } from './certificates.ts'
import { Database } from './database.ts'
import { type Order, startGateway, Telemetry } from './gateway.ts'

const REPORTS = 50

const factory = new Authority()
const devices = { 'pump-1': factory.issue('pump-1'), 'pump-2': factory.issue('pump-2'), stranger: factory.issue('x') }
const identity = factory.issue('gateway')
const database = new Database(numberFrom('DATABASE_MS', 2))
database.addDevice(devices['pump-1'].cert, { id: 'pump-1', owner: 'ann' })
database.addDevice(devices['pump-2'].cert, { id: 'pump-2', owner: 'bob' })

const metrics = new Metrics()
const gateway = await startGateway({
  port: portFrom(8_883),
  identity,
  ca: factory.cert,
  database,
  metrics,
  proxies: (process.env['PROXIES'] ?? '').split(',').filter((network) => network !== ''),
  denied: ['192.0.2.0/24'],
  sessionsPerSecond: numberFrom('SESSIONS_PER_SECOND', 20),
  messagesPerSecond: numberFrom('MESSAGES_PER_SECOND', 20),
  say: (text) => console.log(`gateway: ${text}`),
}).catch(explainTakenPort)

const figures = createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/plain; version=0.0.4')
  response.end(metrics.prometheus())
}).listen(portFrom(8_883, 1), '127.0.0.1')
await new Promise((resolve) => figures.once('listening', resolve))

// New certificates without dropping a device: kill -HUP.
process.on('SIGHUP', () => {
  gateway.reloadTls({ ...factory.issue('gateway'), ca: factory.cert })
  console.log('new certificates')
})

console.log(`listening on ${gateway.address}
figures on   http://127.0.0.1:${(figures.address() as AddressInfo).port}/
`)

/** Sends what it is asked for, as fast as it may. */
async function report(name: string, { cert, key }: Identity): Promise<void> {
  try {
    await using session = await dial(gateway.address, {
      tls: { cert, key, ca: factory.cert },
      codec: json({ in: type<Order>(), out: Telemetry }),
      framing: lengthPrefixed({ fieldBytes: 2 }),
    })
    const { order } = await session.receive({ timeoutMs: 10_000 })
    for (let i = 0; i < REPORTS; i++) session.send({ metric: `${order}-${i}`, value: i })
    await session.close()
    console.log(`${name}: sent ${REPORTS} values`)
  } catch (error) {
    if (!isHawserError(error)) throw error
    console.log(`${name}: ${error.code}`)
  }
}

if (process.env['PROXIES'] === undefined) {
  await Promise.all(Object.entries(devices).map(([name, device]) => report(name, device)))
}
console.log('ready')
await closeOnSignals([gateway], { timeoutMs: 10_000 })
figures.close()
console.log(`${database.size} values in the database`)
