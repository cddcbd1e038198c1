import type { ClientStatus } from './client.ts'
import { inOrder, requireNumbers, type SessionSetup, withDefaults } from './session-options.ts'

/** How a lost or failed session is replaced: exponential backoff with full jitter. */
export interface ReconnectOptions {
  /** Bound of the first delay; it doubles with each failure. @defaultValue 100 */
  readonly initialMs?: number | undefined
  /** Largest bound; a peer that refuses for a reason waits for about that long at once. @defaultValue 30 000 */
  readonly maxMs?: number | undefined
  /** A session that lived so long makes delays start anew; one that lived less counts as a failed attempt. @defaultValue 5 000 */
  readonly stableAfterMs?: number | undefined
  /** Once every slot has failed so often in a row, first dials counted, the Client gives up and closes; 0: never. @defaultValue 0 */
  readonly maxAttempts?: number | undefined
}

/** What `connect` takes: a session setup, and how to stay connected. */
export interface ClientOptions<In, Out, Data> extends SessionSetup<In, Out, Data> {
  /** Sessions kept open. @defaultValue 1 */
  readonly connections?: number | undefined
  /** For one attempt, handshakes included; 0 is off. @defaultValue 5 000 */
  readonly dialTimeoutMs?: number | undefined
  /** false: one attempt a slot, and what is lost is not replaced. @defaultValue {}: see ReconnectOptions */
  readonly reconnect?: false | ReconnectOptions | undefined
  /** Told of each dial, session, failure and wait. What it throws is logged. @defaultValue nobody is told */
  readonly onStatus?: ((status: ClientStatus) => void) | undefined
  /** Aborted: the client closes, gracefully. @defaultValue none */
  readonly signal?: AbortSignal | undefined
}

/** ReconnectOptions with every default filled in. */
export type ResolvedReconnect = { readonly [K in keyof ReconnectOptions]-?: number }

/** The client’s own options, checked, with every default filled in. */
export interface ResolvedClientOptions {
  readonly connections: number
  readonly dialTimeoutMs: number
  readonly reconnect: false | ResolvedReconnect
}

/** For one attempt, where nothing else is said. */
export const DIAL_TIMEOUT_MS = 5_000

const CLIENT_DEFAULTS = { connections: 1, dialTimeoutMs: DIAL_TIMEOUT_MS }

/** How a Client reconnects unless it is told otherwise. */
export const RECONNECT_DEFAULTS: ResolvedReconnect = {
  initialMs: 100,
  maxMs: 30_000,
  stableAfterMs: 5_000,
  maxAttempts: 0,
}
const RECONNECT_MINIMUM = { initialMs: 1, maxMs: 1, maxAttempts: 0 }

/** The names of the options that are a Client's own. */
export const CLIENT_OPTION_NAMES: readonly string[] = Object.keys({
  connections: true,
  dialTimeoutMs: true,
  reconnect: true,
  onStatus: true,
  signal: true,
} satisfies OwnNames)

/** The compiler misses a name that is left out. */
type OwnNames = Record<
  Exclude<keyof ClientOptions<unknown, never, unknown>, keyof SessionSetup<unknown, never, unknown>>,
  true
>

/** The options that are a Client's own. @throws ERR_BAD_OPTION */
export function resolveClientOptions<In, Out, Data>(options: ClientOptions<In, Out, Data>): ResolvedClientOptions {
  const resolved = withDefaults(CLIENT_DEFAULTS, options)
  requireNumbers('', resolved)
  const { reconnect = {} } = options
  return { ...resolved, reconnect: reconnect === false ? false : resolveReconnect(reconnect) }
}

function resolveReconnect(options: ReconnectOptions): ResolvedReconnect {
  const resolved = withDefaults(RECONNECT_DEFAULTS, options)
  requireNumbers('reconnect.', resolved, RECONNECT_MINIMUM)
  return inOrder('reconnect.', resolved, options, 'initialMs', 'maxMs')
}
