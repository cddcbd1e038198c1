import { checkHeartbeat, heartbeatsOf } from '../../core/heartbeats.ts'
import type { SessionParts } from '../../core/session-parts.ts'

/** For heartbeats, and peers that stall. */
export const heartbeats: NonNullable<SessionParts['heartbeats']> = (heartbeat, host) => {
  if (heartbeat !== undefined) checkHeartbeat(heartbeat)
  return heartbeatsOf(heartbeat, host)
}
export { sessionClock as clock } from '../../core/session-clock.ts'
