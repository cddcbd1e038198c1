import type { Codec } from './codec.ts'
import type { Wrapper } from './connection.ts'
import type { Env } from './env.ts'
import { badOption } from './errors.ts'
import type { EventListener } from './event-listener.ts'
import type { FramingFactory } from './framing.ts'
import type { Logger } from './logger.ts'
import type { MetricsSink } from './metrics.ts'
import type { Opening, Peer } from './peer.ts'
import type { Session } from './session.ts'
import type { StageFactory } from './stage.ts'
import type { Transport } from './transport.ts'

/** The bounds of one session. Sizes in bytes, times in milliseconds. */
export interface Limits {
  /** Largest frame, in and out, without what the framing adds; a larger one closes the session with ERR_FRAME_TOO_LARGE, or throws ERR_MESSAGE_TOO_LARGE to its sender. @defaultValue 1 MiB */
  readonly maxFrameBytes?: number | undefined
  /** `send` says false from here on; low water is half. Given alone and above the default of `maxBufferedBytes`, that follows it. @defaultValue 1 MiB */
  readonly highWaterMarkBytes?: number | undefined
  /** Past this `overflow` acts. Given alone and below the default of `highWaterMarkBytes`, that follows it. @defaultValue 16 MiB */
  readonly maxBufferedBytes?: number | undefined
  /** 'drop' drops the message being sent; 'throw' throws ERR_OVERFLOW to its sender; 'close' closes the session with it. @defaultValue 'close' */
  readonly overflow?: 'close' | 'drop' | 'throw' | undefined
  /** Bytes received and not yet decoded after which reading pauses; while `concurrency` handlers run, nothing is decoded. @defaultValue 256 KiB */
  readonly inboundHighWaterMarkBytes?: number | undefined
  /** `onMessage` calls at once for a session; above 1 gives up order. @defaultValue 1 */
  readonly concurrency?: number | undefined
  /** A frame begun and not finished: ERR_FRAME_TIMEOUT; 0 is off. @defaultValue 30 000 */
  readonly frameTimeoutMs?: number | undefined
  /** Handshakes, `data` and `onOpen` together; 0 is off. @defaultValue 10 000 */
  readonly openTimeoutMs?: number | undefined
  /** From `close()` until the connection is destroyed. @defaultValue 3 000 */
  readonly closeTimeoutMs?: number | undefined
  /** Bytes wait and the peer has taken none for so long: ERR_STALLED; 0 is off. @defaultValue 0 */
  readonly stallTimeoutMs?: number | undefined
  /** Nothing came in for so long: ERR_IDLE_TIMEOUT; 0 is off. @defaultValue 0 */
  readonly idleTimeoutMs?: number | undefined
  /** Time between two `onCron` calls (and pings on WebSocket); 0 is off. @defaultValue 30 000 */
  readonly cronIntervalMs?: number | undefined
}

/** A message that says "I live", for transports that have no ping of their own. */
export interface Heartbeat<In, Out> {
  /** Sent when nothing came in, or nothing went out, for so long. */
  readonly intervalMs: number
  /** Nothing at all came in for so long: ERR_HEARTBEAT_TIMEOUT. Greater than `intervalMs`. */
  readonly timeoutMs: number
  /** The same one each time; it is encoded anew for each session. */
  readonly message: NoInfer<Out>
  /** Which incoming messages are heartbeats: they are answered or not, counted, and kept from `onMessage`. @defaultValue none: all of them are messages */
  readonly match?: ((message: In) => boolean) | undefined
  /** Sent back for each of them; left out, they are not answered. @defaultValue none */
  readonly answer?: ((message: In) => NoInfer<Out>) | undefined
}

/** What a session is made of; shared by listen, dial, connect, attach and the test kit. */
export interface SessionSetup<In, Out, Data> extends Limits {
  /** Required: `In` and `Out` come from here, so hooks need no annotations. */
  readonly codec: Codec<In, Out> | ((peer: Peer) => Codec<In, Out>)
  /** For byte streams; takes the peer where it depends on it. @defaultValue lengthPrefixed() */
  readonly framing?: FramingFactory | ((peer: Peer) => FramingFactory) | undefined
  /** Makes `session.data` from certificate, request, database or the first messages. A throw refuses the session. Write it between `codec` and `listener`: TypeScript infers from left to right. @defaultValue none: `session.data` is undefined */
  readonly data?: ((peer: Opening<In, Out>) => Data | Promise<Data>) | undefined
  /** One for all sessions, or a function that makes one for each. @defaultValue none: messages are pulled, by `receive()` or `for await` */
  readonly listener?:
    | EventListener<In, Out, Data>
    | ((session: Session<In, Out, Data>) => EventListener<In, Out, Data>)
    | undefined
  /**
   * Instead of a listener (both: ERR_BAD_OPTION): one async function per session that pulls; the session closes when it
   * returns; a rejection is ERR_LISTENER (hook 'handle'), its own session's ERR_SESSION_CLOSED none. @defaultValue none
   */
  readonly handle?: ((session: Session<In, Out, Data>) => Promise<unknown>) | undefined
  /** First to last for what comes in, last to first for what goes out. @defaultValue none */
  readonly stages?: readonly NoInfer<StageFactory<In, Out>>[] | undefined
  /** Byte layers, innermost first. @defaultValue none */
  readonly wrap?: readonly Wrapper[] | undefined
  /** 'borrowed' reads into a reused buffer where the platform lets us; only with codecs that keep values. @defaultValue 'kept' */
  readonly chunks?: 'kept' | 'borrowed' | undefined
  /** For both sides alike, or one of them; on WebSocket its own pings do. @defaultValue none */
  readonly heartbeat?: Heartbeat<In, Out> | undefined
  /** 'stream': message transports are read as a byte stream, so that the framing decides. @defaultValue 'auto' */
  readonly boundary?: 'auto' | 'stream' | undefined
  /** Overrides for one peer. @defaultValue none */
  readonly limits?: ((peer: Peer) => Limits) | undefined
  /** In logs and metrics. @defaultValue none */
  readonly name?: string | undefined
  /** Who is told how many sessions there are and what passes through them; several Servers and Clients may share one. @defaultValue nobody */
  readonly metrics?: MetricsSink | undefined
  /** Who hears of what happens and of faults, never of messages. @defaultValue the Env's: warnings and errors on the console */
  readonly logger?: Logger | undefined
  /** Time, chance, sockets and files; a test gives a virtual one. @defaultValue the entry point's */
  readonly env?: Env | undefined
  /** Transports of your own, beside the built-in ones. @defaultValue none */
  readonly transports?: readonly Transport[] | undefined
}

