import type { Session } from '../core/session.ts'
import type { Wait } from '../core/wait.ts'
import type { AnyMethod, AnyService, Method, Service } from './contract.ts'

/** What a handler knows of the call that it answers. */
export interface RpcContext<out Data = unknown> {
  /** Aborts on cancel, deadline and loss of the session. Made when first asked for. */
  readonly signal: AbortSignal
  /** Until the caller gives up; Infinity where it never does. */
  readonly remainingMs: number
  /** What the caller sent along. */
  readonly metadata: ReadonlyMap<string, string>
  /** What goes back along with the answer. Set it before that. */
  readonly answerMetadata: Map<string, string>
  /** Who calls: to call back. */
  readonly peer: RpcPeer<Data>
  /** What the option `data` made of the peer. */
  readonly data: Data
}

type Give<T> = T | Promise<T>

// oxlint-disable typescript/no-explicit-any -- places that are not looked at
/** What serves a method: plain functions of what comes in, and generators where a stream goes out. */
export type Handler<M, Data> =
  M extends Method<'unary', any, infer I, infer O, any>
    ? (input: I, context: RpcContext<Data>) => Give<O>
    : M extends Method<'one-way', any, infer I, any, any>
      ? (input: I, context: RpcContext<Data>) => unknown
      : M extends Method<'server-stream', any, infer I, infer O, any>
        ? (input: I, context: RpcContext<Data>) => AsyncIterable<O> | Iterable<O>
        : M extends Method<'client-stream', any, infer I, infer O, any>
          ? (input: AsyncIterable<I>, context: RpcContext<Data>) => Give<O>
          : M extends Method<'bidi-stream', any, infer I, infer O, any>
            ? (input: AsyncIterable<I>, context: RpcContext<Data>) => AsyncIterable<O> | Iterable<O>
            : never

/** All handlers of a service. */
export type Handlers<S, Data = unknown> =
  S extends Service<infer M> ? { readonly [K in keyof M]: Handler<M[K], Data> } : never

/**
 * What each call takes. Over time: `deadline_exceeded`; aborted: `canceled`, with the signal's reason as `cause`. Either
 * way the handler's own signal aborts.
 */
export interface CallOptions extends Wait {
  /** Milliseconds; 0 is no limit. @defaultValue that of the method, else of the client, else of the peer: 30 000 */
  readonly timeoutMs?: number | undefined
  /** Goes along with the call. @defaultValue none */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Called with what came along with the answer, before the call settles; not where nothing did. @defaultValue none */
  readonly onMetadata?: ((metadata: ReadonlyMap<string, string>) => void) | undefined
}

type Args<I> = [I] extends [void] ? [input?: undefined, options?: CallOptions] : [input: I, options?: CallOptions]

/** A method as its caller sees it. A stream is called when it is iterated, and canceled when that ends early. */
export type Call<M> =
  M extends Method<'unary', infer I, any, any, infer O>
    ? (...args: Args<I>) => Promise<O>
    : M extends Method<'one-way', infer I, any, any, any>
      ? (...args: Args<I>) => void
      : M extends Method<'server-stream', infer I, any, any, infer O>
        ? (...args: Args<I>) => AsyncIterable<O>
        : M extends Method<'client-stream', infer I, any, any, infer O>
          ? (input: Iterable<I> | AsyncIterable<I>, options?: CallOptions) => Promise<O>
          : M extends Method<'bidi-stream', infer I, any, any, infer O>
            ? (input: Iterable<I> | AsyncIterable<I>, options?: CallOptions) => AsyncIterable<O>
            : never
// oxlint-enable typescript/no-explicit-any

/** All methods of a service, to call. */
export type Calls<S> =
  S extends Service<infer M extends Record<string, AnyMethod>> ? { readonly [K in keyof M]: Call<M[K]> } : never

/** A call to a method that nobody serves, as a gateway sees it: not decoded. */
export interface UnservedCall {
  /** Its name on the wire: `service.method`. */
  readonly method: string
  /** As the wire's body has it. */
  readonly body: Uint8Array
}

/** Figures of one peer. */
export interface RpcStats {
  /** Our calls that are not answered yet. */
  readonly outgoing: number
  /** Theirs that are not answered yet. */
  readonly incoming: number
  /** Answers that nobody waited for any more: canceled, over time, or never asked for. */
  readonly lateAnswers: number
}

/** The other end of a session: it may be called, and calls. Both ends have one, and they can do the same. */
export interface RpcPeer<out Data = unknown> {
  /** What the option `data` made of it. */
  readonly data: Data
  /** What it runs over: addresses, certificate, closing. Nothing can be sent through it by hand. */
  readonly session: Session<unknown, never, unknown>
  /**
   * Serves a service to this peer, and tells it so; at any time. Disposing of it ends that.
   * @throws ERR_BAD_OPTION where a handler is missing, or one of its methods is served already
   */
  serve<S extends AnyService>(service: S, handlers: Handlers<S, Data>): Disposable
  /** The peer's methods, to call. Costs little, and may be kept. */
  client<S extends AnyService>(service: S): Calls<S>
  /**
   * Resolves when the peer serves them all.
   * @throws (as a rejection) as any Wait; `unavailable` when the session closes first; `unimplemented` on a wire that announces nothing
   */
  waitFor(services: readonly AnyService[], options?: Wait): Promise<void>
  /**
   * Takes every unary call that nobody serves, undecoded: gateways.
   * @throws ERR_BAD_OPTION where there is one already
   */
  fallback(handler: (call: UnservedCall, context: RpcContext<Data>) => Give<Uint8Array>): Disposable
  /** A unary call by its name on the wire, with a body that is encoded already: the other side of a gateway. */
  forward(call: UnservedCall, options?: CallOptions): Promise<Uint8Array>
  /** A snapshot. */
  readonly stats: RpcStats
  /** No new calls either way; those in progress end, then the session closes. */
  close(options?: Wait): Promise<void>
}
