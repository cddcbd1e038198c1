import { type Codec, FrameReader, HawserError } from 'hawser'

/** What both sides send: an echo comes back as it was, a heartbeat says that its sender lives. */
export interface EchoMessage {
  readonly command: 'heartbeat' | 'echo'
  /** Counts the messages of its sender. */
  readonly sequence: number
  readonly text: string
}

const HEARTBEAT = 0
const ECHO = 1

/**
 * The frame's length stands before it (`lengthPrefixed`, the default framing):
 *
 *     +-------------+---------------+-------------+
 *     | command: u8 | sequence: u32 | text: UTF-8 |
 *     +-------------+---------------+-------------+
 */
export const echoCodec: Codec<EchoMessage> = {
  keeps: 'values',
  decode(frame) {
    const reader = new FrameReader(frame)
    const command = reader.u8()
    if (command > ECHO) throw new HawserError('ERR_BAD_MESSAGE', `there is no command ${command}`)
    return {
      command: command === ECHO ? 'echo' : 'heartbeat',
      sequence: reader.u32(),
      text: reader.utf8(reader.remaining),
    }
  },
  encode({ command, sequence, text }, out) {
    out.u8(command === 'echo' ? ECHO : HEARTBEAT)
    out.u32(sequence)
    out.utf8(text)
  },
}
