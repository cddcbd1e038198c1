import type { PeerCertificate as NodeCertificate, TLSSocket } from 'node:tls'
import type { PeerInfo } from '../../core/connection.ts'
import type { PeerCertificate } from '../../core/peer.ts'

/** What the handshake told of the other side: its certificate, if it showed one, and the ALPN protocol. */
export function tlsPeerInfo(socket: TLSSocket): PeerInfo {
  const protocol = typeof socket.alpnProtocol === 'string' ? { protocol: socket.alpnProtocol } : undefined
  const shown = certificateOf(socket)
  return { ...protocol, ...(shown === undefined ? undefined : { certificate: peerCertificate(shown) }) }
}

/** The certificate that the peer showed; undefined if it showed none. */
export function certificateOf(socket: TLSSocket): NodeCertificate | undefined {
  const shown: NodeCertificate | Record<string, never> | null = socket.getPeerCertificate()
  return shown !== null && 'raw' in shown ? shown : undefined
}

function peerCertificate(shown: NodeCertificate): PeerCertificate {
  return {
    subject: plainFields(shown.subject),
    issuer: plainFields(shown.issuer),
    fingerprint256: shown.fingerprint256,
    serialNumber: shown.serialNumber,
    validTo: new Date(shown.valid_to),
    raw: shown.raw,
  }
}

/** A name of X.500; a field that occurs several times is given as one text. */
function plainFields(name: object): Readonly<Record<string, string>> {
  const fields: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [key, value] of Object.entries(name) as [string, string | string[]][])
    fields[key] = Array.isArray(value) ? value.join(', ') : value
  return fields
}
