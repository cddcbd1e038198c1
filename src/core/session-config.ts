import type { AddressReader } from './address.ts'
import type { checkClient } from './client-checks.ts'
import type { Env } from './env.ts'
import { guardedLogger, type Logger } from './logger.ts'
import type { SessionMetrics } from './metrics.ts'
import { type Runtime, runtimeOf } from './runtime.ts'
import { type ResolvedLimits, resolveLimits, type SessionSetup } from './session-options.ts'
import type { SessionParts } from './session-parts.ts'
import type { checkSetup } from './setup-checks.ts'
import type { Transport } from './transport.ts'

/** What Server, Client, dial and attach resolve once and all their sessions share. */
export interface SessionConfig<In, Out, Data> {
  readonly setup: SessionSetup<In, Out, Data>
  readonly limits: ResolvedLimits
  readonly parts: SessionParts
  readonly addresses: AddressReader
  readonly env: Env
  readonly runtime: Runtime
  readonly logger: Logger
  readonly metrics: SessionMetrics | undefined
}

/** What an entry point binds: core has no Env and no transport of its own. */
export interface Bindings {
  readonly env: Env
  readonly transports: readonly Transport[]
  readonly addresses: AddressReader
  /** What the sessions of a setup are put together from. */
  readonly parts: <In, Out, Data>(setup: SessionSetup<In, Out, Data>) => SessionParts
  /** Looks at all options, before anything else does. Ranges of numbers are looked at without it, too. */
  readonly checks: OptionChecks
}

/** Both throw ERR_BAD_OPTION that names the option. */
export interface OptionChecks {
  readonly setup: typeof checkSetup
  readonly client: typeof checkClient
}

/**
 * @param own the names of the options that the door has beside those of a setup
 * @throws ERR_BAD_OPTION that names the option
 */
export function resolveSetup<In, Out, Data>(
  setup: SessionSetup<In, Out, Data>,
  bindings: Bindings,
  own: readonly string[] = [],
): SessionConfig<In, Out, Data> {
  bindings.checks.setup(setup, bindings.transports, own)
  const { metrics, name = '' } = setup
  const parts = bindings.parts(setup)
  const env = setup.env ?? bindings.env
  const logger = setup.logger === undefined ? guardedLogger(env.logger) : guardedLogger(setup.logger, env.logger)
  return {
    setup,
    limits: resolveLimits(setup),
    parts,
    addresses: bindings.addresses,
    env,
    runtime: runtimeOf(env),
    logger,
    metrics: metrics === undefined ? undefined : parts.metrics?.(metrics, env, name, logger),
  }
}
