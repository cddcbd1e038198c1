// WebSocket (RFC 6455) by hand: the handshake by node:http, then frames on its socket, with the means of stream-peer.mjs.
// Messages are binary and in one frame each; whatever else comes, but a close, ends the connection.
import { createHash, randomBytes, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { release, reserve, slab } from './slab.mjs'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const FINAL_BINARY = 0x82
const FINAL_CLOSE = 0x88
const MASKED = 0x80
const MASK_BYTES = 4
const TWO_BYTE_LENGTH = 126
const MOST_HEADER_BYTES = 4 + MASK_BYTES
const MOST_BYTES = 0xffff

/** Masks are drawn from here, and it is filled anew when they are used up. */
const chance = new Int32Array(4096)
let drawn = chance.length

function drawMask() {
  if (drawn === chance.length) {
    randomFillSync(chance)
    drawn = 0
  }
  return chance[drawn++]
}

class WebSocketPeer {
  #socket
  #isClient
  #onMessage
  #bytes = slab.bytes
  #from = 0
  #to = 0
  #reading = false
  #scheduled = false
  /** What is left of the chunk before, less than a frame. */
  #rest
  #onTick = () => {
    this.#scheduled = false
    this.#flush()
  }

  static attach(socket, isClient, onMessage) {
    const peer = new WebSocketPeer(socket, isClient, onMessage)
    socket.setNoDelay(true)
    socket.setTimeout(0)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => peer.#onData(chunk))
    return peer
  }

  constructor(socket, isClient, onMessage) {
    this.#socket = socket
    this.#isClient = isClient
    this.#onMessage = onMessage
  }

  /** @param {Uint8Array} message at most 64 KiB */
  send(message) {
    const most = MOST_HEADER_BYTES + message.length
    if (
      this.#bytes !== slab.bytes ||
      this.#to !== slab.end ||
      this.#from === this.#to ||
      slab.end + most > this.#bytes.length
    )
      this.#move(most)
    const bytes = this.#bytes
    const length = message.length
    const flag = this.#isClient ? MASKED : 0
    let at = this.#to
    bytes[at++] = FINAL_BINARY
    if (length < TWO_BYTE_LENGTH) bytes[at++] = flag | length
    else if (length <= MOST_BYTES) {
      bytes[at++] = flag | TWO_BYTE_LENGTH
      bytes[at++] = length >>> 8
      bytes[at++] = length
    } else throw new Error('the message is too large')
    if (this.#isClient) {
      const mask = drawMask()
      bytes[at++] = mask
      bytes[at++] = mask >>> 8
      bytes[at++] = mask >>> 16
      bytes[at++] = mask >>> 24
      bytes.set(message, at)
      applyMask(bytes, at, at + length, mask)
    } else bytes.set(message, at)
    slab.end = this.#to = at + length
    if (!this.#reading && !this.#scheduled) {
      this.#scheduled = true
      process.nextTick(this.#onTick)
    }
  }

  #move(bytes) {
    this.#flush()
    reserve(bytes)
    slab.holders++
    this.#bytes = slab.bytes
    this.#from = this.#to = slab.end
  }

  #flush() {
    if (this.#from === this.#to) return
    this.#socket.write(this.#bytes.subarray(this.#from, this.#to))
    this.#from = this.#to
    if (this.#bytes === slab.bytes) release(this.#socket.writableLength === 0)
    else slab.holders--
  }

  #onData(read) {
    this.#reading = true
    const chunk = this.#rest === undefined ? read : Buffer.concat([this.#rest, read])
    this.#rest = undefined
    const maskBytes = this.#isClient ? 0 : MASK_BYTES
    const end = chunk.length
    let at = 0
    while (end - at >= 2) {
      if (chunk[at] !== FINAL_BINARY) return void this.#other(chunk[at])
      const short = chunk[at + 1] & 0x7f
      const isLong = short === TWO_BYTE_LENGTH
      if (short > TWO_BYTE_LENGTH || (chunk[at + 1] & MASKED) !== maskBytes << 5) return void this.#socket.destroy()
      if (isLong && end - at < 4) break
      const length = isLong ? (chunk[at + 2] << 8) | chunk[at + 3] : short
      const from = at + (isLong ? 4 : 2) + maskBytes
      const to = from + length
      if (to > end) break
      if (maskBytes !== 0)
        applyMask(
          chunk,
          from,
          to,
          chunk[from - 4] | (chunk[from - 3] << 8) | (chunk[from - 2] << 16) | (chunk[from - 1] << 24),
        )
      this.#onMessage(this, new Uint8Array(chunk.buffer, chunk.byteOffset + from, length))
      at = to
    }
    if (at < end) this.#rest = chunk.subarray(at)
    this.#reading = false
    this.#flush()
  }

  #other(firstByte) {
    if (firstByte === FINAL_CLOSE) this.#socket.end()
    else this.#socket.destroy()
  }
}

/** In place, four bytes at a time where they lie so. The mask's first byte is its lowest. */
function applyMask(bytes, from, to, key) {
  let mask = key
  let at = from
  for (; at < to && ((bytes.byteOffset + at) & 3) !== 0; at++) {
    bytes[at] ^= mask & 0xff
    mask = (mask >>> 8) | (mask << 24)
  }
  const words = wordsOf(bytes)
  const lastWord = (bytes.byteOffset + to) >> 2
  for (let word = (bytes.byteOffset + at) >> 2; word < lastWord; word++, at += 4) words[word] ^= mask
  for (; at < to; at++) {
    bytes[at] ^= mask & 0xff
    mask = (mask >>> 8) | (mask << 24)
  }
}

let lastMemory
let lastWords
/** The memory below, as words. One chunk is asked for many times in a row. */
function wordsOf({ buffer }) {
  if (buffer !== lastMemory) {
    lastMemory = buffer
    lastWords = new Int32Array(buffer, 0, buffer.byteLength >> 2)
  }
  return lastWords
}

const acceptKey = (key) =>
  createHash('sha1')
    .update(key + GUID)
    .digest('base64')

/** Listens on a free port. @returns {Promise<string>} its address */
export async function serve(onMessage) {
  const server = createServer((_request, response) => response.writeHead(426).end())
  server.on('upgrade', ({ headers }, socket, head) => {
    const key = headers['sec-websocket-key']
    if (headers['sec-websocket-version'] !== '13' || key === undefined) return void socket.end('HTTP/1.1 400 \r\n\r\n')
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
    socket.write([...lines, `Sec-WebSocket-Accept: ${acceptKey(key)}`, '', ''].join('\r\n'))
    if (head.length > 0) socket.unshift(head)
    WebSocketPeer.attach(socket, false, onMessage)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${server.address().port}`
}

export async function dial(address, onMessage) {
  const key = randomBytes(16).toString('base64')
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
  }
  const asked = request(address, { headers }).end()
  const [answer, socket, head] = await once(asked, 'upgrade')
  if (answer.headers['sec-websocket-accept'] !== acceptKey(key)) throw new Error('the server is no WebSocket server')
  if (head.length > 0) socket.unshift(head)
  return WebSocketPeer.attach(socket, true, onMessage)
}
