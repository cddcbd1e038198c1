import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { type Duplex, getDefaultHighWaterMark, setDefaultHighWaterMark } from 'node:stream'
import type { ClientOptions, PerMessageDeflateOptions, ServerOptions, WebSocket, WebSocketServer } from 'ws'
import { EMPTY } from '../../core/bytes.ts'
import type { Connection } from '../../core/connection.ts'
import { badFrame, describe, HawserError } from '../../core/errors.ts'
import type { LinkOptions } from '../../core/transport.ts'
import type { UpgradeRequest, WebSocketEngine, WebSocketSettings } from '../../core/web-socket.ts'
import { webSocketAddress } from '../../core/web-socket-address.ts'
import { attempt } from './attempt.ts'
import { ConnectionDuplex } from './connection-duplex.ts'
import { SocketConnection } from './socket-connection.ts'
import { StreamLink } from './stream-link.ts'
import { codeOf, systemError } from './system-error.ts'
import { type PatientWebSocket, WsConnection, type WsLink } from './ws-connection.ts'

/** The package counts in 32 bits, and takes 0 for no limit. */
const MAX_PAYLOAD_BYTES = 2 ** 31 - 1
/** With `boundary: 'stream'` a message may hold many frames, and the package gives it whole. */
const STREAM_BYTES = 1024 * 1024
/** Of one message. */
const MAX_FRAGMENTS = 1024
/** A message that comes in pieces is kept in pieces, each of which costs about so much beside its bytes. */
const PIECE_OVERHEAD_BYTES = 128
const COMPRESSED_PIECE_BYTES = 1024
/** What the package takes of a stream before it stops it: at deflate's best, 4 MiB of messages beyond a `pause`. */
const RECEIVED_BYTES = 4 * 1024
/** What cannot be compressed grows, by less than this and a share; the package has one limit for both of its sizes. */
const DEFLATE_OVERHEAD_BYTES = 1024
const DEFLATE_SHARE = 8
/** As good as never: whoever closes a session decides how long it waits for its peer. */
const NEVER_MS = 2 ** 31 - 1
/** zlib jobs at once in the whole process: no more than Node has threads for them. */
const ZLIB_JOBS = 4
/** Of 9: with a window of 32 KiB, 192 KiB a session that compresses, instead of 256. */
const ZLIB_MEMORY_LEVEL = 7

type Engine = {
  readonly Server: new (options: ServerOptions) => WebSocketServer
  readonly Patient: new (url: string, protocols: string[], options: ClientOptions) => WebSocket & PatientWebSocket
}

/** The package's WebSocket with what its types leave out. */
type Adopting = new (
  ...args: ConstructorParameters<typeof WebSocket>
) => WebSocket & { setSocket(...socket: readonly unknown[]): void }

/** The package `ws`, which is loaded when it is first needed. */
export class WsEngine implements WebSocketEngine {
  #engine: Engine | undefined

  async load(): Promise<void> {
    this.#engine ??= await loadEngine()
  }

  accept(
    link: Connection,
    unread: Uint8Array,
    request: UpgradeRequest,
    settings: WebSocketSettings,
    options: LinkOptions,
  ): Connection {
    const engine = this.#loaded()
    const { url, headers } = request
    const socket = streamOf(link, settings)
    const upgrade = (compression: WebSocketSettings['compression']): PatientWebSocket | undefined =>
      upgraded(engine, socket, unread, request, { ...settings, compression }, options)
    return connectionOver(link, socket, settings, options, {
      out: settings.frames(new StreamLink(socket), false),
      peer: { ...link.peer, protocol: settings.subprotocols[0], request: { url, headers } },
      // An offer of compression that is wrong is declined (RFC 7692 section 5.1).
      open: () => upgrade(settings.compression) ?? (settings.compression === false ? undefined : upgrade(false)),
    })
  }

  dial(link: Connection, url: string, settings: WebSocketSettings, options: LinkOptions): Promise<Connection> {
    const { Patient } = this.#loaded()
    const what = `WebSocket handshake with ${url}`
    const socket = streamOf(link, settings)
    const handshake = attempt<Connection>(what, options, (outcome) => {
      const ws = new Patient(url, [...settings.subprotocols], {
        ...limits(settings, options),
        headers: settings.headers,
        createConnection: () => socket as Socket, // Node's HTTP takes any Duplex
        finishRequest(request) {
          request.once('socket', () => socket.resume()) // it was paused while nobody read
          request.end()
        },
      })
      const onError = (error: unknown): void => outcome.reject(handshakeError(error, what))
      ws.on('error', onError)
      ws.once('unexpected-response', (_request, { statusCode: status }) => {
        outcome.reject(new HawserError('ERR_REFUSED', `${what}: answered ${status}`, { details: { status } }))
        ws.terminate()
      })
      ws.once('open', () => {
        ws.off('error', onError)
        const peer = { ...link.peer, protocol: ws.protocol === '' ? undefined : ws.protocol }
        keepNoDelay(socket, options)
        const connection = connectionOver(link, socket, settings, options, {
          out: settings.frames(new StreamLink(socket), true),
          peer,
          open: () => ws,
        })
        connection.open()
        outcome.resolve(connection)
      })
      return () => ws.terminate()
    })
    handshake.catch(() => socket.destroy())
    return handshake
  }

  #loaded(): Engine {
    if (this.#engine === undefined) throw new Error('load() comes first')
    return this.#engine
  }
}

