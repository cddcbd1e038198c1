import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'

/** A server of the package `ws`, gone when the test is over. */
export class PlainWebSocketServer {
  readonly server: WebSocketServer
  readonly port: number
  readonly #sockets: WebSocket[] = []

  private constructor(server: WebSocketServer) {
    this.server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => {
      socket.on('error', () => undefined) // of clients that are gone
      this.#sockets.push(socket)
    })
  }

  static async start(t: ExecutionContext, options: ServerOptions = {}): Promise<PlainWebSocketServer> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options })
    await once(server, 'listening')
    const plain = new PlainWebSocketServer(server)
    t.teardown(() => plain.stop())
    return plain
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`
  }

  /** Its end of the newest connection, once there is one. */
  async socket(): Promise<WebSocket> {
    if (this.#sockets.length === 0) await once(this.server, 'connection')
    return this.#sockets.at(-1) as WebSocket
  }

  /** Sends back whatever comes, as the kind that it came. */
  echoes(): this {
    this.server.on('connection', (socket) =>
      socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary })),
    )
    return this
  }

  /** As if its machine went down: peers are not told why. */
  async stop(): Promise<void> {
    for (const socket of this.server.clients) socket.terminate()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }
}
