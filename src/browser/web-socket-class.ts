/**
 * What of the WHATWG's WebSocket is used. The browser's own class is one; so are those of Node from 22 on, of Deno and Bun, and
 * of the package `ws`.
 */
export interface WebSocketObject {
  binaryType: string
  readonly protocol: string
  /** Bytes given to `send` that have not left yet. */
  readonly bufferedAmount: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  send(data: string | Uint8Array): void
  close(code?: number, reason?: string): void
}

/** Makes WebSockets; they begin to connect at once. */
export type WebSocketClass = new (url: string, subprotocols: string[]) => WebSocketObject

/** What `onmessage` is given, where `binaryType` is 'arraybuffer'. */
export interface MessageReceived {
  readonly data: string | ArrayBuffer
}

/** What `onclose` is given: the peer's code and text, or 1006 where the link broke off. */
export interface SocketClosed {
  readonly code: number
  readonly reason: string
}
