import type { Env } from './env.ts'
import { badOption } from './errors.ts'
import type { EventListener } from './event-listener.ts'
import type { FramingFactory } from './framing.ts'
import { guardedLogger, type Logger } from './logger.ts'
import type { MetricsSink, SessionMetrics } from './metrics.ts'
import { nearest, requireKnown } from './option-names.ts'
import { type Runtime, runtimeOf } from './runtime.ts'
import {
  type Heartbeat,
  LIMIT_DEFAULTS,
  type Limits,
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
  readonly metrics: SessionMetrics | undefined
}

/** What an entry point binds: core has no Env, framing or transport of its own. */
export interface Bindings {
  readonly env: Env
  readonly framing: FramingFactory
  readonly transports: readonly Transport[]
  /** For the option `metrics`. Absent in the browser: a page need not load what it has nobody to tell. */
  readonly metrics?: ((sink: MetricsSink, env: Env, name: string, logger: Logger) => SessionMetrics) | undefined
}

type AnySetup = SessionSetup<unknown, never, unknown>

/** All that a setup may say beside its limits, as a Record so that the compiler misses a name that is left out. */
const SETUP_NAMES: Readonly<Record<Exclude<keyof AnySetup, keyof Limits>, true>> = {
  codec: true,
  framing: true,
  data: true,
  listener: true,
  handle: true,
  stages: true,
  wrap: true,
  chunks: true,
  heartbeat: true,
  boundary: true,
  limits: true,
  name: true,
  metrics: true,
  logger: true,
  env: true,
  transports: true,
}

const HEARTBEAT_NAMES: Readonly<Record<keyof Heartbeat<unknown, never>, true>> = {
  intervalMs: true,
  timeoutMs: true,
  message: true,
  match: true,
  answer: true,
}

const HOOK_NAMES: Readonly<Record<keyof EventListener<unknown, never>, true>> = {
  onOpen: true,
  onMessage: true,
  onCron: true,
  onDrain: true,
  onShutdown: true,
  onError: true,
  onClose: true,
}

const HOOKS: readonly string[] = Object.keys(HOOK_NAMES)

/**
 * @param own the names of the options that the door has beside those of a setup
 * @throws ERR_BAD_OPTION that names the option
 */
export function resolveSetup<In, Out, Data>(
  setup: SessionSetup<In, Out, Data>,
  bindings: Bindings,
  own: readonly string[] = [],
): SessionConfig<In, Out, Data> {
  requireObject('options', setup)
  requireKnown('', setup, [
    ...own,
    ...Object.keys(SETUP_NAMES),
    ...Object.keys(LIMIT_DEFAULTS),
    ...groupNames(bindings, setup.transports),
  ])
  const { codec, framing, data, listener, handle, stages, wrap, chunks = 'kept', heartbeat, boundary = 'auto' } = setup
  if (codec === undefined || codec === null) throw badOption('codec', 'is required')
  if (typeof codec !== 'function') {
    requireObject('codec', codec)
    requireFunction('codec.decode', codec.decode ?? null)
    requireFunction('codec.encode', codec.encode ?? null)
  }
  if (framing !== undefined && typeof framing !== 'function') {
    throw badOption('framing', 'must be a function that makes a framing for each session, such as line()')
  }
  requireFunction('data', data)
  requireFunction('handle', handle)
  requireFunction('limits', setup.limits)
  if (listener !== undefined && handle !== undefined) throw badOption('handle', 'excludes the option listener')
  if (listener !== undefined) requireListener(listener)
  requireList('stages', stages)
  requireList('wrap', wrap)
  requireOneOf('chunks', chunks, ['kept', 'borrowed'])
  requireOneOf('boundary', boundary, ['auto', 'stream'])
  if (chunks === 'borrowed' && typeof codec !== 'function' && codec.keeps !== 'values') {
    throw badOption('chunks', "can be 'borrowed' only with a codec that keeps values")
  }
  if (heartbeat !== undefined) {
    requireObject('heartbeat', heartbeat)
    requireKnown('heartbeat.', heartbeat, Object.keys(HEARTBEAT_NAMES))
    requireNumber('heartbeat.intervalMs', heartbeat.intervalMs, 1)
    requireNumber('heartbeat.timeoutMs', heartbeat.timeoutMs, 1)
    if (heartbeat.timeoutMs <= heartbeat.intervalMs) throw badOption('heartbeat.timeoutMs', 'must exceed intervalMs')
    requireFunction('heartbeat.match', heartbeat.match)
    requireFunction('heartbeat.answer', heartbeat.answer)
    if (heartbeat.message === undefined) throw badOption('heartbeat.message', 'is required')
  }
  if (setup.logger !== undefined) requireLogger(setup.logger)
  const env = setup.env ?? bindings.env
  const logger = setup.logger === undefined ? guardedLogger(env.logger) : guardedLogger(setup.logger, env.logger)
  const { metrics, name = '' } = setup
  if (metrics !== undefined && bindings.metrics === undefined) throw badOption('metrics', 'is not for the browser')
  return {
    setup,
    limits: resolveLimits(setup),
    framing: bindings.framing,
    env,
    runtime: runtimeOf(env),
    logger,
    metrics: metrics === undefined ? undefined : bindings.metrics?.(metrics, env, name, logger),
  }
}

/** The transports' own options come in groups, each named for a scheme of its transport. */
function groupNames(bindings: Bindings, own: readonly Transport[] = []): string[] {
  if (!Array.isArray(own)) throw badOption('transports', 'must be a list')
  return [...bindings.transports, ...own].flatMap(({ schemes }) => schemes)
}

/** A class may have members of its own; a plain object with `onmessage` has a mistake. */
function requireListener(listener: object): void {
  if (typeof listener === 'function') {
    if (/^class\b/.test(Function.prototype.toString.call(listener))) {
      throw badOption('listener', 'is a class: give an instance of it, or (session) => new Listener(session)')
    }
    return
  }
  if (typeof listener !== 'object' || listener === null) {
    throw badOption('listener', 'must be an object with hooks, or a function that makes one')
  }
  for (const hook of HOOKS) requireFunction(`listener.${hook}`, (listener as Record<string, unknown>)[hook])
  const prototype: unknown = Object.getPrototypeOf(listener)
  if (prototype !== Object.prototype && prototype !== null) return
  for (const name of Object.keys(listener)) {
    if (HOOKS.includes(name) || !/^on/i.test(name)) continue
    if (/^on[A-Z]/.test(name) || nearest(name, HOOKS) !== undefined) {
      requireKnown('listener.', { [name]: true }, HOOKS)
    }
  }
}

function requireLogger(logger: Partial<Logger>): void {
  requireObject('logger', logger)
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    requireFunction(`logger.${level}`, logger[level] ?? null)
  }
}

function requireObject(option: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw badOption(option, 'must be an object')
}

function requireList(option: string, list: readonly unknown[] | undefined): void {
  if (list === undefined) return
  if (!Array.isArray(list)) throw badOption(option, 'must be a list')
  for (const entry of list) requireFunction(option, entry ?? null)
}
