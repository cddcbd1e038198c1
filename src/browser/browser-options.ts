import type { ClientOptions as CoreClientOptions } from '../core/client-options.ts'
import type { SessionSetup as CoreSessionSetup } from '../core/session-options.ts'
import type { WsOptions } from './web-socket-options.ts'

/** The options of the one transport that a browser has. */
export interface TransportGroups {
  /** For wss:// too. */
  readonly ws?: WsOptions | undefined
}

/** What a session is made of; shared by dial and connect. */
export interface SessionSetup<In, Out, Data> extends CoreSessionSetup<In, Out, Data>, TransportGroups {}

/** What `connect` takes. */
export interface ClientOptions<In, Out, Data> extends CoreClientOptions<In, Out, Data>, TransportGroups {}
