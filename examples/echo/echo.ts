import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connect, dial, listen, type Server } from 'hawser'
import { localCertificate } from '../certificate.ts'
import type { Say } from '../journal.ts'
import type { EchoConfig } from './config.ts'
import { describeCause, EchoClientListener, EchoListener } from './echo-listener.ts'
import { echoCodec, type EchoMessage } from './echo-message.ts'

export interface EchoOptions {
  readonly config: EchoConfig
  readonly sayServer: Say
  readonly sayClient: Say
}

export interface Echo {
  readonly server: Server<EchoMessage, EchoMessage, number>
  readonly clients: readonly Client<EchoMessage, EchoMessage>[]
}

/** A server on tcp, tls, udp, ws, wss and ipc, and a client over each that stays connected; and one over tcp that falls silent. */
export async function startEcho(options: EchoOptions): Promise<Echo> {
  const { config, sayServer, sayClient } = options
  const { port, heartbeatMs } = config
  const silentMs = heartbeatMs * config.missedHeartbeats
  const portAt = (offset: number): number => (port === 0 ? 0 : port + offset)
  const { cert, key } = await localCertificate()
  const file = join(tmpdir(), `hawser-echo-${process.pid}.sock`)
  let sessionCount = 0

  const host = '127.0.0.1'
  const addresses = [
    `tcp://${host}:${port}`,
    `tls://${host}:${portAt(1)}`,
    `udp://${host}:${port}`,
    `ws://${host}:${portAt(2)}/echo`,
    `wss://${host}:${portAt(3)}/echo`,
    `ipc://${file}`,
  ]
  const server = await listen(addresses, {
    ...config.server,
    name: 'echo',
    codec: echoCodec,
    cronIntervalMs: heartbeatMs,
    data: () => ++sessionCount,
    listener: new EchoListener(sayServer, silentMs),
    onStatus: (status) => {
      if (status.type === 'listening') sayServer(`listens on ${status.address}`)
      if (status.type === 'refused') sayServer(`${status.remoteAddress} was refused: ${status.error.message}`)
    },
    tls: { cert, key },
  })

  const clients = server.addresses.map((address) =>
    connect(address, {
      ...config.client,
      name: 'echo client',
      codec: echoCodec,
      cronIntervalMs: heartbeatMs,
      idleTimeoutMs: silentMs, // the server answers each heartbeat
      listener: () => new EchoClientListener(sayClient),
      onStatus: (status) => {
        if (status.type === 'failed') sayClient(`${address}: ${status.error.message}`)
      },
      tls: { ca: cert }, // whom we trust: nobody else's certificate will do
    }),
  )
  await Promise.all(clients.map((client) => client.ready()))

  const silent = await dial(server.address, {
    codec: echoCodec,
    listener: { onClose: (_session, cause) => sayClient(`the silent one is closed by ${describeCause(cause)}`) },
  })
  silent.send({ command: 'echo', sequence: 1, text: 'the last that will be heard of me' })
  return { server, clients }
}
