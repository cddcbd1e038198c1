import { type Case, evenFragments, filler, goesWell, pieces, TEXT, text } from './case.ts'

/** Group 10: fragments that fit neither a packet nor a buffer. */
export const misc: readonly Case[] = [
  goesWell(
    '10.1.1',
    'text of 65536 bytes in fragments of 1300',
    [pieces(1e6, ...evenFragments(TEXT, filler(65_536), 1300))],
    [text(filler(65_536))],
  ),
]
