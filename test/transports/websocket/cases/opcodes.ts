import { type Case, fails, frame, type Frame, pieces, ping, type Step, text } from './case.ts'

const hello = text('Hello, world!')

function five(group: string, kind: string, first: number): Case[] {
  const after = (opcode: number, payload: string): Frame[] => [hello, frame(opcode, payload), ping()]
  const later = (id: string, opcode: number, what: string, sends: readonly Step[]): Case =>
    fails(`${group}.${id}`, `text, ${kind} opcode ${opcode}${what}, ping`, sends, [hello])
  return [
    fails(`${group}.1`, `${kind} opcode ${first}`, [frame(first)]),
    fails(`${group}.2`, `${kind} opcode ${first + 1} with payload`, [frame(first + 1, 'reserved')]),
    later('3', first + 2, ', all at once', [pieces(1e6, ...after(first + 2, ''))]),
    later('4', first + 3, ' with payload', after(first + 3, 'reserved')),
    later('5', first + 4, ' with payload, byte by byte', [pieces(1, ...after(first + 4, 'reserved'))]),
  ]
}

/** Group 4: opcodes that are reserved. */
export const opcodes: readonly Case[] = [...five('4.1', 'data', 3), ...five('4.2', 'control', 11)]
