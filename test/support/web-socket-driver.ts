import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { constants, inflateRawSync } from 'node:zlib'
import type { Case, ClosesWith, Frame, Reply, Step } from '../transports/websocket/cases/case.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const CLOSE = 8
const PONG = 10
const WINDOW_BYTES = 32 * 1024
const PATIENCE_MS = 20_000

/** What the driver asks for or answers in the handshake. */
export interface Handshake {
  readonly path?: string
  /** The value of Sec-WebSocket-Extensions, offered by a client or answered by a server. */
  readonly extensions?: string | undefined
  /** The server should decline them. */
  readonly declined?: boolean
}

/**
 * One side of a WebSocket by hand, which keeps or breaks each rule as its case says, and is strict about what it gets:
 * a rule that the subject breaks, or a reply that is not the next one, is an error with the number of the case.
 */
export class WebSocketDriver {
  readonly #socket: Socket
  readonly #role: 'client' | 'server'
  /** The parameters of permessage-deflate; undefined where nothing is compressed. */
  readonly agreed: string | undefined
  #received: Buffer = Buffer.alloc(0)
  #chunks: Buffer[] = []
  #wait: (() => void) | undefined
  #ended = false
  /** How many came as they should. */
  #replies = 0
  /** Of its messages and control frames, which came compressed. */
  readonly compressed: boolean[] = []
  /** What the subject said before. */
  #context: Buffer = Buffer.alloc(0)

