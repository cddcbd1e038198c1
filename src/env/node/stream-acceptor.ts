import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { type Address, makeAddress } from '../../core/address.ts'
import { HawserError, isHawserError } from '../../core/errors.ts'
import type { StreamTarget } from '../../core/env.ts'
import type { AcceptSink, Acceptor, LinkOptions } from '../../core/transport.ts'
import { attempt } from './attempt.ts'
import { dialStream } from './dial.ts'
import { Loan } from './loan.ts'
import { type Ends, localEnd, remoteEnd, tcpAddress } from './socket-address.ts'
import { SocketConnection } from './socket-connection.ts'
import { exclusively, fileAt, sparing } from './socket-file.ts'
import { socketOptions } from './socket-options.ts'
import { codeOf, systemError } from './system-error.ts'

/** For a connect to a Unix socket, which is answered by the kernel. */
const PROBE_MS = 1_000

/**
 * Binds and listens. A host of `*` is every interface, IPv6 included where there is any. The file of a Unix socket that
 * nobody listens on any more is removed first: only if it is a socket, and only after a connect to it was refused.
 */
export async function listenStream(target: StreamTarget, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
  try {
    return await bind(target, options, sink)
  } catch (error) {
    if (!('path' in target) || codeOf((error as Error).cause) !== 'EADDRINUSE') throw error
    if (!(await isStale(target.path, options))) throw isNoSocket(target.path) ? occupied(target, error) : error
    return exclusively(target.path, options.env, () => takeOver(target, options, sink)).catch((failure: unknown) => {
      throw isHawserError(failure) ? failure : listenError(failure as Error, target)
    })
  }
}

/** Looks again, now that nobody else removes anything: the file may be another one, that somebody listens on. */
async function takeOver(
  target: { readonly path: string },
  options: LinkOptions,
  sink: AcceptSink,
): Promise<StreamAcceptor> {
  const found = fileAt(target.path)
  const stale = found !== undefined && (await isStale(target.path, options))
  if (stale && fileAt(target.path) === found) unlinkSync(target.path)
  return bind(target, options, sink)
}

function bind(target: StreamTarget, options: LinkOptions, sink: AcceptSink): Promise<StreamAcceptor> {
  return attempt(`listening on ${nameOf(target)}`, { ...options, timeoutMs: 0 }, ({ resolve, reject }) => {
    const server = createServer({ ...socketOptions(options), allowHalfOpen: true, pauseOnConnect: true })
    const backlog = backlogOf(options)
    const failed = (error: Error): void => reject(listenError(error, target))
    server.once('error', failed)
    let isGuarded = !('path' in target)
    server.once('listening', () => {
      server.off('error', failed)
      // In a worker of a cluster it is bound by the primary, and only now.
      if ('path' in target && !isGuarded && !isProtected(server, target.path, options, failed)) return
      resolve(new StreamAcceptor(server, target, backlog, options, sink))
    })
    if ('path' in target) {
      server.listen({ path: target.path, backlog })
      // Bound by now, and in the same turn: nobody of ours can have connected with the file's first mode.
      isGuarded = server.listening
      if (isGuarded) isProtected(server, target.path, options, failed)
    } else if (target.host === '*') server.listen({ port: target.port, backlog })
    else server.listen({ host: target.host, port: target.port, backlog })
    return () => server.close()
  })
}

/** Gives the file its mode; where that fails the server is closed, and `failed` told. */
function isProtected(server: Server, path: string, { groups }: LinkOptions, failed: (error: Error) => void): boolean {
  const { mode } = (groups['ipc'] ?? {}) as { readonly mode?: number }
  try {
    if (mode !== undefined) chmodSync(path, mode)
    return true
  } catch (error) {
    server.close()
    failed(error as Error)
    return false
  }
}

function isNoSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false
}

function occupied(target: StreamTarget, cause: unknown): HawserError<'ERR_ADDRESS_IN_USE'> {
  return new HawserError('ERR_ADDRESS_IN_USE', `cannot listen on ${nameOf(target)}: it is a file, and no socket`, {
    cause,
  })
}

async function isStale(path: string, options: LinkOptions): Promise<boolean> {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return false
  try {
    const connection = await dialStream({ path }, { ...options, timeoutMs: PROBE_MS })
    connection.destroy()
    return false
  } catch (error) {
    return codeOf((error as Error).cause) === 'ECONNREFUSED'
  }
}

/** Connections that the kernel holds before we accept them, and that we hold while paused. */
function backlogOf({ groups }: LinkOptions): number {
  const { backlog = 1 } = (groups['listen'] ?? {}) as { readonly backlog?: number }
  return backlog
}

