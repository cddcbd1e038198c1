import {
  BAD_DATA,
  binary,
  type Case,
  close,
  CLOSE,
  fails,
  filler,
  frame,
  goesWell,
  hex,
  more,
  noise,
  ping,
  type Step,
  text,
  PROTOCOL_ERROR,
} from './case.ts'

const hello = text('Hello, world!')

/** What follows a close frame is ignored. */
function ignored(id: string, title: string, before: readonly Step[], after: readonly Step[]): Case {
  return { ...goesWell(`7.1.${id}`, title, []), sends: [...before, close(1000), ...after] }
}

/** Answered with the same code. */
function answered(id: string, title: string, sends: Step, closes: Case['closes']): Case {
  return { id: `7.${id}`, title, sends: [sends], replies: [], closes, breaksRule: false }
}

const VALID = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
const INVALID = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]

/** Group 7: closing. */
export const closing: readonly Case[] = [
  goesWell('7.1.1', 'text, then a close frame', [hello], [hello]),
  ignored('2', 'two close frames', [], [close(1000)]),
  ignored('3', 'a ping after the close frame', [], [ping()]),
  ignored('4', 'text after the close frame', [], [hello]),
  ignored('5', 'a close frame between fragments', [text('fragment1', { fin: false })], [more('fragment2')]),
  {
    ...goesWell('7.1.6', '256 KiB and text, a close frame, a ping', [], [binary(noise(256 * 1024)), hello]),
    sends: [binary(noise(256 * 1024)), hello, close(1000), ping()],
  },
  answered('3.1', 'a close frame without a code', frame(CLOSE), [0, 1000]),
  fails('7.3.2', 'a close frame of one byte', [frame(CLOSE, 'a')]),
  answered('3.3', 'a close frame with a code', close(1000), 1000),
  answered('3.4', 'a close frame with a reason', close(1000, 'Hello, world!'), 1000),
  answered('3.5', 'a close frame with a reason of 123 bytes', close(1000, filler(123)), 1000),
  fails('7.3.6', 'a close frame with a reason of 124 bytes', [close(1000, filler(124))]),
  fails(
    '7.5.1',
    'a close frame whose reason is not UTF-8',
    [close(1000, hex('ceba e1bdb9 cf83 eda080'))],
    [],
    [BAD_DATA, PROTOCOL_ERROR],
  ),
  ...VALID.map((code, i) => answered(`7.${i + 1}`, `close code ${code}`, close(code), code)),
  ...INVALID.map((code, i) => fails(`7.9.${i + 1}`, `close code ${code}, which must not be sent`, [close(code)])),
  fails('7.13.1', 'close code 5000, which nobody has defined', [close(5000)]),
  fails('7.13.2', 'close code 65535, which nobody has defined', [close(65_535)]),
]
