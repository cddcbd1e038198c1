import { addAbortHook, removeAbortHook } from './abort-hooks.ts'
import type { Address, AddressReader } from './address.ts'
import type { Connection } from './connection.ts'
import { describe, HawserError, isHawserError, timedOut } from './errors.ts'
import type { SessionConfig } from './session-config.ts'
import type { LinkOptions, Transport } from './transport.ts'

type DialConfig = Pick<SessionConfig<unknown, unknown, unknown>, 'parts' | 'addresses'>

/**
 * One attempt to reach a peer. When `attempt` is aborted, which it is over `options.timeoutMs`, it rejects at once, whatever
 * the transport does; a connection that comes later is destroyed.
 *
 * @param options with the signal of `attempt`
 * @param config of the session that it is for, whose parts are there when it resolves
 * @throws a HawserError, or the reason of the abort
 */
export function dialConnection(
  transport: Transport,
  address: Address,
  attempt: AbortController,
  options: LinkOptions,
  config: DialConfig,
): Promise<Connection> {
  const { env, timeoutMs } = options
  const { signal } = attempt
  if (signal.aborted) return Promise.reject(signal.reason as unknown)
  return new Promise<Connection>((resolve, reject) => {
    let settled = false
    const settle = (): void => {
      settled = true
      timer?.cancel()
      removeAbortHook(signal, onAbort)
    }
    const onAbort = (): void => {
      settle()
      reject(signal.reason)
    }
    const timer =
      timeoutMs > 0
        ? env.setTimer(timeoutMs, () => attempt.abort(timedOut(`dialing ${address.href}`, timeoutMs)), true)
        : undefined
    addAbortHook(signal, onAbort)
    const onConnection = (connection: Connection): void => {
      if (settled) return connection.destroy()
      settle()
      if (!isSelfConnected(connection, config.addresses)) return resolve(connection)
      connection.destroy()
      reject(new HawserError('ERR_CONNECTION_REFUSED', `${address.href} reached itself`, { retryable: true }))
    }
    const onFailed = (error: unknown): void => {
      if (settled) return
      settle()
      reject(asDialError(error, address))
    }
    start(transport, address, options, config).then(onConnection, onFailed)
  })
}

/** A transport that throws instead of rejecting does the same. */
async function start(
  transport: Transport,
  address: Address,
  options: LinkOptions,
  { parts }: DialConfig,
): Promise<Connection> {
  if (parts.load !== undefined) {
    await parts.load()
    options.signal?.throwIfAborted() // a link that nobody wants any more
  }
  return transport.dial(address, options)
}

/** Transports of users may reject with anything. */
function asDialError(error: unknown, address: Address): unknown {
  if (isHawserError(error)) return error
  return new HawserError('ERR_UNREACHABLE', `${address.href}: ${describe(error)}`, { cause: error, retryable: true })
}

/**
 * Dialing a free port of the own machine, TCP may choose that very port as the local one and connect the socket to
 * itself ("simultaneous open", RFC 9293 section 3.5).
 */
function isSelfConnected(connection: Connection, addresses: AddressReader): boolean {
  const { localAddress, remoteAddress } = connection
  return localAddress === remoteAddress && addresses.of(remoteAddress).port !== 0
}
