import {
  BAD_DATA,
  type Case,
  evenFragments,
  fails,
  type Frame,
  fragments,
  goesWell,
  hex,
  type Step,
  TEXT,
  text,
} from './case.ts'

const HELLO = Buffer.from('Hello-µ@ßöäüàá-UTF-8!!')
/** With U+1F79, so that it has a character of three bytes. */
const KOSME = Buffer.from('κ\u1f79σμε')
/** κόσμε, half of a surrogate pair, and more. */
const SURROGATE = Buffer.concat([KOSME, hex('ed a0 80'), Buffer.from('edited')])
/** Behind κόσμε a byte order of four, of which the second says that it is above U+10FFFF. */
const BEYOND = [KOSME, hex('f4 90 80 80'), Buffer.from('edited')] as const
const UNTIL_FAILED: Step = { untilFailed: true }

function accepted(id: string, title: string, payload: Buffer, sends: readonly Step[] = [text(payload)]): Case {
  return goesWell(`6.${id}`, title, sends, [text(payload)])
}

function refused(id: string, title: string, sends: Buffer | readonly Step[]): Case {
  return fails(`6.${id}`, title, Buffer.isBuffer(sends) ? [text(sends)] : sends, [], BAD_DATA)
}

/** One case for each row of hexadecimal digits. */
function table(group: string, what: string, make: (id: string, title: string, payload: Buffer) => Case, rows: string) {
  return rows
    .trim()
    .split('\n')
    .map((row, i) => make(`${group}.${i + 1}`, `${what}: ${row.trim()}`, hex(row.trim())))
}

function between(from: number, to: number, after = ''): string {
  let digits = ''
  for (let byte = from; byte <= to; byte++) digits += byte.toString(16) + after
  return digits
}

const begun = (payload: Buffer): Frame => text(payload, { fin: false })
const on = (payload: Buffer, fin: boolean): Frame => ({ opcode: 0, payload, fin })

/** One frame whose payload comes in parts; the last only when the subject has given up. */
function inParts(...parts: readonly Buffer[]): Step[] {
  return [{ opcode: TEXT, parts }]
}

const noncharacters = Array.from({ length: 17 }, (_, plane) =>
  [0xfffe, 0xffff].map((low) => Buffer.from(String.fromCodePoint(plane * 0x10000 + low)).toString('hex')),
).flat()

const specials = [0xfff9, 0xfffa, 0xfffb, 0xfffc, 0xfffd, 0xfffe, 0xffff].map((point) =>
  Buffer.from(String.fromCodePoint(point)).toString('hex'),
)

const prefixes = Array.from({ length: KOSME.length }, (_, i) => KOSME.subarray(0, i + 1))
const wholeCharacters = new Set([2, 5, 7, 9, 11])

