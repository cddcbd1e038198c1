import { describe, type ErrorCode, HawserError, isHawserError } from '../../core/errors.ts'

const CODES: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'ERR_CONNECTION_REFUSED',
  ENOENT: 'ERR_CONNECTION_REFUSED', // a Unix socket that is not there
  ENOTSOCK: 'ERR_CONNECTION_REFUSED', // its file is something else
  ENOTFOUND: 'ERR_HOST_NOT_FOUND',
  EAI_AGAIN: 'ERR_HOST_NOT_FOUND',
  EAI_NODATA: 'ERR_HOST_NOT_FOUND',
  EHOSTUNREACH: 'ERR_UNREACHABLE',
  EHOSTDOWN: 'ERR_UNREACHABLE',
  ENETUNREACH: 'ERR_UNREACHABLE',
  ENETDOWN: 'ERR_UNREACHABLE',
  EADDRNOTAVAIL: 'ERR_UNREACHABLE',
  ENODEV: 'ERR_UNREACHABLE', // no interface for a multicast group
  EMSGSIZE: 'ERR_UNREACHABLE', // a datagram larger than the way there carries
  EACCES: 'ERR_PERMISSION',
  EPERM: 'ERR_PERMISSION',
  EADDRINUSE: 'ERR_ADDRESS_IN_USE',
  ECONNRESET: 'ERR_CONNECTION_RESET',
  ECONNABORTED: 'ERR_CONNECTION_RESET',
  EPIPE: 'ERR_CONNECTION_RESET',
  ETIMEDOUT: 'ERR_TIMEOUT',
  ERR_SOCKET_CONNECTION_TIMEOUT: 'ERR_TIMEOUT',
}

/** Trying again will not help before somebody has changed something. */
const FINAL = new Set<ErrorCode>(['ERR_PERMISSION', 'ERR_ADDRESS_IN_USE', 'ERR_TLS'])

/** What OpenSSL's codes mean to somebody who looks for the mistake. */
const HINTS: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: 'the peer sent an HTTP request, not TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the first bytes of the peer are not TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the first bytes of the peer are not TLS',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the peer showed no certificate',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'no ALPN protocol in common',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'no ALPN protocol in common',
}

/** Alerts about a certificate (RFC 8446, section 6.2). What stands before ALERT differs between versions of OpenSSL. */
const CERTIFICATE_ALERT = /_ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED)$/

/**
 * Node's error as ours, with Node's as `cause`. Where several addresses of a host were tried, `cause` is the
 * AggregateError with the error of each, and the code is that of the first.
 */
export function systemError(error: unknown, what: string): HawserError {
  if (isHawserError(error)) return error
  const code = codeOf(error)
  const known = CODES[code] ?? (isTlsCode(code) ? 'ERR_TLS' : 'ERR_CONNECTION_RESET')
  return new HawserError(known, `${what}: ${hintOf(code) ?? textOf(code, error)}`, {
    cause: error,
    retryable: !FINAL.has(known),
  })
}

/** Node's text with its code, which most of them begin or have already; OpenSSL's by its reason, without the line and the source file. */
function textOf(code: string, error: unknown): string {
  const text = reasonOf(error) ?? describe(error).trim()
  if (text === '') return `${code}, no address answered`
  return code === '' || text.includes(code) ? text : `${code}, ${text}`
}

/** What OpenSSL says in words, where it is an error of its own. */
export function reasonOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('reason' in error)) return undefined
  return typeof error.reason === 'string' ? error.reason : undefined
}

/** The code of a Node error, or of the first in an AggregateError; '' if it has none. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return ''
}

function hintOf(code: string): string | undefined {
  const alert = CERTIFICATE_ALERT.exec(code)?.[1]
  if (alert === undefined) return HINTS[code]
  return `the peer refused our certificate: ${alert.toLowerCase().replaceAll('_', ' ')}`
}

/** OpenSSL's own (EPROTO and ERR_SSL_*), Node's ERR_TLS_*, and what certificate verification says. */
function isTlsCode(code: string): boolean {
  return (
    code === 'EPROTO' ||
    /^ERR_(SSL|TLS|OSSL)_|^(CERT|CRL|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|INVALID_(CA|PURPOSE)|PATH_LENGTH|HOSTNAME_MISMATCH)/.test(
      code,
    )
  )
}
