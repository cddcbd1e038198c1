import { FrameParser } from '../../../src/transports/websocket/frame-parser.ts'
import { CLOSE } from '../../../src/transports/websocket/frame.ts'
import { readClose } from '../../../src/transports/websocket/close-frame.ts'
import { HeadReader } from '../../../src/transports/websocket/head.ts'
import { hex } from '../../../src/testing/hex.ts'
import type { Random } from '../../../src/testing/random.ts'
import { type ExpectedFrames, webSocketFrames } from '../references/web-socket.ts'
import { ascii, codeOf, type FuzzTarget, hexOf, same } from '../fuzz-target.ts'

const LIMITS = [5, 200, 1024 * 1024]
/** The reference takes its time. */
const MOST_COMPARED_BYTES = 4096

/** What a parser made of the chunks; messages in pieces are added up, since where they are cut is nobody's promise. */
function parsed(
  chunks: readonly Uint8Array[],
  masked: boolean,
  limitBytes: number,
  mostFrames: number,
  boundary: 'auto' | 'stream',
): string {
  const told: string[] = []
  let pieces = ''
  const parser = new FrameParser(masked, limitBytes, boundary, {
    parserMessage(bytes, text) {
      if (boundary === 'auto' && bytes.length > limitBytes) throw new Error(`a message of ${bytes.length} bytes`)
      if (boundary === 'stream') pieces += hexOf(bytes)
      else told.push(`${text ? 't' : 'b'}${hexOf(bytes)}`)
    },
    parserControl(opcode, payload) {
      told.push(`c${opcode}:${hexOf(payload)}`)
      if (opcode === CLOSE) readClose(payload)
    },
  })
  try {
    for (const chunk of chunks) {
      const own = Uint8Array.from(chunk) // it is unmasked where it lies
      for (let at = 0; at < own.length; ) {
        const next = parser.parse(own, at, mostFrames)
        if (next <= at) throw new Error('parsing does not get on')
        at = next
      }
    }
  } catch (error) {
    told.push(codeOf(error))
  }
  // Pieces that came before an error depend on the cuts, as the error ends the chunk that it is in.
  return `${told.join(' ')} ${boundary === 'stream' && !told.at(-1)?.startsWith('ERR') ? pieces : ''}`
}

function compare(found: string, { told, end }: ExpectedFrames): void {
  const events = found
    .trim()
    .split(' ')
    .filter((event) => event !== '')
  const isBad = events.at(-1)?.startsWith('ERR') === true
  if (isBad) events.pop()
  same(events.join(' '), told.join(' '), 'by RFC 6455')
  if (end !== 'either') same(isBad ? 'bad' : 'fine', end, 'by RFC 6455')
}

function frames(role: 'client' | 'server', corpus: readonly Uint8Array[]): FuzzTarget {
  const masked = role === 'server'
  return {
    name: `web-socket/${role}-frames`,
    corpus,
    tokens: [
      hex`81`,
      hex`80`,
      hex`0100`,
      hex`00`,
      hex`8980`,
      hex`7e ffff`,
      hex`7f ffffffffffffffff`,
      hex`7f 0000000000000001`,
      hex`f4808080`,
    ],
    check(input: Uint8Array, random: Random): string {
      const limitBytes = LIMITS[random.below(LIMITS.length)] as number
      const boundary = random.below(4) === 0 ? 'stream' : 'auto'
      const whole = parsed([input], masked, limitBytes, Infinity, boundary)
      if (boundary === 'auto' && input.length <= MOST_COMPARED_BYTES)
        compare(whole, webSocketFrames(input, masked, limitBytes))
      const chunks = random.cut(input, 1 + random.below(input.length + 1))
      same(parsed(chunks, masked, limitBytes, Infinity, boundary), whole, 'cut')
      same(parsed([input], masked, limitBytes, 1 + random.below(3), boundary), whole, 'a few frames a turn')
      if (input.length <= 512) {
        const single = Array.from(input, (byte) => Uint8Array.of(byte))
        same(parsed(single, masked, limitBytes, Infinity, boundary), whole, 'byte by byte')
      }
      return whole.replaceAll(/[0-9a-f]{2,}/g, '')
    },
  }
}

const REQUEST =
  'GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'
const RESPONSE =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

function head(kind: 'request' | 'response', corpus: readonly string[]): FuzzTarget {
  const outcome = (chunks: readonly Uint8Array[]): string => {
    const reader = new HeadReader()
    let before = 0
    try {
      for (const chunk of chunks) {
        const body = reader.push(chunk)
        if (body >= 0)
          return `${before + body} ${JSON.stringify(kind === 'request' ? reader.request() : reader.response())}`
        before += chunk.length
      }
      return 'more'
    } catch (error) {
      return codeOf(error)
    }
  }
  return {
    name: `web-socket/${kind}-head`,
    corpus: corpus.map(ascii),
    tokens: [
      '\r\n',
      '\r\n\r\n',
      ' ',
      ':',
      '\t',
      'HTTP/1.0',
      'HTTP/1.1 ',
      'Host: b\r\n',
      'X: y\r\n',
      '__proto__: z\r\n',
      '\u0080',
      ' folded\r\n',
    ].map(ascii),
    check(input: Uint8Array, random: Random): string {
      const whole = outcome([input])
      same(outcome(random.cut(input, 1 + random.below(input.length + 1))), whole, 'cut')
      if (input.length <= 1024) same(outcome(Array.from(input, (byte) => Uint8Array.of(byte))), whole, 'byte by byte')
      return whole.replaceAll(/[^"A-Z_{}[\],]/g, '').slice(0, 60)
    },
  }
}

/** Frames of both roles, and the heads of the handshake. */
export const webSocket: readonly FuzzTarget[] = [
  frames('server', [
    hex`81 82 00000000 6869`,
    hex`01 81 01020304 69 80 81 01020304 6a`,
    hex`88 82 00000000 03e8`,
    hex`89 80 00000000 8a 80 00000000`,
    hex`82 fe 0080 00000000`,
    hex`82 ff 0000000000000001 00000000 61`,
  ]),
  frames('client', [
    hex`81 02 6869 82 00`,
    hex`01 02 c3a9 89 01 61 80 03 e282ac`,
    hex`88 05 03e8 627965`,
    hex`82 7e 0003 616263`,
    hex`82 7f 0000000000010000 61`,
  ]),
  head('request', [REQUEST, 'GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nA: c\r\n\r\nrest']),
  head('response', [RESPONSE, 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 200\r\n\r\n']),
]
