import type { AddressLike } from './address.ts'
import { DIAL_TIMEOUT_MS } from './client-options.ts'
import type { Connection, Role } from './connection.ts'
import { badOption, isHawserError } from './errors.ts'
import { LiveSession } from './live-session.ts'
import { dialConnection } from './outbound-link.ts'
import type { Session } from './session.ts'
import { type Bindings, resolveSetup, type SessionConfig } from './session-config.ts'
import { type SessionSetup } from './session-options.ts'
import type { Transport } from './transport.ts'
import { linkOptions, TransportTable } from './transport-table.ts'
import { requireWait, type Wait } from './wait.ts'
import { waitFor } from './wait-list.ts'

/**
 * One session, one attempt: resolves when it is open. From then on it stands alone, and `signal` means nothing to it.
 * @param options `timeoutMs` and `signal` are for all of it: dialing, handshakes, `data` and `onOpen`
 * @throws (as a rejection) ERR_BAD_OPTION, ERR_BAD_ADDRESS; why it could not be reached; why it was refused
 */
export async function dial<In, Out, Data>(
  bindings: Bindings,
  where: AddressLike,
  options: SessionSetup<In, Out, Data> & Wait,
): Promise<Session<In, Out, Data>> {
  const config = resolveSetup(options, bindings, ['signal', 'timeoutMs'])
  requireWait(options)
  const table = tableOf(bindings, options.transports)
  const address = config.addresses.toDial(where)
  const transport = table.find(address)
  const { env } = config
  const attempt = new AbortController()
  // Who has more patience than the default gives it to the link, too; who has less is told by `waitFor`.
  const timeoutMs = options.timeoutMs === 0 ? 0 : Math.max(DIAL_TIMEOUT_MS, options.timeoutMs ?? 0)
  const link = { role: 'dialed', timeoutMs, groups: table.groupsOf(options) } as const
  const linkTo = linkOptions(config, { ...link, signal: attempt.signal })
  const opening = dialConnection(transport, address, attempt, linkTo, config).then((connection) =>
    openSession(connection, config, 'dialed', attempt.signal),
  )
  try {
    return await waitFor(env, `dialing ${address.href}`, opening, options)
  } catch (error) {
    config.metrics?.refused('dialed', address.scheme, isHawserError(error) ? error.code : '')
    attempt.abort(error) // over time or aborted: what is under way must not stay behind, even if it just opened
    opening.then(
      (session) => session.destroy(),
      () => {}, // it is the error at hand, or comes from the abort
    )
    throw error
  }
}

/**
 * A session over a stream that somebody else opened; it owns the stream from now on. Resolves when open.
 * @throws (as a rejection) ERR_BAD_OPTION; why it was refused
 */
export async function attach<In, Out, Data>(
  bindings: Bindings,
  stream: unknown,
  options: SessionSetup<In, Out, Data>,
): Promise<Session<In, Out, Data>> {
  const config = resolveSetup(options, bindings)
  const { env, limits } = config
  if (env.net === undefined) throw badOption('env', 'has no net to adopt a stream with')
  const groups = tableOf(bindings, options.transports).groupsOf(options)
  const link = linkOptions(config, { role: 'attached', timeoutMs: limits.openTimeoutMs, groups })
  const connection = env.net.adopt(stream, link)
  await new Promise<void>((resolve) => env.defer(resolve)) // no hook begins inside a call of the application
  return openSession(connection, config, 'attached')
}

/** Of the built-in transports alone, made once: a call would spend more on it than on all its promises. */
const builtIn = /* @__PURE__ */ new WeakMap<Bindings, TransportTable>()

function tableOf(bindings: Bindings, own: readonly Transport[] | undefined): TransportTable {
  if (own !== undefined) return new TransportTable(bindings, own)
  let table = builtIn.get(bindings)
  if (table === undefined) {
    table = new TransportTable(bindings)
    builtIn.set(bindings, table)
  }
  return table
}

/** Resolves when it is open, rejects with the reason why it will not be. */
function openSession<In, Out, Data>(
  connection: Connection,
  config: SessionConfig<In, Out, Data>,
  role: Role,
  signal?: AbortSignal,
): Promise<Session<In, Out, Data>> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      connection.destroy()
      return reject(signal.reason)
    }
    const session = new LiveSession<In, Out, Data>(
      connection,
      config,
      { sessionOpened: resolve, sessionRefused: (_session, error) => reject(error), sessionGone: () => {} },
      role,
    )
    signal?.addEventListener('abort', () => session.destroy(), { once: true })
    session.start()
  })
}