  constructor(socket: Socket, role: 'client' | 'server', head: Buffer, agreed: string | undefined) {
    this.#socket = socket
    this.#role = role
    this.agreed = agreed
    this.#received = head
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#wait?.()
    })
    const over = (): void => {
      this.#ended = true
      this.#wait?.()
    }
    socket.on('end', over).on('close', over)
    socket.on('error', () => undefined) // a reset is an end, too
    socket.resume()
  }

  /** Plays `aCase`. @param waits whether the subject gives up before a message is whole @throws what went wrong */
  async play(aCase: Case, waits: boolean): Promise<void> {
    const timer = setTimeout(() => this.#socket.destroy(), PATIENCE_MS)
    try {
      const outcome = this.#watch(aCase)
      const [sent, heard] = await Promise.allSettled([this.#sendAll(aCase.sends, waits ? outcome : undefined), outcome])
      if (heard.status === 'rejected') throw heard.reason
      if (sent.status === 'rejected') throw sent.reason
    } catch (error) {
      throw new Error(`case ${aCase.id} (${aCase.title}): ${(error as Error).message}`, { cause: error })
    } finally {
      clearTimeout(timer)
      this.#socket.destroy()
    }
  }

  /** Sends frames and ends, without a close frame. */
  leave(...frames: readonly Frame[]): void {
    this.#socket.end(Buffer.concat(frames.map((frame) => this.#wire(frame))))
  }

  // ── What it sends ───────────────────────────────────────────────────────────────────────────────────────

  /** @param failed settles when the subject has given up; undefined where it does so only behind the whole message */
  async #sendAll(steps: readonly Step[], failed: Promise<void> | undefined): Promise<void> {
    for (const step of steps) {
      if ('untilFailed' in step) {
        await failed
      } else if ('untilReplies' in step) {
        while (this.#replies < step.untilReplies && !this.#ended) await turn()
      } else if ('parts' in step) {
        const whole = this.#wire({ opcode: step.opcode, payload: Buffer.concat(step.parts) })
        let at = whole.length - step.parts.reduce((sum, part) => sum + part.length, 0)
        let from = 0
        for (const [i, part] of step.parts.entries()) {
          if (i > 0 && i === step.parts.length - 1) await failed
          at += part.length
          this.#socket.write(whole.subarray(from, at))
          from = at
          await turn()
        }
      } else if ('frames' in step) {
        const whole = Buffer.concat(step.frames.map((frame) => this.#wire(frame)))
        for (let at = 0; at < whole.length; at += step.pieceBytes) {
          this.#socket.write(whole.subarray(at, at + step.pieceBytes))
          await turn()
        }
      } else {
        this.#socket.write(this.#wire(step))
        await turn()
      }
    }
  }

  #wire({ opcode, payload, fin = true, rsv = 0, maskedWrongly = false, lengthBytes }: Frame): Buffer {
    const masked = (this.#role === 'client') !== maskedWrongly
    const { length } = payload
    const form = lengthBytes ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8)
    const head = Buffer.alloc(2 + form + (masked ? 4 : 0))
    head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
    head[1] = (masked ? 0x80 : 0) | (form === 0 ? length : form === 2 ? 126 : 127)
    if (form === 2) head.writeUInt16BE(length, 2)
    if (form === 8) head.writeBigUInt64BE(BigInt(length), 2)
    if (!masked) return Buffer.concat([head, payload])
    const key = randomBytes(4)
    key.copy(head, 2 + form)
    return Buffer.concat([head, unmasked(payload, key)])
  }

  // ── What it gets ────────────────────────────────────────────────────────────────────────────────────────

  /** Settles when the subject has said goodbye as it should. */
  async #watch({ sends, replies, closes, breaksRule, sparesPongs = false }: Case): Promise<void> {
    for (;;) {
      let next = this.#replies
      const frame = await this.#message()
      if (frame === undefined) throw new Error(`the connection ended after ${next} of ${replies.length} replies`)
      if (frame.opcode === CLOSE) {
        if (next < replies.length && !sparesPongs)
          throw new Error(`closed (${codeOf(frame)}) after ${next} of ${replies.length} replies`)
        checkClose(frame, closes)
        if (!breaksRule && sends.length === 0) this.#socket.write(this.#wire(frame)) // it was the subject that began
        break
      }
      // A pong may be left out where one for a later ping follows (RFC 6455 section 5.5.3).
      while (mayBeLeftOut(replies, next) && !isReply(frame, replies[next])) next++
      if (!isReply(frame, replies[next])) throw new Error(`reply ${next} is another one: ${shown(frame)}`)
      this.#replies = next + 1
    }
    if (this.#role === 'server') this.#socket.end() // the server's part
    for (let more = await this.#message(); more !== undefined; more = await this.#message())
      throw new Error(`after its close frame comes ${shown(more)}`)
  }

  /** A message or control frame; undefined at the end. */
  async #message(): Promise<Reply | { readonly opcode: number; readonly payload: Buffer } | undefined> {
    let opcode = 0
    let compressed = false
    const parts: Buffer[] = []
    for (;;) {
      const frame = await this.#frame()
      if (frame === undefined) return undefined
      if (frame.opcode >= CLOSE) {
        if (!frame.fin || frame.payload.length > 125 || frame.rsv !== 0) throw new Error('a bad control frame')
        this.compressed.push(false)
        return frame
      }
      if ((frame.opcode === 0) === (parts.length === 0)) throw new Error('a fragment out of place')
      if (frame.rsv !== 0 && (frame.rsv !== 4 || this.agreed === undefined || parts.length > 0))
        throw new Error('a reserved bit')
      if (parts.length === 0) {
        opcode = frame.opcode
        compressed = frame.rsv !== 0
      }
      parts.push(frame.payload)
      if (!frame.fin) continue
      this.compressed.push(compressed)
      const payload = Buffer.concat(parts)
      return { opcode, payload: compressed ? this.#inflated(payload) : payload }
    }
  }

  async #frame(): Promise<Required<Pick<Frame, 'opcode' | 'payload' | 'fin' | 'rsv'>> | undefined> {
    const head = await this.#take(2)
    if (head === undefined) return undefined
    const [first = 0, second = 0] = head
    let length = second & 0x7f
    if (length === 126) length = (await this.#must(2)).readUInt16BE(0)
    else if (length === 127) length = Number((await this.#must(8)).readBigUInt64BE(0))
    if (length < ((second & 0x7f) === 127 ? 65_536 : (second & 0x7f) === 126 ? 126 : 0))
      throw new Error('a long length')
    const masked = (second & 0x80) !== 0
    if (masked !== (this.#role === 'server')) throw new Error(masked ? 'a server masks' : 'a client does not mask')
    const key = masked ? await this.#must(4) : undefined
    const payload = await this.#must(length)
    return {
      fin: (first & 0x80) !== 0,
      rsv: (first >> 4) & 7,
      opcode: first & 0x0f,
      payload: key === undefined ? payload : unmasked(payload, key),
    }
  }

  async #must(length: number): Promise<Buffer> {
    const taken = await this.#take(length)
    if (taken === undefined) throw new Error('the connection ended inside of a frame')
    return taken
  }

  /** The next `length` bytes; undefined when nothing more comes. */
  async #take(length: number): Promise<Buffer | undefined> {
    let have = this.#received.length + this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    while (have < length && !this.#ended) {
      const count = this.#chunks.length
      await new Promise<void>((resolve) => (this.#wait = resolve))
      for (const chunk of this.#chunks.slice(count)) have += chunk.length
    }
    if (this.#chunks.length > 0) this.#received = Buffer.concat([this.#received, ...this.#chunks])
    this.#chunks = []
    if (have < length) {
      if (have > 0) throw new Error('the connection ended inside of a frame')
      return undefined
    }
    const taken = this.#received.subarray(0, length)
    this.#received = this.#received.subarray(length)
    return taken
  }

  #inflated(payload: Buffer): Buffer {
    const whole = Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])])
    const options = { finishFlush: constants.Z_SYNC_FLUSH }
    const dictionary = this.#context
    const plain = inflateRawSync(whole, dictionary.length > 0 ? { ...options, dictionary } : options)
    this.#context = Buffer.concat([dictionary, plain]).subarray(-WINDOW_BYTES)
    return plain
  }
}

/** The driver as a client of whoever listens on `port`. @throws unless it answers 101 */
export async function driveAsClient(
  port: number,
  { path = '/', extensions, declined = false }: Handshake,
): Promise<WebSocketDriver> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  await once(socket, 'connect')
  const key = randomBytes(16).toString('base64')
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${extensionHeader(extensions)}\r\n`,
  )
  const { lines, rest } = await readHead(socket)
  if (!lines[0]?.startsWith('HTTP/1.1 101 ')) throw new Error(`answered ${lines[0]}`)
  if (header(lines, 'sec-websocket-accept') !== acceptOf(key)) throw new Error('a wrong Sec-WebSocket-Accept')
  const agreed = header(lines, 'sec-websocket-extensions')
  if ((agreed !== undefined) !== (extensions !== undefined && !declined)) throw new Error(`agreed on ${agreed}`)
  return new WebSocketDriver(socket, 'client', rest, agreed)
}

/** The driver as the server of every dial; which case a client wants its path says. */
export class DrivingServer {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async listen(
    extensionsOf: (path: string) => string | undefined,
    onDriver: (path: string, driver: WebSocketDriver) => void,
  ): Promise<DrivingServer> {
    const accept = async (socket: Socket): Promise<void> => {
      socket.setNoDelay(true)
      const { lines, rest } = await readHead(socket)
      const path = lines[0]?.split(' ')[1] ?? ''
      const extensions = extensionsOf(path)
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Accept: ${acceptOf(header(lines, 'sec-websocket-key') ?? '')}\r\n` +
          `${extensionHeader(extensions)}\r\n`,
      )
      onDriver(path, new WebSocketDriver(socket, 'server', rest, extensions))
    }
    const server = createServer((socket) => void accept(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new DrivingServer(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
  }
}

async function readHead(socket: Socket): Promise<{ readonly lines: string[]; readonly rest: Buffer }> {
  let head: Buffer = Buffer.alloc(0)
  for (;;) {
    const end = head.indexOf('\r\n\r\n')
    if (end >= 0) return { lines: head.subarray(0, end).toString().split('\r\n'), rest: head.subarray(end + 4) }
    const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'end')])) as (Buffer | undefined)[]
    if (chunk === undefined) throw new Error(`the connection ended inside of the handshake: ${head.toString()}`)
    socket.pause()
    head = Buffer.concat([head, chunk])
    if (!head.includes('\r\n\r\n')) socket.resume()
  }
}

