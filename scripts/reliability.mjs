// The table of docs/reliability.md: which tests show what about which fault. Made from the titles of the tests, so that it
// is what is tested. `node scripts/reliability.mjs` writes it; test/reliability.test.ts fails where it is not as written.
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { sourceFiles } from './files.mjs'

export const PAGE = 'docs/reliability.md'
const BEGIN = '<!-- written by scripts/reliability.mjs -->\n'
const END = '<!-- until here -->'

/** The faults, in the words of the page. */
const ROWS = {
  'A-01': 'a stream cut at any byte, many frames in a chunk',
  'A-02': 'a length beyond the limit, or one that no number holds',
  'A-03': 'a frame of the largest size that trickles in',
  'A-04': 'millions of chunks of one byte',
  'A-05': 'a small view that would pin a large chunk',
  'A-06': 'no delimiter for ever; floods of empty frames',
  'A-07': 'JSON that pollutes prototypes, nests without end, holds no Unicode',
  'A-08': 'MessagePack and Protobuf that announce more than they bring, or nest without end',
  'A-09': 'property names that the peer chose',
  'A-10': 'keys that collide',
  'A-11': 'compressed bombs',
  'A-12': 'a decoder that throws, or never stops giving frames',
  'A-13': 'another protocol in the middle of a stream',
  'A-14': 'a message that is larger than may leave',
  'A-15': 'memory that is changed after `send`',
  'B-01': 'peers that connect and say nothing',
  'B-02': 'TLS handshakes that are never finished, or are garbage',
  'B-03': 'a reset in each state',
  'B-04': 'a peer that is gone without a word',
  'B-05': 'a peer that ends its side and listens on',
  'B-06': 'a peer that takes nothing',
  'B-07': 'an application that is slow itself',
  'B-08': 'no descriptors left',
  'B-09': 'addresses in use, socket files that a dead process left, paths that are too long',
  'B-10': 'close, destroy and end in any order, twice, inside of any hook',
  'B-11': 'names with no address, and with several that refuse',
  'B-12': 'floods of connections',
  'B-13': 'somebody who speaks another protocol',
  'C-01': 'the cases of the Autobahn test suite',
  'C-02': 'frames that RFC 6455 forbids',
  'C-03': 'messages in endless fragments',
  'C-04': 'text that is not UTF-8, in any cut',
  'C-05': 'upgrade requests of every kind',
  'C-06': 'pages of somebody else',
  'C-07': 'compression that is negotiated wrongly, or is a bomb',
  'C-08': 'floods of pings and pongs',
  'C-09': 'a close handshake that the peer does not keep',
  'D-01': 'datagrams from forged addresses',
  'D-02': 'floods of new peers',
  'D-03': 'empty and too large datagrams',
  'D-04': 'loss, doubling, reordering, corruption',
  'D-05': 'ICMP: nobody is there',
  'D-06': 'a peer whose address changes',
  'D-07': 'datagrams that are played again',
  'D-08': 'a send that fails, or comes after close',
  'F-01': 'answers that nobody waits for, or that come twice',
  'F-02': 'ids of calls that could come again',
  'F-03': 'deadline, cancel and answer that cross each other',
  'F-04': 'a session that is lost with calls in progress',
  'F-05': 'a handler that throws, rejects or never ends',
  'F-06': 'errors that the peer made up',
  'F-07': 'methods that nobody serves, whatever their names; frames that are none',
  'F-08': 'more calls than anybody can answer',
  'F-09': 'retries that make it worse',
  'F-10': 'a call that calls its caller, and so on',
  'F-11': 'a stream whose reader is slow, or gone',
  'J-01': 'a listener that throws or rejects',
  'J-02': 'errors that nobody listens for',
  'J-03': 'a blocked event loop, a stopped process, a sleeping machine',
  'J-04': 'memory that runs short',
  'J-05': 'timers, handles and listeners left behind',
  'J-06': 'many waits on one AbortSignal',
  'J-07': 'the end of the process while bytes are under way; signals',
  'J-08': 'secrets in logs and errors',
  'J-09': 'several processes behind one port',
  'J-10': 'regular expressions that a peer can make run for ever',
  'J-11': 'what we depend on',
}

const ROW = /\b[ABCDFJ]-\d{2}\b/g
/** A title, or a sentence of a conformance suite, that begins with its rows. */
const TITLE = /(?<quote>['"`])(?<text>[ABCDFJ]-\d{2}\b.*?)\k<quote>/g

/** The files with such a title, by row. */
function titles() {
  const found = new Map()
  for (const file of sourceFiles('test', 'src/testing')) {
    for (const { groups } of readFileSync(file, 'utf8').matchAll(TITLE)) {
      const [rows] = groups.text.split(':')
      for (const row of rows.match(ROW)) {
        const files = found.get(row) ?? new Set()
        found.set(row, files.add(file))
      }
    }
  }
  return found
}

/** @throws where a row has no test, or a test names none of the rows */
export function table() {
  const found = titles()
  const strangers = [...found.keys()].filter((row) => ROWS[row] === undefined)
  if (strangers.length > 0) throw new Error(`no such row: ${strangers.join(', ')}`)
  const lines = Object.entries(ROWS).map(([row, what]) => {
    const shown = [...(found.get(row) ?? [])].map(
      (file) => `[${file.replace(/^(?:test|src\/testing)\//, '')}](../${file})`,
    )
    if (shown.length === 0) throw new Error(`${row} has no test`)
    return `| ${row} | ${what} | ${shown.join(', ')} |`
  })
  return ['| | what happens | where it is tested |', '|---|---|---|', ...lines, ''].join('\n')
}

/** The page as it should be. */
export function page(text) {
  const from = text.indexOf(BEGIN) + BEGIN.length
  const to = text.indexOf(END, from)
  if (from < BEGIN.length || to < from) throw new Error(`${PAGE} has no place for the table`)
  return `${text.slice(0, from)}\n${table()}\n${text.slice(to)}`
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) writeFileSync(PAGE, page(readFileSync(PAGE, 'utf8')))
