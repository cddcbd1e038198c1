import { binary, type Case, filler, goesWell, noise, pieces, text } from './case.ts'

const LENGTHS = [0, 125, 126, 127, 128, 65_535, 65_536]

/** Group 1: lengths around the limits of their three forms. */
export const framing: readonly Case[] = [
  ...LENGTHS.map((length, i) =>
    goesWell(`1.1.${i + 1}`, `text of ${length} bytes`, [text(filler(length))], [text(filler(length))]),
  ),
  goesWell(
    '1.1.8',
    'text of 65536 bytes in pieces of 997',
    [pieces(997, text(filler(65_536)))],
    [text(filler(65_536))],
  ),
  ...LENGTHS.map((length, i) =>
    goesWell(`1.2.${i + 1}`, `binary of ${length} bytes`, [binary(noise(length))], [binary(noise(length))]),
  ),
  goesWell(
    '1.2.8',
    'binary of 65536 bytes in pieces of 997',
    [pieces(997, binary(noise(65_536)))],
    [binary(noise(65_536))],
  ),
]
