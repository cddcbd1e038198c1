import type { Connection, FrameFormat } from './connection.ts'
import type { LinkOptions } from './transport.ts'

/** The head of an HTTP request that asks for an upgrade. */
export interface UpgradeRequest {
  readonly method: string
  /** As it stands in the request line. */
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** The path of a request's target, in origin or absolute form, without its query. */
export function requestPath(url: string): string {
  const absolute = url.indexOf('://')
  const slash = absolute < 0 ? 0 : url.indexOf('/', absolute + 3)
  if (slash < 0) return '/'
  const path = url.slice(slash)
  const end = path.search(/[?#]/)
  return end < 0 ? path : path.slice(0, end)
}

const FORBIDDEN = 403

/** The HTTP status for what the core turns away before the 101, whose reason has this code: a close code, or none, is 403. */
export function refusalStatus(code: number = FORBIDDEN): number {
  return Number.isInteger(code) && code >= 300 && code < 600 ? code : FORBIDDEN
}

/** Where frames go: a Connection, or less than one. */
export interface FrameLink {
  /** As of a Connection. */
  readonly bufferedBytes: number
  write(chunk: Uint8Array, taken?: () => void): void
  cork(): void
  uncork(): void
}

/** Frames on their way to a link: those that are put between two flushes leave as one write. */
export interface FrameSender extends FrameFormat {
  /** Not given to the link yet. */
  readonly pendingBytes: number
  /** One frame, final, whose payload the caller may change once it has returned, unless it is large. */
  put(opcode: number, payload: Uint8Array, taken: (() => void) | undefined): void
  /** All that was put leaves. */
  flush(): void
  /** Frames that `begin` and `end` made, behind all that was put. @param together with what follows up to `flush` */
  writeFrames(bytes: Uint8Array, taken: (() => void) | undefined, together: boolean): void
}

/** What the option group `ws` says about one WebSocket, checked and complete. */
export interface WebSocketSettings {
  /** Dialed: those we offer, best first. Accepted: the one that was chosen, or none. */
  readonly subprotocols: readonly string[]
  /** RFC 7692, for messages of `thresholdBytes` and more. */
  readonly compression: false | { readonly thresholdBytes: number }
  /** Further headers of our request, or of our 101. */
  readonly headers: Readonly<Record<string, string>>
  /** Makes the frames of messages that are not compressed. @param masked as a client's are */
  frames(link: FrameLink, masked: boolean): FrameSender
}

/**
 * Somebody else's WebSocket over a stream Connection that nobody is attached to; it takes the connection over.
 * The Connection it gives is in message mode and keeps every rule of Connection, `ping` included.
 */
export interface WebSocketEngine {
  /** Resolves when the engine can be used; called once before `accept` and `dial`. */
  load(): Promise<void>
  /**
   * The request has been checked already. The 101 leaves with the first `attach`; `end` before it answers with
   * an HTTP status.
   * @param unread what came behind the request
   */
  accept(
    link: Connection,
    unread: Uint8Array,
    request: UpgradeRequest,
    settings: WebSocketSettings,
    options: LinkOptions,
  ): Connection
  /**
   * Resolves when the peer has answered 101. When it rejects, `link` is destroyed.
   * @param url `ws://host:port/path` or `wss://…`, for the request's head
   */
  dial(link: Connection, url: string, settings: WebSocketSettings, options: LinkOptions): Promise<Connection>
}

/** Who hears of the upgrades that somebody else's HTTP server was asked for. */
export interface UpgradeSink {
  /**
   * @param link nobody is attached to it
   * @param unread what came behind the request
   */
  onUpgrade(link: Connection, unread: Uint8Array, request: UpgradeRequest): void
}

/** An HTTP server that was there before us, while we take the upgrades of one path of it. */
export interface UpgradeSource {
  /** `http://host:port` or `https://…`, where the server listens; port 0 while it does not. */
  readonly address: string
  /** Upgrades of `path` are the server's again. */
  close(): void
}
