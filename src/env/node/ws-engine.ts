import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ClientOptions, PerMessageDeflateOptions, ServerOptions, WebSocket, WebSocketServer } from 'ws'
import type { Connection } from '../../core/connection.ts'
import { badFrame, describe, HawserError } from '../../core/errors.ts'
import type { LinkOptions } from '../../core/transport.ts'
import type { UpgradeRequest, WebSocketEngine, WebSocketSettings } from '../../core/web-socket.ts'
import { attempt } from './attempt.ts'
import { ConnectionDuplex } from './connection-duplex.ts'
import { codeOf, systemError } from './system-error.ts'
import { type PatientWebSocket, WsConnection } from './ws-connection.ts'

/** The package counts in 32 bits, and takes 0 for no limit. */
const MAX_PAYLOAD_BYTES = 2 ** 31 - 1
/** With `boundary: 'stream'` a message may hold many frames, and the package gives it whole. */
const STREAM_BYTES = 1024 * 1024
/** Of one message. */
const MAX_FRAGMENTS = 1024
/** A message that comes in pieces is kept in pieces, each of which costs about so much beside its bytes. */
const PIECE_OVERHEAD_BYTES = 128
const COMPRESSED_PIECE_BYTES = 1024
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
    const socket = new ConnectionDuplex(link, pieceBytesOf(settings))
    const upgrade = (compression: WebSocketSettings['compression']): PatientWebSocket | undefined =>
      upgraded(engine, socket, unread, request, { ...settings, compression }, options)
    return connectionOver(link, socket, settings, options, {
      peer: { ...link.peer, protocol: settings.subprotocols[0], request: { url, headers } },
      // An offer of compression that is wrong is declined (RFC 7692 section 5.1).
      open: () => upgrade(settings.compression) ?? (settings.compression === false ? undefined : upgrade(false)),
    })
  }

  dial(link: Connection, url: string, settings: WebSocketSettings, options: LinkOptions): Promise<Connection> {
    const { Patient } = this.#loaded()
    const what = `WebSocket handshake with ${url}`
    const socket = new ConnectionDuplex(link, pieceBytesOf(settings))
    const handshake = attempt<Connection>(what, options, (outcome) => {
      const ws = new Patient(url, [...settings.subprotocols], {
        ...limits(settings, options),
        headers: settings.headers,
        createConnection: () => socket as Duplex as Socket, // Node's HTTP takes any Duplex
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
        const connection = connectionOver(link, socket, settings, options, { peer, open: () => ws })
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
  return made
}

function connectionOver(
  link: Connection,
  socket: Duplex,
  { compression }: WebSocketSettings,
  { env, text, maxFrameBytes }: LinkOptions,
  rest: { readonly peer: Connection['peer']; readonly open: () => PatientWebSocket | undefined },
): WsConnection {
  return new WsConnection({
    env,
    socket,
    text,
    maxFrameBytes,
    localAddress: webSocketAddress(link.localAddress),
    remoteAddress: webSocketAddress(link.remoteAddress),
    thresholdBytes: compression === false ? Infinity : compression.thresholdBytes,
    ...rest,
  })
}

/** `ws://` over TCP, `wss://` over TLS; other links keep their name. */
function webSocketAddress(address: string): string {
  return address.replace(/^tcp:/, 'ws:').replace(/^tls:/, 'wss:')
}

/** Whoever is asked to pause still inflates what it has: at most this much, which may become a thousand times as much. */
function pieceBytesOf({ compression }: WebSocketSettings): number {
  return compression === false ? Infinity : COMPRESSED_PIECE_BYTES
}

/** What both ends of the package are told alike. */
function limits({ compression }: WebSocketSettings, { maxFrameBytes, boundary }: LinkOptions) {
  const maxMessageBytes = boundary === 'stream' ? maxFrameBytes + STREAM_BYTES : maxFrameBytes
  return {
    maxPayload: Math.min(maxMessageBytes, MAX_PAYLOAD_BYTES),
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
  const { WebSocket, WebSocketServer } = await import('ws')
  /** The package answers a close frame by itself, through `close`. This one leaves that to its owner. */
  class Patient extends WebSocket implements PatientWebSocket {
    onPeerClose: PatientWebSocket['onPeerClose']
    #closeSent = false

    /** What the package calls: with the code alone after a mistake of the peer, else with what its close frame holds. */
    override close(code?: number, reason?: Buffer): void {
      if (code !== undefined && reason === undefined) return super.close(code)
      this.onPeerClose?.(code ?? 1005, reason?.toString() ?? '')
      if (this.#closeSent) super.close()
    }

    sendClose(code: number | undefined, text: string): void {
      this.#closeSent = true
      super.close(code, text)
    }
  }
  return { Server: WebSocketServer, Patient }
}
