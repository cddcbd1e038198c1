import { HandlerLoop } from '../../core/handler-loop.ts'
import { MessageOutbound } from '../../core/message-outbound.ts'
import type { MakeHalves } from '../../core/session-parts.ts'

/** For messages that `receive()`, `for await`, `data` or stages ask for. */
export const halves: MakeHalves = (connection, codec, limits, { env, runtime, parts }, session) => ({
  inbound: new HandlerLoop(connection, codec, undefined, undefined, limits, env, session),
  outbound: new MessageOutbound(connection, codec, limits, runtime, session, parts.encoder(codec)),
})
