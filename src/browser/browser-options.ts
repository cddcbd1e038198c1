import type { ClientOptions as CoreClientOptions } from '../core/client-options.ts'
import type { SessionSetup as CoreSessionSetup } from '../core/session-options.ts'
import type { Part } from './parts.ts'
import type { WsOptions } from './web-socket-options.ts'

/** The options of the one transport that a browser has. */
export interface TransportGroups {
  /** For wss:// too. */
  readonly ws?: WsOptions | undefined
}

/** The options that only a browser has. */
export interface PageOptions extends TransportGroups {
  /** What this page has beside the usual: `checks`, `layers`, `stages`, `streams`, each imported from hawser/browser. @defaultValue none */
  readonly parts?: readonly Part[] | undefined
}

/** What a session is made of; shared by dial and connect. */
export interface SessionSetup<In, Out, Data> extends CoreSessionSetup<In, Out, Data>, PageOptions {}

/** What `connect` takes. */
export interface ClientOptions<In, Out, Data> extends CoreClientOptions<In, Out, Data>, PageOptions {}
