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

/** Both ends of a connection, as URLs or as what prints as one. */
export interface Ends {
  readonly local: Address | string
  readonly remote: Address | string
}

/** Of a connected TCP socket; undefined once it has closed. */
export function tcpEnds(socket: Socket): Ends | undefined {
  const local = localEnd(socket)
  const remote = remoteEnd(socket)
  return local === undefined || remote === undefined ? undefined : { local, remote }
}

/** Our end of a TCP socket, for which Node keeps an object from then on; undefined once it has closed. */
export function localEnd({ localAddress, localPort }: Socket): Address | undefined {
  return localAddress === undefined || localPort === undefined ? undefined : tcpAddress(localAddress, localPort)
}

/** The peer's end of a TCP socket; undefined once it has closed. */
export function remoteEnd({ remoteAddress, remotePort }: Socket): Address | undefined {
  return remoteAddress === undefined || remotePort === undefined ? undefined : tcpAddress(remoteAddress, remotePort)
}

/** Of a Unix socket: the clients have no name, so both ends go by the server's. */
export function pathEnds(path: string): Ends {
  const address = makeAddress('ipc', '', 0, path)
  return { local: address, remote: address }
}

/** Of TLS over these ends: the scheme of TCP becomes tls, that of other links stays. */
export function secureEnds({ local, remote }: Ends): Ends {
  return { local: local.toString().replace(/^tcp:/, 'tls:'), remote: remote.toString().replace(/^tcp:/, 'tls:') }
}
