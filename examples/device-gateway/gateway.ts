import { listen, type MetricsSink, refused, type Server } from 'hawser'
import { json, type } from 'hawser/codecs'
import { lengthPrefixed } from 'hawser/framing'
import { connectionRate, denyHosts, rateLimit } from 'hawser/stages'
import { z } from 'zod'
import type { Identity } from './certificates.ts'
import type { Database, Device } from './database.ts'

/** What devices send. */
export const Telemetry = z.object({ metric: z.string().max(64), value: z.number() })
/** What devices are told. */
export interface Order {
  readonly order: 'report' | 'reboot'
}

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly port: number
  readonly identity: Identity
  /** Who signed the devices' certificates. */
  readonly ca: string
  readonly database: Database
  readonly metrics: MetricsSink
  /** Networks of the proxies in front of it; none: devices dial it themselves. */
  readonly proxies: readonly string[]
  readonly denied: readonly string[]
  /** New sessions a second that one host may open. */
  readonly sessionsPerSecond: number
  readonly messagesPerSecond: number
  readonly say: (text: string) => void
}

/** Devices with certificates, behind a proxy, each at a pace that the database bears. */
export function startGateway(options: GatewayOptions): Promise<Server<z.output<typeof Telemetry>, Order, Device>> {
  const { port, identity, ca, database, metrics, proxies, denied, say } = options
  const { sessionsPerSecond, messagesPerSecond } = options
  const allowed = denyHosts(denied)
  const inTime = connectionRate({ perHost: sessionsPerSecond, intervalMs: 1_000 })
  return listen(`tls://127.0.0.1:${port}`, {
    name: 'devices',
    metrics,
    tls: { ...identity, ca, clientCertificate: 'required' },
    ...(proxies.length > 0 ? { proxyProtocol: { from: proxies } } : {}),
    admit: (address) => allowed(address) && inTime(address),
    maxSessionsPerHost: 100,
    stages: [rateLimit({ messagesPerSecond, burst: 2 * messagesPerSecond, over: 'delay' })],
    codec: json({ in: Telemetry, out: type<Order>() }),
    framing: lengthPrefixed({ fieldBytes: 2 }),
    maxFrameBytes: 1_024,
    inboundHighWaterMarkBytes: 16 * 1024,
    async data(peer) {
      const device = await database.findDevice(peer.certificate?.fingerprint256 ?? '')
      if (device === undefined) throw refused('unknown device', { status: 403 })
      return device
    },
    listener: {
      onOpen(session) {
        say(`${session.data.id} of ${session.data.owner} is here, from ${session.remoteAddress.host}`)
        session.send({ order: 'report' })
      },
      // Awaited: a device that sends faster than the database takes is slowed, and the gateway is not.
      onMessage: (session, { metric, value }) => database.store(`${session.data.id}/${metric}`, value),
      onError(session, error) {
        say(`${session.data.id}: ${error.code}`)
        return error.code === 'ERR_LISTENER' ? 'keep' : undefined // the database had a bad moment
      },
      onClose: (session, cause) => say(`${session.data.id} is gone, by ${cause.by}`),
    },
    onStatus(status) {
      if (status.type === 'refused') say(`${status.remoteAddress.host} refused: ${status.error.code}`)
    },
  })
}
