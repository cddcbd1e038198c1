import { isIPv4, type Socket } from 'node:net'
import { makeAddress, type Address } from '../../core/address.ts'

/** An IP address as people write it: IPv4 that came through a dual-stack socket without its `::ffff:`. */
export function plainHost(host: string): string {
  const mapped = /^::ffff:/i.test(host) ? host.slice(7) : host
  return isIPv4(mapped) ? mapped : host
}

/** `tcp://host:port` of one end of a connection. */
export function tcpAddress(host: string, port: number): Address {
  return makeAddress('tcp', plainHost(host), port)
}

/** Both ends of a connection, as URLs. */
export interface Ends {
  readonly local: string
  readonly remote: string
}

/** Of a connected TCP socket; undefined once it has closed. */
export function tcpEnds(socket: Socket): Ends | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  if (localAddress === undefined || localPort === undefined) return undefined
  if (remoteAddress === undefined || remotePort === undefined) return undefined
  return { local: tcpAddress(localAddress, localPort).href, remote: tcpAddress(remoteAddress, remotePort).href }
}

/** Of a Unix socket: the clients have no name, so both ends go by the server's. */
export function pathEnds(path: string): Ends {
  const { href } = makeAddress('ipc', '', 0, path)
  return { local: href, remote: href }
}

/** Of TLS over these ends: the scheme of TCP becomes tls, that of other links stays. */
export function secureEnds({ local, remote }: Ends): Ends {
  return { local: local.replace(/^tcp:/, 'tls:'), remote: remote.replace(/^tcp:/, 'tls:') }
}