function header(lines: readonly string[], name: string): string | undefined {
  const found = lines.find((line) => line.toLowerCase().startsWith(`${name}:`))
  return found?.slice(name.length + 1).trim()
}

function extensionHeader(extensions: string | undefined): string {
  return extensions === undefined ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`
}

function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64')
}

function unmasked(payload: Buffer, key: Buffer): Buffer {
  const made = Buffer.allocUnsafe(payload.length)
  for (let at = 0; at < payload.length; at++) made[at] = (payload[at] as number) ^ (key[at & 3] as number)
  return made
}

type Message = Pick<Frame, 'opcode' | 'payload'>

function isReply(frame: Message, reply: Reply | undefined): boolean {
  return reply !== undefined && frame.opcode === reply.opcode && frame.payload.equals(reply.payload)
}

function mayBeLeftOut(replies: readonly Reply[], at: number): boolean {
  return replies[at]?.opcode === PONG && replies[at + 1]?.opcode === PONG
}

function codeOf({ payload }: Message): number {
  return payload.length < 2 ? 0 : payload.readUInt16BE(0)
}

function checkClose(frame: Message, closes: ClosesWith): void {
  const allowed = typeof closes === 'number' ? [closes] : closes
  if (!allowed.includes(codeOf(frame)))
    throw new Error(`closed with ${codeOf(frame)} instead of ${allowed.join(' or ')}`)
}

function shown({ opcode, payload }: Message): string {
  return `opcode ${opcode}, ${payload.length} bytes ${payload.subarray(0, 32).toString('latin1')}`
}
