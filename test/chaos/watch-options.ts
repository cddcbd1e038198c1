const PING = 'ping'

/** So many sessions, with heartbeats that are shorter than each of the silences. */
export const WATCH = {
  sessions: 200,
  intervalMs: 300,
  timeoutMs: 1_000,
  heartbeat: { message: PING, match: (message: string): boolean => message === PING },
} as const
