import type { Env } from './env.ts'
import { badOption } from './errors.ts'
import { guardedLogger, type Logger } from './logger.ts'
import type { SessionMetrics } from './metrics.ts'
import { type Runtime, runtimeOf } from './runtime.ts'
import { checkHeartbeat, type ResolvedLimits, resolveLimits, type SessionSetup } from './session-options.ts'
import { partOf, type SessionParts } from './session-parts.ts'
import type { Transport } from './transport.ts'

/** What Server, Client, dial and attach resolve once and all their sessions share. */
export interface SessionConfig<In, Out, Data> {
  readonly setup: SessionSetup<In, Out, Data>
  readonly limits: ResolvedLimits
  readonly parts: SessionParts
  readonly env: Env
  readonly runtime: Runtime
  readonly logger: Logger
  readonly metrics: SessionMetrics | undefined
}

/** What an entry point binds: core has no Env and no transport of its own. */
export interface Bindings extends SessionParts {
  readonly env: Env
  readonly transports: readonly Transport[]
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
  bindings.checks?.setup(setup, bindings.transports, own)
  if (setup?.codec === undefined) throw badOption('codec', 'is required')
  const { stages = [], wrap = [], boundary, heartbeat, metrics, name = '' } = setup
  if (heartbeat !== undefined) checkHeartbeat(heartbeat)
  if (stages.length > 0) partOf(bindings, 'stages')
  if (wrap.length > 0) partOf(bindings, 'layers')
  if (boundary === 'stream') partOf(bindings, 'streams')
  const env = setup.env ?? bindings.env
  const logger = setup.logger === undefined ? guardedLogger(env.logger) : guardedLogger(setup.logger, env.logger)
  return {
    setup,
    limits: resolveLimits(setup),
    parts: bindings,
    env,
    runtime: runtimeOf(env),
    logger,
    metrics: metrics === undefined ? undefined : partOf(bindings, 'metrics')(metrics, env, name, logger),
  }
}
