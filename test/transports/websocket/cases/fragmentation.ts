import { type Case, fails, type Frame, frame, goesWell, more, pieces, ping, PONG, type Step, text } from './case.ts'

const first = text('fragment1', { fin: false })
const last = more('fragment2')
const whole = text('fragment1fragment2')
const alone = text('Hello, world!')

/** The same frames all at once, frame by frame, and byte by byte. */
function threeWays(ids: readonly string[], title: string, frames: readonly Frame[], make: Maker): Case[] {
  const ways: [string, readonly Step[]][] = [
    ['all at once', [pieces(1e6, ...frames)]],
    ['frame by frame', frames],
    ['byte by byte', [pieces(1, ...frames)]],
  ]
  return ways.map(([way, sends], i) => make(ids[i] ?? '', `${title}, ${way}`, sends))
}
type Maker = (id: string, title: string, sends: readonly Step[]) => Case

const stray = (fin: boolean): Frame[] => [more('not begun', fin), alone]
const five = ['fragment1', 'fragment2', 'fragment3', 'fragment4', 'fragment5']
const withPings = [
  text('fragment1', { fin: false }),
  more('fragment2', false),
  ping('between 2 and 3'),
  more('fragment3', false),
  more('fragment4', false),
  ping('between 4 and 5'),
  more('fragment5'),
]
const answers = [ping('between 2 and 3'), ping('between 4 and 5'), text(five.join(''))]

/** Group 5: fragments, and control frames between them. */
export const fragmentation: readonly Case[] = [
  fails('5.1', 'a ping in two fragments', [ping('fragment1', { fin: false }), last]),
  fails('5.2', 'a pong in two fragments', [frame(PONG, 'fragment1', { fin: false }), last]),
  ...threeWays(['5.3', '5.4', '5.5'], 'text in two fragments', [first, last], (id, title, sends) =>
    goesWell(id, title, sends, [whole]),
  ),
  ...threeWays(
    ['5.6', '5.7', '5.8'],
    'text in two fragments with a ping between',
    [first, ping('ping'), last],
    (id, title, sends) => goesWell(id, title, sends, [ping('ping'), whole]),
  ),
  ...threeWays(['5.9', '5.10', '5.11'], 'a last fragment of nothing, then text', stray(true), fails),
  ...threeWays(['5.12', '5.13', '5.14'], 'a fragment of nothing, then text', stray(false), fails),
  fails(
    '5.15',
    'text in two fragments, a fragment of nothing, text',
    [first, last, more('not begun', false), alone],
    [whole],
  ),
  fails('5.16', 'a fragment of nothing, then a whole text, twice', [...stray(false), ...stray(false)]),
  fails('5.17', 'a last fragment of nothing, then a whole text, twice', [...stray(true), ...stray(true)]),
  fails('5.18', 'a text begun inside of a text', [first, text('fragment2')]),
  goesWell('5.19', 'text in five fragments with two pings, all at once', [pieces(1e6, ...withPings)], answers),
  goesWell('5.20', 'text in five fragments with two pings, frame by frame', withPings, answers),
]