/** Group 6: text is UTF-8. */
export const utf8: readonly Case[] = [
  accepted('1.1', 'empty text', Buffer.alloc(0)),
  accepted('1.2', 'three empty fragments', Buffer.alloc(0), fragments(TEXT, Buffer.alloc(0), 0, 0)),
  accepted('1.3', 'an empty fragment, one with text, an empty one', HELLO, fragments(TEXT, HELLO, 0, HELLO.length)),
  accepted('2.1', 'valid text in one frame', HELLO),
  accepted('2.2', 'valid text in two fragments, cut between characters', HELLO, fragments(TEXT, HELLO, 12)),
  accepted('2.3', 'valid text in fragments of one byte', HELLO, evenFragments(TEXT, HELLO, 1)),
  accepted('2.4', 'κόσμε in fragments of one byte', KOSME, evenFragments(TEXT, KOSME, 1)),
  refused('3.1', 'half a surrogate pair in one frame', SURROGATE),
  refused('3.2', 'half a surrogate pair in fragments of one byte', evenFragments(TEXT, SURROGATE, 1)),
  refused('4.1', 'above U+10FFFF in the second of three fragments', [
    begun(BEYOND[0]),
    on(BEYOND[1], false),
    UNTIL_FAILED,
    on(BEYOND[2], true),
  ]),
  refused('4.2', 'above U+10FFFF, cut before the byte that says so', [
    begun(Buffer.concat([BEYOND[0], hex('f4')])),
    on(hex('90'), false),
    UNTIL_FAILED,
    on(hex('80 80'), false),
    on(BEYOND[2], true),
  ]),
  refused('4.3', 'above U+10FFFF, in one frame that comes in three parts', inParts(...BEYOND)),
  refused(
    '4.4',
    'above U+10FFFF, in one frame that is cut before the byte that says so',
    inParts(Buffer.concat([BEYOND[0], hex('f4')]), hex('90'), Buffer.concat([hex('80 80'), BEYOND[2]])),
  ),
  ...prefixes
    .filter((prefix) => wholeCharacters.has(prefix.length))
    .map((prefix, i) => accepted(`5.${i + 1}`, `the first ${i + 1} characters of κόσμε`, prefix)),
  ...prefixes.map((prefix, i) =>
    (wholeCharacters.has(prefix.length) ? accepted : refused)(`6.${i + 1}`, `${i + 1} bytes of κόσμε`, prefix),
  ),
  ...table('7', 'the first of its length', accepted, '00\nc2 80\ne0 a0 80\nf0 90 80 80'),
  ...table('8', 'the first of five and six bytes', refused, 'f8 88 80 80 80\nfc 84 80 80 80 80'),
  ...table('9', 'the last of its length', accepted, '7f\ndf bf\nef bf bf\nf4 8f bf bf'),
  ...table('10', 'the last of more bits', refused, 'f7 bf bf bf\nfb bf bf bf bf\nfd bf bf bf bf bf'),
  ...table('11', 'beside a limit', accepted, 'ed 9f bf\nee 80 80\nef bf bd\nf4 8f bf bf'),
  refused('11.5', 'above the last character: f4 90 80 80', hex('f4 90 80 80')),
  ...table(
    '12',
    'a continuation of nothing',
    refused,
    `80\nbf\n80 bf\n80 bf 80\n80 bf 80 bf\n80 bf 80 bf 80\n80 bf 80 bf 80 bf\n${between(0x80, 0xbf)}`,
  ),
  ...table(
    '13',
    'a beginning without its continuation',
    refused,
    [between(0xc0, 0xdf, '20'), between(0xe0, 0xef, '20'), between(0xf0, 0xf7, '20'), between(0xf8, 0xfb, '20')]
      .concat(between(0xfc, 0xfd, '20'))
      .join('\n'),
  ),
  ...table(
    '14',
    'the last continuation is missing',
    refused,
    'c0\ne0 80\nf0 80 80\nf8 80 80 80\nfc 80 80 80 80\ndf\nef bf\nf7 bf bf\nfb bf bf bf\nfd bf bf bf bf',
  ),
  refused(
    '15.1',
    'all of these in a row',
    hex('c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf'),
  ),
  ...table('16', 'impossible bytes', refused, 'fe\nff\nfe fe ff ff'),
  ...table(
    '17',
    'a slash in too many bytes',
    refused,
    'c0 af\ne0 80 af\nf0 80 80 af\nf8 80 80 80 af\nfc 80 80 80 80 af',
  ),
  ...table(
    '18',
    'the largest in too many bytes',
    refused,
    'c1 bf\ne0 9f bf\nf0 8f bf bf\nf8 87 bf bf bf\nfc 83 bf bf bf bf',
  ),
  ...table('19', 'NUL in too many bytes', refused, 'c0 80\ne0 80 80\nf0 80 80 80\nf8 80 80 80 80\nfc 80 80 80 80 80'),
  ...table(
    '20',
    'half a surrogate pair',
    refused,
    'ed a0 80\ned ad bf\ned ae 80\ned af bf\ned b0 80\ned be 80\ned bf bf',
  ),
  ...table(
    '21',
    'a surrogate pair',
    refused,
    `ed a0 80 ed b0 80\ned a0 80 ed bf bf\ned ad bf ed b0 80\ned ad bf ed bf bf
     ed ae 80 ed b0 80\ned ae 80 ed bf bf\ned af bf ed b0 80\ned af bf ed bf bf`,
  ),
  ...table('22', 'no character, yet valid', accepted, noncharacters.join('\n')),
  ...table('23', 'special, yet valid', accepted, specials.join('\n')),
]
