import type { MessageReceived, SocketClosed, WebSocketObject } from '../../src/browser/web-socket-class.ts'

/** A WebSocket whose test says what comes in, and when what goes out has left; as browsers have it, `send` copies. */
export class ScriptedWebSocket implements WebSocketObject {
  readonly url: string
  readonly subprotocols: readonly string[]
  binaryType = 'blob'
  protocol = ''
  bufferedAmount = 0
  onopen: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  /** What was sent: texts as they are, bytes in hex. */
  readonly sent: string[] = []
  /** Arguments of `close`. */
  readonly closes: string[] = []

  constructor(url = 'ws://scripted', subprotocols: string[] = []) {
    this.url = url
    this.subprotocols = subprotocols
  }

  send(data: string | Uint8Array): void {
    this.sent.push(typeof data === 'string' ? data : Buffer.from(data).toString('hex'))
    this.bufferedAmount += typeof data === 'string' ? Buffer.byteLength(data) : data.length
  }

  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999))
      throw new Error(`a page may not say ${code}`)
    if (Buffer.byteLength(reason ?? '') > 123) throw new Error('the reason is too long')
    this.closes.push(`${code} ${reason ?? ''}`.trim())
  }

  opens(protocol = ''): void {
    this.protocol = protocol
    this.onopen?.({} as never)
  }

  receives(data: string | Uint8Array): void {
    const event: MessageReceived = { data: typeof data === 'string' ? data : Uint8Array.from(data).buffer }
    this.onmessage?.(event as never)
  }

  fails(): void {
    this.onerror?.({} as never)
    this.closed(1006)
  }

  closed(code: number, reason = ''): void {
    const event: SocketClosed = { code, reason }
    this.onclose?.(event as never)
  }
}
