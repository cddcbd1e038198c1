import { badOption } from '../core/errors.ts'
import { RECONNECT_DEFAULTS } from '../core/client-options.ts'
import type { EventListener } from '../core/event-listener.ts'
import type { OptionChecks } from '../core/session-config.ts'
import { LIMIT_DEFAULTS, type Limits, type SessionSetup } from '../core/session-options.ts'
import type { TransportGroups } from './browser-options.ts'

/** What `typeof` says of an option, where it is there. */
export type Kinds<Options> = Readonly<Record<keyof Options, string>>

type Setup = SessionSetup<unknown, never, unknown> & TransportGroups

/** All options beside the limits and a door's own. `metrics` are for Node. */
const KINDS: Kinds<Omit<Setup, keyof Limits | 'metrics'>> = {
  codec: 'object function',
  framing: 'function',
  data: 'function',
  listener: 'object function',
  handle: 'function',
  stages: 'object',
  wrap: 'object',
  chunks: 'string',
  heartbeat: 'object',
  boundary: 'string',
  limits: 'function',
  name: 'string',
  logger: 'object',
  env: 'object',
  transports: 'object',
  ws: 'object',
}

const HOOKS: readonly (keyof EventListener<unknown, never>)[] = [
  'onOpen',
  'onMessage',
  'onCron',
  'onDrain',
  'onShutdown',
  'onError',
  'onClose',
]

/**
 * What a page in plain JavaScript can get wrong: names that nobody knows, values of the wrong kind. As on Node, in fewer
 * words: they would be a tenth of all that a page loads.
 */
export const PAGE_CHECKS: OptionChecks = {
  setup(setup, _transports, own) {
    requireKinds('', setup ?? {}, KINDS, [
      ...own,
      ...Object.keys(LIMIT_DEFAULTS),
      ...(setup?.transports ?? []).flatMap(({ schemes }) => schemes),
    ])
    const { codec, listener, handle } = setup ?? {}
    if (codec === undefined) throw badOption('codec', 'is required')
    if (listener !== undefined && handle !== undefined) throw badOption('handle', 'excludes listener')
    for (const name of Object.keys(listener ?? {})) {
      const isMeant = HOOKS.some((hook) => hook !== name && hook.toLowerCase() === name.toLowerCase())
      if (isMeant) throw badOption(`listener.${name}`, 'is unknown')
    }
  },
  client({ reconnect }) {
    if (reconnect) requireKinds('reconnect.', reconnect, {}, Object.keys(RECONNECT_DEFAULTS))
  },
}

/** @throws ERR_BAD_OPTION unless each option of the group is of its kind, or one of `others` */
export function requireKinds(
  group: string,
  options: object,
  kinds: Readonly<Record<string, string>>,
  others: readonly string[] = [],
): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || others.includes(name)) continue
    const kind = kinds[name]
    if (kind === undefined) throw badOption(group + name, 'is unknown')
    if (value === null || !kind.includes(typeof value)) throw badOption(group + name, `must be: ${kind}`)
  }
}