function listenError(error: Error, target: StreamTarget): HawserError {
  const where = nameOf(target)
  const part = 'path' in target ? wrongPath(error, target.path) : WRONG_HOST.has(codeOf(error)) ? 'host' : undefined
  if (part === undefined) return systemError(error, `cannot listen on ${where}`)
  const complaint = part === 'host' ? 'this is no address of this machine' : 'no such path'
  return new HawserError('ERR_BAD_ADDRESS', `cannot listen on ${where}: ${complaint}`, {
    cause: error,
    details: { part },
  })
}

/** What the system says of an address that is not this machine's. */
const WRONG_HOST = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/** libuv reports a folder that is not there as EACCES. */
function wrongPath(error: Error, path: string): 'path' | undefined {
  return codeOf(error) === 'EACCES' && !existsSync(dirname(path)) ? 'path' : undefined
}

function nameOf(target: StreamTarget): string {
  return 'path' in target
    ? makeAddress('ipc', '', 0, target.path).href
    : makeAddress('tcp', target.host, target.port).href
}

/** A listening socket. While paused it holds up to `backlog` accepted sockets, unread; those beyond are closed. */
class StreamAcceptor implements Acceptor {
  readonly address: string
  readonly #server: Server
  readonly #path: string | undefined
  /** The socket's file: ours to remove, and no other of that name. */
  readonly #file: string | undefined
  /** One for all connections, where the socket is bound to one interface or file. */
  readonly #local: Address | undefined
  readonly #backlog: number
  readonly #options: LinkOptions
  readonly #sink: AcceptSink
  #paused = false
  #waiting: Socket[] = []
  #closed: Promise<void> | undefined

  constructor(server: Server, target: StreamTarget, backlog: number, options: LinkOptions, sink: AcceptSink) {
    this.#server = server
    this.#local = boundTo(target, server)
    this.#path = 'path' in target ? target.path : undefined
    this.#file = this.#path === undefined ? undefined : fileAt(this.#path)
    this.#backlog = backlog
    this.#options = options
    this.#sink = sink
    this.address =
      'path' in target ? nameOf(target) : nameOf({ host: target.host, port: (server.address() as AddressInfo).port })
    server.on('connection', (socket) => this.#onServerConnection(socket))
    server.on('error', (error) => sink.onError(systemError(error, `accepting on ${this.address}`)))
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    while (!this.#paused) {
      const socket = this.#waiting.shift()
      if (socket === undefined) return
      socket.off('error', ignoreWhileWaiting)
      this.#accept(socket)
    }
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      // Closes the descriptor now; its 'close' event would wait for every connection.
      const close = (): void => void this.#server.close()
      if (this.#path === undefined) close()
      else sparing(this.#path, this.#file, close)
      for (const socket of this.#waiting.splice(0)) socket.destroy()
      this.#options.env.yield(resolve)
    })
    return this.#closed
  }

  #onServerConnection(socket: Socket): void {
    if (!this.#paused) return this.#accept(socket)
    if (this.#waiting.length >= this.#backlog) return discard(socket)
    socket.on('error', ignoreWhileWaiting)
    this.#waiting.push(socket)
  }

  #accept(socket: Socket): void {
    const local = this.#local ?? localEnd(socket)
    const remote = this.#path === undefined ? remoteEnd(socket) : local
    if (local === undefined || remote === undefined) return discard(socket) // reset before its turn came
    const connection = this.#connectionOf(socket, { local, remote })
    if (this.#sink.admit(remote)) this.#sink.onConnection(connection)
    else connection.destroy()
  }

  #connectionOf(socket: Socket, ends: Ends): SocketConnection {
    const { env, chunks } = this.#options
    if (chunks === 'borrowed') {
      const loan = new Loan()
      const reader = loan.moved(socket)
      if (reader !== undefined) return new SocketConnection(env, reader, reader, ends, undefined, loan)
    }
    return new SocketConnection(env, socket, socket, ends)
  }
}

/** Undefined where it is bound to all interfaces: then each connection has a local address of its own. */
function boundTo(target: StreamTarget, server: Server): Address | undefined {
  if ('path' in target) return makeAddress('ipc', '', 0, target.path)
  const { address, port } = server.address() as AddressInfo
  return address === '0.0.0.0' || address === '::' ? undefined : tcpAddress(address, port)
}

function discard(socket: Socket): void {
  socket.on('error', ignoreWhileWaiting)
  socket.destroy()
}

/** It is closed when its turn comes. */
function ignoreWhileWaiting(): void {}
