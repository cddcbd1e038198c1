import { LifeClock } from '../core/life-clock.ts'
import { MessageLoop } from '../core/message-loop.ts'
import { MessageOutbound } from '../core/message-outbound.ts'
import type { SessionSetup } from '../core/session-options.ts'
import type { SessionParts } from '../core/session-parts.ts'

/** Enough for a listener that is told of messages over a WebSocket. */
const SMALL: SessionParts = {
  halves: (connection, codec, limits, { env, runtime }, session) => ({
    inbound: new MessageLoop(connection, codec, limits, env, session),
    outbound: new MessageOutbound(connection, codec, limits, runtime, session),
  }),
  clock: ({ env }, limits, inbound, _outbound, host) => new LifeClock(env, limits, inbound, host),
  sendAll: async (...call) => (await import('../core/send-all.ts')).sendAll(...call),
}

/**
 * The parts of a page's sessions. What few pages use is loaded before the first dial, and only where the options ask for
 * it: most browsers never see it.
 */
export function pageParts<In, Out, Data>(setup: SessionSetup<In, Out, Data>): SessionParts {
  const parts: SessionParts = { ...SMALL, load: async () => Object.assign(parts, ...(await Promise.all(asked(setup)))) }
  return parts
}

function asked<In, Out, Data>(setup: SessionSetup<In, Out, Data>): Promise<Partial<SessionParts>>[] {
  const { listener, data, heartbeat, stallTimeoutMs = 0, limits, wrap = [], stages = [], transports = [] } = setup
  const loading: Promise<Partial<SessionParts>>[] = []
  // Connections of the page's own making may be anything.
  const isStream = setup.boundary === 'stream' || wrap.length > 0 || transports.length > 0
  if (isStream) loading.push(import('./parts/streams.ts'))
  else if (listener === undefined || data !== undefined || stages.length > 0) loading.push(import('./parts/pulling.ts'))
  if (isStream || heartbeat !== undefined || stallTimeoutMs > 0 || limits !== undefined)
    loading.push(import('./parts/watching.ts'))
  if (wrap.length > 0) loading.push(import('./parts/layers.ts'))
  if (stages.length > 0) loading.push(import('./parts/stages.ts'))
  return loading
}
