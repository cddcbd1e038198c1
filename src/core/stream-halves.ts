import { ChunkBuffer } from './chunk-buffer.ts'
import { badOption } from './errors.ts'
import { type FramingFactory, framingFor } from './framing.ts'
import { HandlerLoop } from './handler-loop.ts'
import { Outbound } from './outbound.ts'
import { PLAIN } from './plain-framing.ts'
import type { MakeHalves } from './session-parts.ts'

/** For every connection, streams and messages, pulled or pushed. @param defaultFraming where a setup names none */
export function streamHalves(defaultFraming: FramingFactory): MakeHalves {
  return (connection, codec, limits, { setup, env, runtime }, session) => {
    if (connection.chunks === 'borrowed' && codec.keeps !== 'values') {
      throw badOption('chunks', "can be 'borrowed' only with a codec that keeps values")
    }
    const isFramed = connection.boundary === 'stream' || setup.boundary === 'stream'
    const framing = isFramed ? framingFor(setup.framing ?? defaultFraming, session) : undefined
    const buffer = framing && new ChunkBuffer(limits.maxFrameBytes, framing === PLAIN)
    return {
      inbound: new HandlerLoop(connection, codec, framing, buffer, limits, env, session),
      outbound: new Outbound(connection, codec, framing, limits, runtime, session),
    }
  }
}
