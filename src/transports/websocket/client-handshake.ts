import type { Address } from '../../core/address.ts'
import type { Connection, ConnectionSink } from '../../core/connection.ts'
import type { Net } from '../../core/env.ts'
import { badFrame, HawserError, isHawserError } from '../../core/errors.ts'
import type { LinkOptions } from '../../core/transport.ts'
import { WaitList } from '../../core/wait-list.ts'
import type { ResolvedWsOptions } from '../options.ts'
import { acceptKey, base64 } from './accept-key.ts'
import { HeadReader, listsElement, type ResponseHead } from './head.ts'
import { answer } from './http-answer.ts'
import { WebSocketConnection } from './web-socket-connection.ts'

const KEY_BYTES = 16
const SWITCHING_PROTOCOLS = 101
const DEFAULT_PORTS: Readonly<Record<string, number>> = { ws: 80, wss: 443 }

/**
 * Asks for a WebSocket over `link`, which is taken over, and destroyed if the answer is no.
 * @throws (as a rejection) ERR_REFUSED with the `status` that was answered; ERR_BAD_FRAME where the answer makes no
 *   sense; ERR_TRUNCATED where none came; ERR_TIMEOUT; the reason of the signal
 */
export function upgradeClient(
  net: Net,
  link: Connection,
  address: Address,
  settings: ResolvedWsOptions,
  options: LinkOptions,
): Promise<Connection> {
  const what = `WebSocket handshake with ${address.href}`
  const waiting = new WaitList<Connection>(options.env)
  const result = waiting.add(what, options, () => link.destroy())
  if (waiting.size === 0) link.destroy() // aborted before it began
  const key = base64(options.env.randomBytes(KEY_BYTES))
  link.attach(new AnswerSink({ net, link, address, what, key, settings, options, waiting }))
  link.write(
    answer(
      `GET ${address.path} HTTP/1.1`,
      {
        Host: hostOf(address),
        Upgrade: 'websocket',
        Connection: 'Upgrade',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': key,
        ...(settings.subprotocols.length === 0 ? {} : { 'Sec-WebSocket-Protocol': settings.subprotocols.join(', ') }),
        ...settings.headers,
      },
      '',
    ),
  )
  return result
}

interface Asked {
  readonly net: Net
  readonly link: Connection
  readonly address: Address
  readonly what: string
  readonly key: string
  readonly settings: ResolvedWsOptions
  readonly options: LinkOptions
  readonly waiting: WaitList<Connection>
}

/** `100 Continue` and its like, before the answer itself (RFC 9110 section 15.2). */
function isInterim({ status }: ResponseHead): boolean {
  return status < 200 && status !== SWITCHING_PROTOCOLS
}

/** Of a server that is overloaded, or of a proxy whose server is being replaced: nobody was refused for what he is. */
function isPassing(status: number): boolean {
  return status === 429 || (status >= 500 && status !== 501)
}

/** Reads the answer. */
class AnswerSink implements ConnectionSink {
  readonly #asked: Asked
  #head = new HeadReader()
  #interims = 0

  constructor(asked: Asked) {
    this.#asked = asked
  }

  onChunk(chunk: Uint8Array): void {
    const { waiting, what } = this.#asked
    if (waiting.size === 0) return
    try {
      for (let rest = chunk; ; ) {
        const at = this.#head.push(rest)
        if (at < 0) return
        const head = this.#head.response()
        rest = rest.subarray(at)
        if (!isInterim(head)) {
          const protocol = this.#check(head)
          waiting.resolveAll(this.#open(rest, protocol))
          return
        }
        if (++this.#interims > MAX_INTERIMS) throw badFrame('one interim answer after the other')
        this.#head = new HeadReader()
      }
    } catch (error) {
      if (!isHawserError(error)) throw error
      error.message = `${what}: ${error.message}`
      this.#fail(error)
    }
  }

  onActivity(): void {}

  onEnd(): void {
    const { what, address } = this.#asked
    // A server of TLS leaves without a word; so does many another that was asked in the wrong language.
    const hint = address.scheme === 'ws' ? '; is it a wss:// port?' : ''
    this.#fail(new HawserError('ERR_TRUNCATED', `${what}: the peer ended before it answered${hint}`, RETRYABLE))
  }

  onClose(error?: Error): void {
    const gone = new HawserError('ERR_CONNECTION_RESET', `${this.#asked.what}: the peer left`, RETRYABLE)
    this.#fail(error ?? gone)
  }

  #fail(error: Error): void {
    const { link, waiting } = this.#asked
    if (waiting.size === 0) return
    waiting.rejectAll(error)
    link.destroy()
  }

  /** RFC 6455 section 4.1; gives the subprotocol that was chosen. @throws ERR_REFUSED, ERR_BAD_FRAME */
  #check({ status, headers }: ResponseHead): string | undefined {
    const { net, key, settings } = this.#asked
    if (status !== SWITCHING_PROTOCOLS)
      throw new HawserError('ERR_REFUSED', `the answer is ${status}`, {
        details: { status },
        retryable: isPassing(status),
      })
    if (!listsElement(headers['upgrade'], 'websocket') || !listsElement(headers['connection'], 'upgrade'))
      throw badFrame('the answer switches to something else')
    if (headers['sec-websocket-accept'] !== acceptKey(net, key)) throw badFrame('the Sec-WebSocket-Accept is not ours')
    if (headers['sec-websocket-extensions'] !== undefined) throw badFrame('an extension that was not offered')
    const protocol = headers['sec-websocket-protocol']
    if (protocol === undefined) return undefined
    if (typeof protocol !== 'string' || !settings.subprotocols.includes(protocol))
      throw badFrame('a subprotocol that was not offered')
    return protocol
  }

  #open(unread: Uint8Array, protocol: string | undefined): Connection {
    const { link, options } = this.#asked
    const { env, maxFrameBytes, boundary, text } = options
    const peer = { ...link.peer, protocol }
    return new WebSocketConnection({ env, link, unread, role: 'dialed', peer, maxFrameBytes, boundary, text })
  }
}

/** Nobody has a reason for more. */
const MAX_INTERIMS = 8
const RETRYABLE = { retryable: true } as const

function hostOf({ scheme, host, port }: Address): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === DEFAULT_PORTS[scheme] ? name : `${name}:${port}`
}
