import type { AddressLike } from '../core/address.ts'
import type { Client } from '../core/client.ts'
import { dial as dialOnce } from '../core/dial.ts'
import { connect as keepConnected } from '../core/live-client.ts'
import type { Session } from '../core/session.ts'
import type { Bindings } from '../core/session-config.ts'
import type { NeedsData } from '../core/session-options.ts'
import type { Wait } from '../core/wait.ts'
import { browserEnv } from './browser-env.ts'
import type { ClientOptions, SessionSetup } from './browser-options.ts'
import { pageAddresses } from './page-address.ts'
import { PAGE_CHECKS } from './page-checks.ts'
import { pageParts } from './page-parts.ts'
import { webSocket } from './web-socket-transport.ts'

/** What core takes from the browser, unless an option says otherwise. */
const BROWSER: Bindings = {
  env: browserEnv,
  transports: [webSocket],
  addresses: pageAddresses,
  parts: pageParts,
  checks: PAGE_CHECKS,
}

/**
 * One session, one attempt: resolves when it is open. From then on it stands alone.
 * @param options `timeoutMs` and `signal` are for all of it: dialing, handshake, `data` and `onOpen`
 * @throws (as a rejection) ERR_BAD_OPTION, ERR_BAD_ADDRESS; ERR_CONNECTION_REFUSED for whatever reason the browser has and
 *   keeps to itself; ERR_PERMISSION where the page may not dial; ERR_TIMEOUT; why it was refused
 */
export function dial<In, Out = In, Data = undefined>(
  where: AddressLike,
  options: SessionSetup<In, Out, Data> & NeedsData<Data> & Wait,
): Promise<Session<In, Out, Data>> {
  return dialOnce(BROWSER, where, options)
}

/**
 * Stays connected until closed, to one address or to any of several. Returns at once; `ready()` and `session()` wait.
 * @throws ERR_BAD_OPTION, ERR_BAD_ADDRESS
 */
export function connect<In, Out = In, Data = undefined>(
  where: AddressLike | readonly AddressLike[],
  options: ClientOptions<In, Out, Data> & NeedsData<Data>,
): Client<In, Out, Data> {
  return keepConnected(BROWSER, where, options)
}