/** A listener that reads `session.data` needs the option `data`: forgetting it is a compile error, not an undefined at night. */
export type NeedsData<Data> = undefined extends Data ? unknown : { readonly data: (peer: never) => unknown }

/** Limits with every default filled in. */
export type ResolvedLimits = { readonly [K in keyof Limits]-?: NonNullable<Limits[K]> }

/** The default of each limit, once for all. */
export const LIMIT_DEFAULTS: ResolvedLimits = {
  maxFrameBytes: 1024 * 1024,
  highWaterMarkBytes: 1024 * 1024,
  maxBufferedBytes: 16 * 1024 * 1024,
  overflow: 'close',
  inboundHighWaterMarkBytes: 256 * 1024,
  concurrency: 1,
  frameTimeoutMs: 30_000,
  openTimeoutMs: 10_000,
  closeTimeoutMs: 3_000,
  stallTimeoutMs: 0,
  idleTimeoutMs: 0,
  cronIntervalMs: 30_000,
}

/** `limits` over `base`; an explicit undefined keeps the base. @throws ERR_BAD_OPTION */
export function resolveLimits(limits: Limits, base: ResolvedLimits = LIMIT_DEFAULTS): ResolvedLimits {
  const resolved = withDefaults(base, limits)
  const { overflow, ...numbers } = resolved
  requireNumbers('', numbers)
  requireOneOf('overflow', overflow, ['close', 'drop', 'throw'])
  // A high-water mark above `maxBufferedBytes` would never be seen.
  return inOrder('', resolved, limits, 'highWaterMarkBytes', 'maxBufferedBytes')
}

/** `low` is not above `high`; where only one of them was given, the other follows. @throws ERR_BAD_OPTION */
export function inOrder<Name extends string, T extends Readonly<Record<Name, number>>>(
  group: string,
  resolved: T,
  given: { readonly [K in Name]?: number | undefined },
  low: Name,
  high: Name,
): T {
  if (resolved[low] <= resolved[high]) return resolved
  if (given[low] === undefined) return { ...resolved, [low]: resolved[high] }
  if (given[high] === undefined) return { ...resolved, [high]: resolved[low] }
  throw badOption(group + low, `must not exceed ${high}`)
}

/** The keys of `defaults`, each from `options` unless that is undefined. Other options are left out. */
export function withDefaults<T extends object>(
  defaults: T,
  options: { readonly [K in keyof T]?: T[K] | undefined },
): T {
  const resolved = { ...defaults }
  for (const key of Object.keys(defaults) as (keyof T)[]) {
    const value = options[key]
    if (value !== undefined) resolved[key] = value
  }
  return resolved
}

/**
 * Each of a group of numbers: times may be 0, which is off, sizes and counts may not, unless `minimum` says otherwise.
 * @throws ERR_BAD_OPTION as `requireNumber`
 */
export function requireNumbers(
  group: string,
  values: Readonly<Record<string, unknown>>,
  minimum: Readonly<Record<string, number>> = {},
): void {
  for (const name of Object.keys(values)) {
    requireNumber(group + name, values[name], minimum[name] ?? (name.endsWith('Ms') ? 0 : 1))
  }
}

/** @throws ERR_BAD_OPTION unless it is a finite number from `minimum` to `maximum`; sizes and counts are whole */
export function requireNumber(
  option: string,
  value: unknown,
  minimum: number,
  maximum: number = Number.MAX_SAFE_INTEGER,
): void {
  if (typeof value !== 'number' || !(value >= minimum && value <= maximum)) {
    throw badOption(
      option,
      `must be a number from ${minimum}${maximum === Number.MAX_SAFE_INTEGER ? ' on' : ` to ${maximum}`}`,
    )
  }
  if (!option.endsWith('Ms') && !Number.isInteger(value)) throw badOption(option, 'must be a whole number')
}

/** @throws ERR_BAD_OPTION unless it is one of `allowed` */
export function requireOneOf(option: string, value: unknown, allowed: readonly string[]): void {
  if (!allowed.includes(value as string)) throw badOption(option, `must be one of ${allowed.join(', ')}`)
}

/** @throws ERR_BAD_OPTION unless it is a function or left out */
export function requireFunction(option: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw badOption(option, 'must be a function')
}
