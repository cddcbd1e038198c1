import { messageTooLarge } from './errors.ts'
import type { TextCodec } from './text-codec.ts'
import { encodeUtf8 } from './utf8.ts'

/** A message as it leaves. */
export interface OutgoingMessage {
  readonly bytes: Uint8Array
  readonly text: boolean
}

/** @throws what the codec throws; ERR_MESSAGE_TOO_LARGE before there is memory for more than `limitBytes` and a little */
export type MessageEncoder<Out> = (message: Out, limitBytes: number) => OutgoingMessage

/** For codecs that say their text themselves. */
export function saidMessages<Out>(codec: TextCodec<unknown, Out>): MessageEncoder<Out> {
  return (message, limitBytes) => {
    const text = codec.toText(message)
    if (text.length > limitBytes) throw messageTooLarge(text.length, limitBytes)
    return { bytes: encodeUtf8(text), text: true }
  }
}