/** The 101 is sent, and the WebSocket is there; undefined where the request was not acceptable. */
function upgraded(
  { Server, Patient }: Engine,
  socket: Duplex,
  unread: Uint8Array,
  request: UpgradeRequest,
  settings: WebSocketSettings,
  options: LinkOptions,
): PatientWebSocket | undefined {
  let made: PatientWebSocket | undefined
  const server = new Server({
    ...limits(settings, options),
    noServer: true,
    clientTracking: false,
    WebSocket: Patient as unknown as NonNullable<ServerOptions['WebSocket']>, // it is made by the server alone
    handleProtocols: () => settings.subprotocols[0] ?? false,
  })
  server.on('headers', (lines) => {
    for (const [name, value] of Object.entries(settings.headers)) lines.push(`${name}: ${value}`)
  })
  server.on('wsClientError', () => undefined) // otherwise the package answers, where we may try without compression
  const head = Buffer.from(unread.buffer, unread.byteOffset, unread.length)
  // Method, url and headers are all that is looked at, and the WebSocket is there when the call returns.
  server.handleUpgrade(request as unknown as IncomingMessage, socket, head, (ws) => {
    made = ws as WebSocket & PatientWebSocket
  })
  keepNoDelay(socket, options)
  return made
}

function connectionOver(
  link: Connection,
  socket: Duplex,
  { compression }: WebSocketSettings,
  { env, text, maxFrameBytes, boundary }: LinkOptions,
  rest: Pick<WsLink, 'peer' | 'out' | 'open'>,
): WsConnection {
  return new WsConnection({
    env,
    socket,
    text,
    maxFrameBytes,
    maxMessageBytes: boundary === 'stream' ? Infinity : maxFrameBytes,
    copiesWrites: socket instanceof Socket && link.copiesWrites === true, // a stream over the link keeps what it got
    localAddress: webSocketAddress(link.localAddress),
    remoteAddress: webSocketAddress(link.remoteAddress),
    thresholdBytes: compression === false ? Infinity : compression.thresholdBytes,
    ...rest,
  })
}

/**
 * The link's own socket, where it has one that nobody else needs: half the work of a stream over a stream. Not where
 * messages are inflated, since a socket cannot be asked to give less at once.
 */
function streamOf(link: Connection, { compression }: WebSocketSettings): Duplex {
  if (compression !== false) return new ConnectionDuplex(link, COMPRESSED_PIECE_BYTES)
  if (!(link instanceof SocketConnection && link.ownsChunks)) return new ConnectionDuplex(link)
  link.detach(EMPTY)
  return link.release() ?? new ConnectionDuplex(link)
}

/** The package turns it on for every socket. */
function keepNoDelay(socket: Duplex, { groups }: LinkOptions): void {
  const { noDelay = true } = (groups['tcp'] ?? {}) as { readonly noDelay?: boolean }
  if (!noDelay && socket instanceof Socket) socket.setNoDelay(false)
}

/** What both ends of the package are told alike. */
function limits({ compression }: WebSocketSettings, { maxFrameBytes, boundary }: LinkOptions) {
  const maxMessageBytes = boundary === 'stream' ? maxFrameBytes + STREAM_BYTES : maxFrameBytes
  const growthBytes = compression === false ? 0 : DEFLATE_OVERHEAD_BYTES + Math.floor(maxMessageBytes / DEFLATE_SHARE)
  return {
    maxPayload: Math.min(maxMessageBytes + growthBytes, MAX_PAYLOAD_BYTES),
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: Math.max(MAX_FRAGMENTS, Math.ceil(maxMessageBytes / PIECE_OVERHEAD_BYTES)),
    closeTimeout: NEVER_MS,
    autoPong: false,
    perMessageDeflate: compression === false ? false : DEFLATE,
  } as const
}

/**
 * Without context takeover a session costs memory while it compresses, not for life; which messages are worth it is
 * decided for each `send`. What is inflated counts into `maxPayload`.
 */
const DEFLATE: PerMessageDeflateOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  concurrencyLimit: ZLIB_JOBS,
  threshold: 0,
  zlibDeflateOptions: { memLevel: ZLIB_MEMORY_LEVEL },
}

/** The package's own complaints have no code; those of sockets and of Node's HTTP have. */
function handshakeError(error: unknown, what: string): HawserError {
  const code = codeOf(error)
  return code === '' || code.startsWith('HPE_') ? badFrame(`${what}: ${describe(error)}`) : systemError(error, what)
}

async function loadEngine(): Promise<Engine> {
  const ws = await import('ws')
  const { WebSocketServer } = ws
  const { WebSocket } = ws as unknown as { readonly WebSocket: Adopting }
  /** The package answers a close frame by itself, through `close`. This one leaves that to its owner. */
  class Patient extends WebSocket implements PatientWebSocket {
    onBeforeClose: PatientWebSocket['onBeforeClose']
    onPeerClose: PatientWebSocket['onPeerClose']
    #closeSent = false

    /**
     * The package makes its receiver here, and that takes as much ahead as Node's default for streams says: 16 KiB, from
     * Node 22 on 64 KiB, which is 64 MiB once inflated. It cannot be told otherwise.
     */
    override setSocket(...socket: readonly unknown[]): void {
      const usual = getDefaultHighWaterMark(false)
      setDefaultHighWaterMark(false, RECEIVED_BYTES)
      try {
        super.setSocket(...socket)
      } finally {
        setDefaultHighWaterMark(false, usual)
      }
    }

    /** What the package calls: with the code alone after a mistake of the peer, else with what its close frame holds. */
    override close(code?: number, reason?: Buffer): void {
      if (code !== undefined && reason === undefined) {
        this.onBeforeClose?.()
        return super.close(code)
      }
      this.onPeerClose?.(code ?? 1005, reason?.toString() ?? '')
      if (this.#closeSent) super.close()
    }

    sendClose(code: number | undefined, text: string): void {
      this.#closeSent = true
      this.onBeforeClose?.()
      super.close(code, text)
    }
  }
  return { Server: WebSocketServer, Patient }
}
