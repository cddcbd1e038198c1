import type { Env } from './env.ts'
import { badOption } from './errors.ts'
import type { FramingFactory } from './framing.ts'
import type { Logger } from './logger.ts'
import { type Runtime, runtimeOf } from './runtime.ts'
import {
  type ResolvedLimits,
  requireFunction,
  requireNumber,
  requireOneOf,
  resolveLimits,
  type SessionSetup,
} from './session-options.ts'
import type { Transport } from './transport.ts'

/** What Server, Client, dial and attach resolve once and all their sessions share. */
export interface SessionConfig<In, Out, Data> {
  readonly setup: SessionSetup<In, Out, Data>
  readonly limits: ResolvedLimits
  /** Where the setup names none. */
  readonly framing: FramingFactory
  readonly env: Env
  readonly runtime: Runtime
  readonly logger: Logger
}

/** What an entry point binds: core has no Env, framing or transport of its own. */
export interface Bindings {
  readonly env: Env
  readonly framing: FramingFactory
  readonly transports: readonly Transport[]
}

/** @throws ERR_BAD_OPTION that names the option */
export function resolveSetup<In, Out, Data>(
  setup: SessionSetup<In, Out, Data>,
  bindings: Bindings,
): SessionConfig<In, Out, Data> {
  const { codec, framing, data, listener, handle, stages, wrap, chunks = 'kept', heartbeat, boundary = 'auto' } = setup
  if (codec === undefined || codec === null) throw badOption('codec', 'is required')
  if (typeof codec !== 'function') {
    requireFunction('codec.decode', codec.decode)
    requireFunction('codec.encode', codec.encode)
  }
  requireFunction('framing', framing)
  requireFunction('data', data)
  requireFunction('handle', handle)
  requireFunction('limits', setup.limits)
  if (listener !== undefined && handle !== undefined) throw badOption('handle', 'excludes the option listener')
  if (listener !== undefined && typeof listener !== 'function' && (typeof listener !== 'object' || listener === null)) {
    throw badOption('listener', 'must be an object with hooks, or a function that makes one')
  }
  requireList('stages', stages)
  requireList('wrap', wrap)
  requireOneOf('chunks', chunks, ['kept', 'borrowed'])
  requireOneOf('boundary', boundary, ['auto', 'stream'])
  if (chunks === 'borrowed' && typeof codec !== 'function' && codec.keeps !== 'values') {
    throw badOption('chunks', "can be 'borrowed' only with a codec that keeps values")
  }
  if (heartbeat !== undefined) {
    requireNumber('heartbeat.intervalMs', heartbeat.intervalMs, 1)
    requireNumber('heartbeat.timeoutMs', heartbeat.timeoutMs, 1)
    if (heartbeat.timeoutMs <= heartbeat.intervalMs) throw badOption('heartbeat.timeoutMs', 'must exceed intervalMs')
    requireFunction('heartbeat.match', heartbeat.match)
    requireFunction('heartbeat.answer', heartbeat.answer)
    if (!('message' in heartbeat)) throw badOption('heartbeat.message', 'is required')
  }
  const env = setup.env ?? bindings.env
  return {
    setup,
    limits: resolveLimits(setup),
    framing: bindings.framing,
    env,
    runtime: runtimeOf(env),
    logger: setup.logger ?? env.logger,
  }
}

function requireList(option: string, list: readonly unknown[] | undefined): void {
  if (list === undefined) return
  if (!Array.isArray(list)) throw badOption(option, 'must be a list')
  for (const entry of list) requireFunction(option, entry)
}
