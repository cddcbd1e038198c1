import { LifeClock } from '../core/life-clock.ts'
import { saidMessages } from '../core/message-encoder.ts'
import { MessageLoop } from '../core/message-loop.ts'
import { MessageOutbound } from '../core/message-outbound.ts'
import type { SessionSetup } from '../core/session-options.ts'
import type { SessionParts } from '../core/session-parts.ts'
import { isTextCodec } from '../core/text-codec.ts'

type Load = () => Promise<Partial<SessionParts>>

/** Enough for a listener that is told of messages over a WebSocket. */
const SMALL: SessionParts = {
  halves: (connection, codec, limits, { env, runtime, parts }, session) => ({
    inbound: new MessageLoop(connection, codec, limits, env, session),
    outbound: new MessageOutbound(connection, codec, limits, runtime, session, parts.encoder(codec)),
  }),
  encoder: saidMessages as SessionParts['encoder'], // for others, another is loaded
  clock: ({ env }, limits, inbound, _outbound, host) => new LifeClock(env, limits, inbound, host),
  sendAll: async (...call) => (await import('../core/send-all.ts')).sendAll(...call),
}

/**
 * The parts of a page's sessions. What few pages use is loaded before the first dial, and only where the options ask for
 * it: most browsers never see it.
 */
export function pageParts<In, Out, Data>(setup: SessionSetup<In, Out, Data>): SessionParts {
  const asked = askedBy(setup)
  const load = async (): Promise<unknown> => Object.assign(parts, ...(await Promise.all(asked.map((part) => part()))))
  const parts: SessionParts = asked.length === 0 ? SMALL : { ...SMALL, load }
  return parts
}

function askedBy<In, Out, Data>(setup: SessionSetup<In, Out, Data>): Load[] {
  const {
    codec,
    listener,
    data,
    heartbeat,
    stallTimeoutMs = 0,
    limits,
    wrap = [],
    stages = [],
    transports = [],
  } = setup
  const isPulled = listener === undefined || data !== undefined || stages.length > 0
  // Layers and transports of the page's own may make anything of a connection.
  const isStream = setup.boundary === 'stream' || wrap.length > 0 || transports.length > 0
  const isWatched = isStream || heartbeat !== undefined || stallTimeoutMs > 0 || limits !== undefined
  const asked: Load[] = []
  if (isStream) asked.push(() => import('./parts/streams.ts'))
  else if (isPulled) asked.push(() => import('./parts/pulling.ts'))
  if (!isTextCodec(codec)) asked.push(() => import('./parts/writing.ts'))
  if (isWatched) asked.push(() => import('./parts/watching.ts'))
  if (wrap.length > 0) asked.push(() => import('./parts/layers.ts'))
  if (stages.length > 0) asked.push(() => import('./parts/stages.ts'))
  if (data !== undefined) asked.push(() => import('./parts/opening.ts'))
  return asked
}
