import { binary, type Case, close, fails, filler, pieces, ping, text } from './case.ts'

const hello = text('Hello, world!')
const after = (rsv: number) => [hello, text('Hello, world!', { rsv }), ping()]

/** Group 3: bits that no extension has given a meaning. */
export const reservedBits: readonly Case[] = [
  fails('3.1', 'text with RSV3', [text(filler(10), { rsv: 1 })]),
  fails('3.2', 'text, text with RSV2, ping, all at once', [pieces(1e6, ...after(2))], [hello]),
  fails('3.3', 'text, text with RSV2 and RSV3, ping, frame by frame', after(3), [hello]),
  fails('3.4', 'text, text with RSV1, ping, byte by byte', [pieces(1, ...after(4))], [hello]),
  fails('3.5', 'binary with RSV1 and RSV3', [binary(filler(8), { rsv: 5 })]),
  fails('3.6', 'a ping with RSV1 and RSV2', [ping(filler(8), { rsv: 6 })]),
  fails('3.7', 'a close frame with all three', [{ ...close(1000), rsv: 7 }]),
]
