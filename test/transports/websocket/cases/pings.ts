import { type Case, fails, filler, goesWell, hex, noise, pieces, ping, pong } from './case.ts'

const tenPings = Array.from({ length: 10 }, (_, i) => ping(`payload-${i}`))

/** Group 2: pings are answered with their payload, pongs nobody asked for are ignored. */
export const pings: readonly Case[] = [
  goesWell('2.1', 'a ping without payload', [ping()], [ping()]),
  goesWell('2.2', 'a ping with a small payload', [ping('Hello, world!')], [ping('Hello, world!')]),
  goesWell(
    '2.3',
    'a ping whose payload is not UTF-8',
    [ping(hex('00 ff fe fd fc fb 00 ff'))],
    [ping(hex('00 ff fe fd fc fb 00 ff'))],
  ),
  goesWell('2.4', 'a ping with 125 bytes', [ping(noise(125))], [ping(noise(125))]),
  fails('2.5', 'a ping with 126 bytes', [ping(noise(126))]),
  goesWell('2.6', 'a ping with 125 bytes, byte by byte', [pieces(1, ping(filler(125)))], [ping(filler(125))]),
  goesWell('2.7', 'a pong that nobody asked for', [pong()]),
  goesWell('2.8', 'a pong that nobody asked for, with payload', [pong('unsolicited')]),
  goesWell('2.9', 'such a pong, then a ping', [pong('unsolicited'), ping('and now')], [ping('and now')]),
  goesWell('2.10', 'ten pings', tenPings, tenPings),
  goesWell('2.11', 'ten pings, byte by byte', [pieces(1, ...tenPings)], tenPings),
]
