import type { Connection } from '../core/connection.ts'
import { timedOut } from '../core/errors.ts'
import type { LinkOptions } from '../core/transport.ts'

/** Of `timeoutMs`, which several handshakes have together: what is left for the next one. Never 0, which is no limit. */
export function timeLeft({ env, timeoutMs }: LinkOptions, since: number): number {
  return timeoutMs === 0 ? 0 : Math.max(1, Math.ceil(timeoutMs - (env.now() - since)))
}

/** Dialing and the handshakes over `connection` have one time limit together. @throws ERR_TIMEOUT where it is over */
export function withTimeLeft(options: LinkOptions, since: number, connection: Connection): LinkOptions {
  const { env, timeoutMs } = options
  if (timeoutMs === 0 || env.now() - since < timeoutMs) return { ...options, timeoutMs: timeLeft(options, since) }
  connection.destroy()
  throw timedOut(`dialing ${connection.remoteAddress}`, timeoutMs)
}
