import { type Address, dialable, makeAddress, parseAddress } from '../../core/address.ts'
import type { Connection } from '../../core/connection.ts'
import { badOption, isHawserError } from '../../core/errors.ts'
import type { AcceptSink, Acceptor, LinkOptions, Mount, Transport } from '../../core/transport.ts'
import { requestPath } from '../../core/web-socket.ts'
import { resolveWs } from '../options.ts'
import { requiredNet } from '../required-net.ts'
import { tcp } from '../tcp.ts'
import { withTimeLeft } from '../time-left.ts'
import { tls } from '../tls.ts'
import { upgradeClient } from './client-handshake.ts'
import { Engine, settingsOf } from './engine.ts'
import { MountAcceptor } from './mount-acceptor.ts'
import { RequestSink, upgradeLink } from './server-handshake.ts'

/**
 * `ws://host:port/path` over TCP and `wss://…` over TLS, with the option groups `ws`, `tcp` and `tls`; one message is one
 * frame. `mount` takes a path of an HTTP server that is there already.
 */
export const websocket: Transport = {
  schemes: ['ws', 'wss'],
  boundary: 'message',

  async dial(address: Address, options: LinkOptions): Promise<Connection> {
    const net = requiredNet(options.env)
    const settings = resolveWs(options.groups)
    const engine = await Engine.load(net, settings)
    const startedAt = options.env.now()
    const target = dialable(parseAddress(address.href)) // its path must be none that ends the request line
    const link = await below(target).dial(belowAddress(target), kept(options)).catch(namingWebSocket)
    const left = withTimeLeft(options, startedAt, link)
    if (!engine.dials) return upgradeClient(net, link, target, settings, left)
    return engine.other.dial(link, target.href, settingsOf(options.env, settings, settings.subprotocols), left)
  },

  async listen(address: Address, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
    const net = requiredNet(options.env)
    const settings = resolveWs(options.groups)
    const engine = await Engine.load(net, settings)
    const path = requestPath(address.path)
    const requests = new RequestSink({ net, options, settings, engine, sink }, path)
    const acceptor = await below(address).listen(belowAddress(address), kept(options), requests).catch(namingWebSocket)
    return new WebSocketAcceptor(acceptor, requests, address.scheme, path)
  },

  async mount({ http, path = '/' }: Mount, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
    const net = requiredNet(options.env)
    if (net.upgrades === undefined) throw badOption('http', 'cannot be served in this Env')
    if (typeof path !== 'string' || !/^\/[!-~]*$/.test(path) || requestPath(path) !== path)
      throw badOption('path', "must be the path of a URL, such as '/chat', without a query")
    const settings = resolveWs(options.groups)
    const engine = await Engine.load(net, settings)
    const mount = new MountAcceptor(options.env, sink, path)
    const handshakes = { net, options, settings, engine, sink }
    mount.source = net.upgrades(http, path, options, {
      onUpgrade(link, unread, request) {
        if (mount.admits(link)) upgradeLink(link, unread, request, handshakes)
      },
    })
    return mount
  },
}

/** What a WebSocket of this address stands on. */
function below({ scheme }: Address): Transport {
  return scheme === 'wss' ? tls : tcp
}

function belowAddress({ scheme, host, port }: Address): Address {
  return makeAddress(scheme === 'wss' ? 'tls' : 'tcp', host, port)
}

/** Messages are views of what was read: nothing is borrowed. */
function kept(options: LinkOptions): LinkOptions {
  return { ...options, chunks: 'kept' }
}

/** What TCP or TLS could not do was asked for as ws:// or wss://. */
function namingWebSocket(error: unknown): never {
  if (isHawserError(error)) error.message = error.message.replace('tcp://', 'ws://').replace('tls://', 'wss://')
  throw error
}

class WebSocketAcceptor implements Acceptor {
  readonly address: string
  readonly #below: Acceptor
  readonly #requests: RequestSink
  readonly reloadTls?: (tls: unknown) => void

  constructor(acceptor: Acceptor, requests: RequestSink, scheme: string, path: string) {
    const { host, port } = parseAddress(acceptor.address)
    this.address = makeAddress(scheme, host, port, path).href
    this.#below = acceptor
    this.#requests = requests
    if (acceptor.reloadTls !== undefined) this.reloadTls = (group) => acceptor.reloadTls?.(group)
  }

  pause(): void {
    this.#below.pause()
  }

  resume(): void {
    this.#below.resume()
  }

  close(): Promise<void> {
    this.#requests.close()
    return this.#below.close()
  }
}
