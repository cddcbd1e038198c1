/** For heartbeats and peers that stall. */
export { sessionClock as clock } from '../../core/session-clock.ts'
