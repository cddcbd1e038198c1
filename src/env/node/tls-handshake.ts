import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls'
import type { Connection, Role } from '../../core/connection.ts'
import { badOption, describe, HawserError, isHawserError } from '../../core/errors.ts'
import type { LinkOptions } from '../../core/transport.ts'
import { attempt } from './attempt.ts'
import { ConnectionDuplex } from './connection-duplex.ts'
import { certificateOf, tlsPeerInfo } from './peer-certificate.ts'
import { secureEnds } from './socket-address.ts'
import { SocketConnection } from './socket-connection.ts'
import { codeOf, reasonOf, systemError } from './system-error.ts'

type Pem = string | Uint8Array | readonly (string | Uint8Array)[]

/** The option group `tls` as `hawser`'s transports have checked it. */
interface TlsGroup {
  readonly cert?: Pem
  readonly key?: Pem
  readonly ca?: Pem
  readonly passphrase?: string
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  readonly clientCertificate?: 'none' | 'optional' | 'required'
  /** Of the peer: what its certificate must be for; an IP address is checked, but not sent as SNI. */
  readonly servername?: string
  readonly alpn?: readonly string[]
  readonly insecure?: boolean
}

/**
 * Certificates and keys are read once for each options object, not once for each handshake. The servers listen nowhere:
 * they hold what Node needs for the handshakes of accepted connections.
 */
const servers = new WeakMap<object, Server>()
const contexts = new WeakMap<object, SecureContext>()

/** @throws ERR_TLS when certificate or key cannot be used; ERR_BAD_OPTION for a `ca` without certificates */
export function prepareTls(tls: unknown, role: Role): void {
  if (role === 'accepted') serverFor(tls as TlsGroup)
  else contextFor(tls as TlsGroup)
}

/** One handshake over `connection`, which is taken over, and destroyed if the handshake fails. */
export function secureStream(connection: Connection, tls: unknown, options: LinkOptions): Promise<Connection> {
  const ends = secureEnds({ local: connection.localAddress, remote: connection.remoteAddress })
  const what = `TLS handshake with ${ends.remote.toString()}`
  const below = connection.peer
  const handshake = attempt<Connection>(what, options, (outcome) => {
    const accepted = options.role === 'accepted'
    const group = tls as TlsGroup
    const start = accepted ? acceptHandshake(serverFor(group)) : dialHandshake(contextFor(group), group)
    const stream = streamOf(connection)
    stream.allowHalfOpen = false // who leaves in the middle of the handshake has left
    const failed = (error: unknown, socket?: TLSSocket): void => {
      const failure = handshakeError(what, error, socket)
      if (!accepted && failure.code === 'ERR_CONNECTION_RESET') failure.message += '; does the peer speak TLS?'
      outcome.reject(failure)
      socket?.destroy()
      stream.destroy()
    }
    const done = (socket: TLSSocket): void => {
      if (accepted && isForeign(socket, group)) return failed(undefined, socket)
      stream.allowHalfOpen = socket.allowHalfOpen = true
      const peer = { ...below, ...tlsPeerInfo(socket) }
      outcome.resolve(new SocketConnection(options.env, socket, socket, ends, peer))
    }
    start(stream, done, failed)
    return () => stream.destroy()
  })
  handshake.catch(() => connection.destroy())
  return handshake
}

type Handshake = (
  stream: Duplex,
  done: (socket: TLSSocket) => void,
  failed: (error: unknown, socket?: TLSSocket) => void,
) => void

function dialHandshake(context: SecureContext, { servername = '', alpn, insecure = false }: TlsGroup): Handshake {
  return (stream, done, failed) => {
    const socket = connect({
      socket: stream,
      secureContext: context,
      host: servername,
      servername: isIP(servername) === 0 ? servername : '',
      rejectUnauthorized: !insecure,
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
    })
    const onError = (error: unknown): void => failed(error, socket)
    socket.once('error', onError)
    socket.once('secureConnect', () => {
      socket.off('error', onError)
      done(socket)
    })
  }
}

