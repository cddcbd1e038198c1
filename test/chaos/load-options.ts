const PING = 'ping'

/** Short, so that a run of half a minute has many losses and returns. */
export const HEARTBEAT = {
  intervalMs: 200,
  timeoutMs: 1_000,
  message: PING,
  match: (message: string): boolean => message === PING,
} as const

/** Faults are the purpose: nobody reads of each of them. */
export const QUIET = {
  debug(): void {},
  info(): void {},
  warn(): void {},
  error(): void {},
} as const
