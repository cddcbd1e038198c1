import { type IncomingMessage, Server as HttpServer } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { makeAddress } from '../../core/address.ts'
import { badOption } from '../../core/errors.ts'
import { requestPath, type UpgradeRequest, type UpgradeSource } from '../../core/web-socket.ts'

/** Who hears of the upgrades of one path. */
interface UpgradeListener {
  /** @param head what came behind the request */
  onUpgrade(socket: Duplex, head: Uint8Array, request: UpgradeRequest): void
}

type AnyServer = HttpServer | HttpsServer

const NOT_FOUND =
  'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 26\r\n\r\n' +
  'there is no WebSocket here'

/** Which paths of a server are taken: one `upgrade` listener serves them all. */
const taken = new WeakMap<AnyServer, UpgradeRouter>()

/** As Net.upgrades. @throws ERR_BAD_OPTION */
export function takeUpgrades(http: object, path: string, listener: UpgradeListener): UpgradeSource {
  if (!(http instanceof HttpServer || http instanceof HttpsServer))
    throw badOption('http', 'must be a server of node:http or node:https')
  let router = taken.get(http)
  if (router === undefined) {
    router = new UpgradeRouter(http)
    taken.set(http, router)
  }
  return router.take(path, listener)
}

/** Paths to listeners; it listens to the server as long as there are any. */
class UpgradeRouter {
  readonly #http: AnyServer
  readonly #listeners = new Map<string, UpgradeListener>()

  constructor(http: AnyServer) {
    this.#http = http
  }

  take(path: string, listener: UpgradeListener): UpgradeSource {
    if (this.#listeners.has(path)) throw badOption('path', `'${path}' of this server is taken`)
    if (this.#listeners.size === 0) this.#http.on('upgrade', this.#onUpgrade)
    this.#listeners.set(path, listener)
    const http = this.#http
    return {
      get address() {
        return addressOf(http)
      },
      close: () => this.#give(path, listener),
    }
  }

  #give(path: string, listener: UpgradeListener): void {
    if (this.#listeners.get(path) !== listener) return
    this.#listeners.delete(path)
    if (this.#listeners.size === 0) this.#http.off('upgrade', this.#onUpgrade)
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { method = '', url = '/', headers } = request
    const listener = this.#listeners.get(requestPath(url))
    if (hasLeft(socket)) {
      socket.destroy() // nobody can tell any more whom `admit` should be asked about
    } else if (listener !== undefined) {
      release(socket)
      listener.onUpgrade(socket, head, { method, url, headers })
    } else if (this.#http.listenerCount('upgrade') === 1) {
      socket.on('error', ignore).end(NOT_FOUND) // nobody else is there to answer
    }
  }
}

/** A TCP socket that was reset meanwhile still knows our end, but not the peer's. */
function hasLeft(socket: Duplex): boolean {
  if (socket.destroyed) return true
  return socket instanceof Socket && socket.localAddress !== undefined && socket.remoteAddress === undefined
}

/** What the HTTP server wanted of the socket: to end it with the peer's end, or after a silence. */
function release(socket: Duplex): void {
  socket.allowHalfOpen = true
  if ('setTimeout' in socket && typeof socket.setTimeout === 'function') socket.setTimeout(0)
}

function addressOf(http: AnyServer): string {
  const scheme = http instanceof HttpsServer ? 'https' : 'http'
  const bound = http.address()
  if (bound === null || typeof bound === 'string') return makeAddress(scheme, 'localhost', 0).href
  const host = bound.address === '::' || bound.address === '0.0.0.0' ? '*' : bound.address
  return makeAddress(scheme, host, bound.port).href
}

/** It is ending anyhow. */
function ignore(): void {}
