import { badOption } from './errors.ts'
import type { EventListener } from './event-listener.ts'
import { checkHeartbeat } from './heartbeats.ts'
import type { Logger } from './logger.ts'
import { nearest, requireKnown } from './option-names.ts'
import {
  type Heartbeat,
  LIMIT_DEFAULTS,
  type Limits,
  requireFunction,
  requireOneOf,
  type SessionSetup,
} from './session-options.ts'
import type { Transport } from './transport.ts'

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

/** Of most calls of `dial` and `listen` these are all. */
const NAMES: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...Object.keys(SETUP_NAMES),
  ...Object.keys(LIMIT_DEFAULTS),
])

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
 * What TypeScript sees too, and plain JavaScript does not: names that nobody knows, and values of the wrong kind.
 * @param transports those that are built in @param own the names of the options that the door has beside those of a setup
 * @throws ERR_BAD_OPTION that names the option
 */
export function checkSetup<In, Out, Data>(
  setup: SessionSetup<In, Out, Data>,
  transports: readonly Transport[],
  own: readonly string[],
): void {
  requireObject('options', setup)
  const isPlain = Object.keys(setup).every((name) => NAMES.has(name) || own.includes(name))
  if (!isPlain || setup.transports !== undefined)
    requireKnown('', setup, [...own, ...NAMES, ...groupNames(transports, setup.transports)])
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
    checkHeartbeat(heartbeat)
    requireFunction('heartbeat.match', heartbeat.match)
    requireFunction('heartbeat.answer', heartbeat.answer)
    if (heartbeat.message === undefined) throw badOption('heartbeat.message', 'is required')
  }
  if (setup.logger !== undefined) requireLogger(setup.logger)
}

/** The transports' own options come in groups, each named for a scheme of its transport. */
function groupNames(transports: readonly Transport[], own: readonly Transport[] = []): string[] {
  if (!Array.isArray(own)) throw badOption('transports', 'must be a list')
  const names = [...transports, ...own].flatMap(({ schemes }) => schemes)
  const second = names.find((scheme, at) => names.indexOf(scheme) < at)
  if (second !== undefined) throw badOption('transports', `has a second transport for ${second}`)
  return names
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
