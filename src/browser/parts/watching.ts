/** For heartbeats and peers that stall. */
export { heartbeatsOf as heartbeats } from '../../core/heartbeats.ts'
export { sessionClock as clock } from '../../core/session-clock.ts'
