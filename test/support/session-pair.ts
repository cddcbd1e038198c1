import type { Connection, Role } from '../../src/core/connection.ts'
import type { SessionError } from '../../src/core/errors.ts'
import { allParts } from '../../src/core/all-parts.ts'
import { LiveSession } from '../../src/core/live-session.ts'
import type { CloseCause } from '../../src/core/session.ts'
import { resolveSetup } from '../../src/core/session-config.ts'
import type { SessionHost } from '../../src/core/session-host.ts'
import type { SessionSetup } from '../../src/core/session-options.ts'
import { parseAddress } from '../../src/core/address.ts'
import { lengthPrefixed } from '../../codecs/framing/length-prefixed.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'
import { inproc } from '../../src/transports/memory.ts'
import { Accepted, linkOptions } from './link-options.ts'

/** What a session told its owner, in order. */
export class RecordingHost<S> implements SessionHost<S> {
  readonly told: string[] = []
  refusedWith: SessionError | undefined
  cause: CloseCause | undefined

  sessionOpened(): void {
    this.told.push('opened')
  }

  sessionRefused(_session: S, error: SessionError): void {
    this.refusedWith = error
    this.told.push(`refused ${error.code}`)
  }

  sessionGone(_session: S, cause: CloseCause): void {
    this.cause = cause
    this.told.push('gone')
  }
}

export interface OwnedSession<In, Out, Data> {
  readonly session: LiveSession<In, Out, Data>
  readonly host: RecordingHost<LiveSession<In, Out, Data>>
}

/** A started session over `connection`. */
export function own<In, Out, Data>(
  env: VirtualEnv,
  connection: Connection,
  role: Role,
  setup: SessionSetup<In, Out, Data>,
): OwnedSession<In, Out, Data> {
  const host = new RecordingHost<LiveSession<In, Out, Data>>()
  const config = resolveSetup({ ...setup, env }, { ...allParts(lengthPrefixed()), env, transports: [] })
  const session = new LiveSession(connection, config, host, role)
  session.start()
  return { session, host }
}

/** Both ends of a link in memory, on a clock of their own. */
export async function connectionPair(
  boundary: 'stream' | 'message' = 'stream',
): Promise<{ readonly env: VirtualEnv; readonly near: Connection; readonly far: Connection }> {
  const env = virtualEnv()
  const accepted = new Accepted()
  const address = parseAddress('inproc://pair')
  const acceptor = await inproc.listen(
    address,
    linkOptions(env, 'accepted', { groups: { inproc: { boundary } } }),
    accepted,
  )
  const far = await inproc.dial(address, linkOptions(env, 'dialed'))
  await env.settle()
  await acceptor.close()
  return { env, near: accepted.last, far }
}
