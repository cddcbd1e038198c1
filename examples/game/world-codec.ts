import { type Codec, FrameReader } from 'hawser'

/** What a player sends as often as it likes: where it is. The token is the one that it was given over TCP. */
export interface Input {
  readonly token: string
  readonly x: number
  readonly y: number
}

/** What every player is sent, 30 times a second. */
export interface World {
  readonly tick: number
  readonly players: readonly { readonly x: number; readonly y: number }[]
}

export const TOKEN_CHARACTERS = 16

/**
 * One datagram is one frame:
 *
 *     up    +-----------------+--------+--------+
 *           | token: 16 bytes | x: u16 | y: u16 |
 *           +-----------------+--------+--------+
 *     down  +-----------+------------+------------------------+
 *           | tick: u32 | count: u16 | count × (x: u16, y: u16) |
 *           +-----------+------------+------------------------+
 */
export const serverCodec: Codec<Input, World> = {
  keeps: 'values',
  decode(frame) {
    const reader = new FrameReader(frame)
    return { token: reader.utf8(TOKEN_CHARACTERS), x: reader.u16(), y: reader.u16() }
  },
  encode({ tick, players }, out) {
    out.u32(tick)
    out.u16(players.length)
    for (const { x, y } of players) {
      out.u16(x)
      out.u16(y)
    }
  },
}

/** The player's side of it. */
export const playerCodec: Codec<World, Input> = {
  keeps: 'values',
  decode(frame) {
    const reader = new FrameReader(frame)
    const tick = reader.u32()
    const players = Array.from({ length: reader.u16() }, () => ({ x: reader.u16(), y: reader.u16() }))
    return { tick, players }
  },
  encode({ token, x, y }, out) {
    out.utf8(token)
    out.u16(x)
    out.u16(y)
  },
}