/**
 * The server's own code runs the handshake and verifies the certificate. It reports to the server it was called on, which
 * is a view of the shared one with listeners of its own: that is how one handshake is told from another.
 */
function acceptHandshake(server: Server): Handshake {
  return (stream, done, failed) => {
    const view = (Object.create(server) as Server).removeAllListeners()
    view.once('secureConnection', done)
    view.once('tlsClientError', failed)
    for (const accept of server.listeners('connection')) accept.call(view, stream)
  }
}

function streamOf(connection: Connection): Duplex {
  const own = connection instanceof SocketConnection ? connection.release() : undefined
  return own ?? new ConnectionDuplex(connection)
}

/** A certificate that was asked for, though not required, and cannot be verified. */
function isForeign(socket: TLSSocket, { clientCertificate = 'none', insecure = false }: TlsGroup): boolean {
  return clientCertificate === 'optional' && !insecure && !socket.authorized && certificateOf(socket) !== undefined
}

function serverFor(group: TlsGroup): Server {
  const { clientCertificate = 'none', alpn, insecure = false } = group
  return prepared(servers, group, () =>
    createServer({
      ...material(group),
      requestCert: clientCertificate !== 'none',
      rejectUnauthorized: clientCertificate === 'required' && !insecure,
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
    }),
  )
}

function contextFor(group: TlsGroup): SecureContext {
  return prepared(contexts, group, () => createSecureContext(material(group)))
}

function prepared<T>(known: WeakMap<object, T>, group: TlsGroup, make: () => T): T {
  let found = known.get(group)
  if (found === undefined) {
    try {
      found = make()
    } catch (error) {
      if (isHawserError(error)) throw error
      throw new HawserError('ERR_TLS', `the certificates of option tls cannot be used: ${mistakeOf(error)}`, {
        cause: error,
      })
    }
    known.set(group, found)
  }
  return found
}

/** Node takes a `ca` that holds none, and then trusts nobody. */
function certificates(ca: Pem): (string | Buffer)[] {
  const parts = pem(ca)
  if (
    parts.some((part) =>
      /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/.test(typeof part === 'string' ? part : part.toString('latin1')),
    )
  )
    return parts
  throw badOption('tls.ca', 'holds no certificate in PEM')
}

function material({ cert, key, ca, passphrase, minVersion = 'TLSv1.2' }: TlsGroup): SecureContextOptions {
  return {
    minVersion,
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(key === undefined ? {} : { key: pem(key) }),
    ...(ca === undefined ? {} : { ca: certificates(ca) }),
    ...(passphrase === undefined ? {} : { passphrase }),
  }
}

function pem(value: Pem): (string | Buffer)[] {
  const list = typeof value === 'string' || value instanceof Uint8Array ? [value] : value
  return list.map((part) => (typeof part === 'string' ? part : Buffer.from(part)))
}

function mistakeOf(error: unknown): string {
  if (codeOf(error) === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') return 'cert and key do not belong together'
  return reasonOf(error) ?? describe(error).trim()
}

/** What verification says of a chain that ends at nobody we trust. */
const UNTRUSTED = /^(DEPTH_ZERO_)?SELF_SIGNED|^UNABLE_TO_(GET_ISSUER|VERIFY)/

function handshakeError(what: string, error: unknown, socket: TLSSocket | undefined): HawserError {
  const distrust = socket?.authorizationError as unknown // a code, whatever its type says
  if (error === undefined || (codeOf(error) === 'ECONNRESET' && typeof distrust === 'string'))
    return new HawserError('ERR_TLS', `${what}: the peer's certificate is not trusted (${String(distrust)})`, {
      cause: error,
    })
  const failure = systemError(error, what)
  if (UNTRUSTED.test(codeOf(error))) failure.message += ' (the option tls.ca says whom to trust)'
  return failure
}
