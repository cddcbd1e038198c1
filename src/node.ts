import type { Duplex, Readable, Writable } from 'node:stream'
import { lengthPrefixed } from '../codecs/framing/length-prefixed.ts'
import type { AddressLike } from './core/address.ts'
import { allParts } from './core/all-parts.ts'
import type { Client } from './core/client.ts'
import { attach as attachStream, dial as dialOnce } from './core/dial.ts'
import { connect as keepConnected } from './core/live-client.ts'
import { listen as bindServer } from './core/live-server.ts'
import type { Session } from './core/session.ts'
import type { Bindings } from './core/session-config.ts'
import type { NeedsData } from './core/session-options.ts'
import { TaskPool as CoreTaskPool, type TaskPoolOptions } from './core/task-pool.ts'
import type { Wait } from './core/wait.ts'
import { systemEnv } from './env/node/system-env.ts'
import type { ClientOptions, Mount, Server, ServerOptions, SessionSetup } from './node-options.ts'
import { ipc } from './transports/ipc.ts'
import { inproc } from './transports/memory.ts'
import { tcp } from './transports/tcp.ts'
import { tls } from './transports/tls.ts'
import { udp } from './transports/udp.ts'
import { websocket } from './transports/websocket/websocket.ts'

/** What core takes from Node, unless an option says otherwise. */
const NODE: Bindings = {
  .../* @__PURE__ */ allParts(/* @__PURE__ */ lengthPrefixed()),
  env: systemEnv,
  transports: [tcp, tls, udp, ipc, websocket, inproc],
}

/**
 * A server on one address or several, or on a path of an HTTP server that is there already. Resolves once it is bound on every one of them; where one fails, none is bound.
 * @throws (as a rejection) ERR_BAD_OPTION, ERR_BAD_ADDRESS, ERR_ADDRESS_IN_USE, ERR_PERMISSION …
 */
export function listen<In, Out = In, Data = undefined>(
  where: AddressLike | Mount | readonly (AddressLike | Mount)[],
  options: ServerOptions<In, Out, Data> & NeedsData<Data>,
): Promise<Server<In, Out, Data>> {
  return bindServer(NODE, where, options)
}

/**
 * One session, one attempt: resolves when it is open. From then on it stands alone.
 * @param options `timeoutMs` and `signal` are for all of it: dialing, handshakes, `data` and `onOpen`
 * @throws (as a rejection) ERR_BAD_OPTION, ERR_BAD_ADDRESS; why it could not be reached (ERR_CONNECTION_REFUSED,
 *   ERR_HOST_NOT_FOUND, ERR_TLS, ERR_TIMEOUT …); why it was refused
 */
export function dial<In, Out = In, Data = undefined>(
  where: AddressLike,
  options: SessionSetup<In, Out, Data> & NeedsData<Data> & Wait,
): Promise<Session<In, Out, Data>> {
  return dialOnce(NODE, where, options)
}

/**
 * Stays connected until closed, to one address or to any of several. Returns at once; `ready()` and `session()` wait.
 * @throws ERR_BAD_OPTION, ERR_BAD_ADDRESS
 */
export function connect<In, Out = In, Data = undefined>(
  where: AddressLike | readonly AddressLike[],
  options: ClientOptions<In, Out, Data> & NeedsData<Data>,
): Client<In, Out, Data> {
  return keepConnected(NODE, where, options)
}

/**
 * A session over a stream you have: a child's stdio, a serial port, a tunnel. The stream is the session's from now on.
 * Resolves when it is open.
 * @throws (as a rejection) ERR_BAD_OPTION; why it was refused
 */
export function attach<In, Out = In, Data = undefined>(
  stream: Duplex | { readonly readable: Readable; readonly writable: Writable },
  options: SessionSetup<In, Out, Data> & NeedsData<Data>,
): Promise<Session<In, Out, Data>> {
  return attachStream(NODE, stream, options)
}

/** Runs tasks side by side, those of one key in order: for listeners whose work must not block other messages. */
export class TaskPool extends CoreTaskPool {
  /** @throws ERR_BAD_OPTION */
  constructor(options: TaskPoolOptions = {}) {
    super({ ...options, env: options.env ?? systemEnv })
  }
}
