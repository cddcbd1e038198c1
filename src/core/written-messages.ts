import type { MessageEncoder } from './message-encoder.ts'
import type { Codec } from './codec.ts'
import { MessageWriter } from './message-writer.ts'

/** For every codec: what `encode` writes. */
export function writtenMessages<Out>(codec: Codec<unknown, Out>): MessageEncoder<Out> {
  const writer = new MessageWriter()
  return (message, limitBytes) => {
    writer.begin(limitBytes, codec.format === 'text')
    try {
      codec.encode(message, writer)
    } catch (error) {
      writer.abandon()
      throw error
    }
    return { bytes: writer.take(), text: writer.text }
  }
}
