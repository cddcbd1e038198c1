import { addAbortHook, removeAbortHook } from '../core/abort-hooks.ts'
import type { Client } from '../core/client.ts'
import type { Env } from '../core/env.ts'
import { describe, HawserError, isHawserError } from '../core/errors.ts'
import type { LiveClient } from '../core/live-client.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireNumber } from '../core/session-options.ts'
import { wrongWait } from '../core/wait.ts'
import { type Caller, callsOf, type MethodTarget } from './calls.ts'
import type { AnyService } from './contract.ts'
import type { RpcFrame } from './frame.ts'
import type { LivePeer } from './live-peer.ts'
import { RPC_DEFAULTS } from './options.ts'
import type { CallOptions, Calls, RpcPeer } from './peer.ts'
import { Retry, type RetryOptions } from './retry.ts'
import { livePeerOf } from './rpc.ts'
import { callFailed, isRpcError, type RpcError, unsure } from './rpc-error.ts'

/** What `rpcClient` takes. */
export interface RpcClientOptions {
  /** False: each call is made once. @defaultValue {}: see RetryOptions */
  readonly retry?: false | RetryOptions | undefined
  /** For a whole call: waiting for a session and all attempts; 0 is no limit. @defaultValue 30 000 */
  readonly timeoutMs?: number | undefined
  /** A session on which so many calls in a row ran out of time, with no answer between, is replaced; 0 is never. @defaultValue 3 */
  readonly maxTimeouts?: number | undefined
}

const CLIENT_DEFAULTS = { timeoutMs: RPC_DEFAULTS.timeoutMs, maxTimeouts: 3 }

/**
 * Calls over whichever session of the Client is open and has the fewest calls in progress; where none is, they wait for
 * one. Peers that are leaving get no new calls. Streams stay with the session that they began on.
 * @throws ERR_BAD_OPTION
 */
export function rpcClient<S extends AnyService, Data>(
  client: Client<RpcFrame, RpcFrame, RpcPeer<Data>>,
  service: S,
  options: RpcClientOptions = {},
): Calls<S> {
  requireKnown('rpcClient.', options, ['retry', ...Object.keys(CLIENT_DEFAULTS)])
  const { timeoutMs = CLIENT_DEFAULTS.timeoutMs, maxTimeouts = CLIENT_DEFAULTS.maxTimeouts, retry = {} } = options
  requireNumber('timeoutMs', timeoutMs, 0)
  requireNumber('maxTimeouts', maxTimeouts, 0)
  const live = client as unknown as LiveClient<RpcFrame, RpcFrame, RpcPeer<Data>> // there is no other kind
  const retries = retry === false ? undefined : new Retry(retry)
  return callsOf(service, new ClientCaller(live, live.env, retries, timeoutMs, maxTimeouts))
}

/** One call, over all its attempts. */
interface Attempt {
  readonly target: MethodTarget
  readonly input: unknown
  readonly options: CallOptions | undefined
  /** Env time; Infinity where there is no limit. */
  readonly dueAt: number
  count: number
}

class ClientCaller<Data> implements Caller<MethodTarget> {
  readonly #client: Client<RpcFrame, RpcFrame, RpcPeer<Data>>
  readonly #env: Env
  readonly #retry: Retry | undefined
  readonly #timeoutMs: number
  readonly #maxTimeouts: number
  /** So that equals take turns. */
  #choices = 0

  constructor(
    client: Client<RpcFrame, RpcFrame, RpcPeer<Data>>,
    env: Env,
    retry: Retry | undefined,
    timeoutMs: number,
    maxTimeouts: number,
  ) {
    this.#client = client
    this.#env = env
    this.#retry = retry
    this.#timeoutMs = timeoutMs
    this.#maxTimeouts = maxTimeouts
  }

  /** Which session it goes to, each call shows. */
  methodOf(target: MethodTarget): MethodTarget {
    return target
  }

  call(target: MethodTarget, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    const { kind, timeoutMs: ofMethod } = target.definition
    const timeoutMs = options?.timeoutMs ?? ofMethod ?? (kind === 'unary' ? this.#timeoutMs : 0)
    const dueAt = timeoutMs === 0 ? Infinity : this.#env.now() + timeoutMs
    this.#retry?.count()
    return this.#attempt({ target, input, options, dueAt, count: 0 })
  }

  tell(target: MethodTarget, input: unknown, options: CallOptions | undefined): void {
    const peer = this.#leastLoaded()
    if (peer === undefined) throw callFailed('unavailable', 'no session is open', 'no')
    peer.calls.tell(peer.calls.methodOf(target), input, options)
  }

  read(target: MethodTarget, input: unknown, options: CallOptions | undefined): AsyncIterable<unknown> {
    return {
      [Symbol.asyncIterator]: () => {
        const peer = this.#leastLoaded()
        if (peer === undefined) return this.#readLater(target, input, options)
        return peer.calls.read(peer.calls.methodOf(target), input, options)[Symbol.asyncIterator]()
      },
    }
  }

  async *#readLater(target: MethodTarget, input: unknown, options: CallOptions | undefined): AsyncGenerator<unknown> {
    const timeoutMs = options?.timeoutMs ?? target.definition.timeoutMs ?? 0
    const dueAt = timeoutMs === 0 ? Infinity : this.#env.now() + timeoutMs
    const peer = await this.#peer(dueAt, options?.signal)
    yield* peer.calls.read(peer.calls.methodOf(target), input, { ...options, timeoutMs: this.#left(dueAt) })
  }

  #attempt(attempt: Attempt): Promise<unknown> {
    const peer = this.#leastLoaded()
    if (peer !== undefined) return this.#attemptOn(peer, attempt)
    return this.#peer(attempt.dueAt, attempt.options?.signal).then((found) => this.#attemptOn(found, attempt))
  }

  #attemptOn(peer: LivePeer<Data>, attempt: Attempt): Promise<unknown> {
    const { target, input, options, dueAt } = attempt
    attempt.count++
    return peer.calls
      .call(peer.calls.methodOf(target), input, { ...options, timeoutMs: this.#left(dueAt) })
      .catch((error: unknown) => this.#failed(peer, attempt, error))
  }

  async #failed(peer: LivePeer<Data>, attempt: Attempt, error: unknown): Promise<unknown> {
    this.#judge(peer, error)
    const { target, options, dueAt } = attempt
    const { kind, idempotent } = target.definition
    if (kind !== 'unary') throw error // what it streams was read already
    const delayMs = this.#retry?.delayMs(error, idempotent, attempt.count, this.#env.random())
    if (delayMs === undefined || this.#env.now() + delayMs >= dueAt) throw error
    try {
      await this.#pause(delayMs, options?.signal, error)
      return await this.#attempt(attempt)
    } catch (later) {
      // What became of the last attempt says nothing of those before it.
      throw isRpcError(error) && error.sent === 'no' ? later : unsure(later)
    }
  }

  /** A session on which nothing is ever answered is of no use, whatever its transport says. */
  #judge(peer: LivePeer<Data>, error: unknown): void {
    if (this.#maxTimeouts === 0 || peer.calls.overdue < this.#maxTimeouts || !isRpcError(error, 'deadline_exceeded'))
      return
    peer.calls.overdue = 0
    peer.session.destroy(
      new HawserError('ERR_TIMEOUT', `${this.#maxTimeouts} calls in a row were not answered in time`, {
        retryable: true,
      }),
    )
  }

  #leastLoaded(): LivePeer<Data> | undefined {
    let best: LivePeer<Data> | undefined
    for (const session of this.#client.sessions) {
      const peer = livePeerOf(session)
      if (!peer.callable) continue
      const isBetter = best === undefined || peer.outgoing < best.outgoing
      if (isBetter || (peer.outgoing === best?.outgoing && peer.chosenAt < best.chosenAt)) best = peer
    }
    if (best !== undefined) best.chosenAt = ++this.#choices
    return best
  }

  async #peer(dueAt: number, signal: AbortSignal | undefined): Promise<LivePeer<Data>> {
    for (;;) {
      const found = this.#leastLoaded()
      if (found !== undefined) return found
      if (dueAt <= this.#env.now()) throw callFailed('deadline_exceeded', 'no session was open in time', 'no')
      const wait = { signal, timeoutMs: this.#left(dueAt) }
      const [session] = this.#client.sessions
      try {
        if (session === undefined) await this.#client.session(wait)
        else await livePeerOf(session).peers.next(this.#env, wait)
      } catch (error) {
        throw waitFailed(error, signal)
      }
    }
  }

  /** As the option `timeoutMs`: 0 is no limit. */
  #left(dueAt: number): number {
    return dueAt === Infinity ? 0 : Math.max(1, Math.ceil(dueAt - this.#env.now()))
  }

  /** Rejects at once with `error`, the last failure, where the call is canceled meanwhile. */
  #pause(delayMs: number, signal: AbortSignal | undefined, error: unknown): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(error)
    return new Promise((resolve, reject) => {
      const timer = this.#env.setTimer(
        delayMs,
        () => {
          if (signal !== undefined) removeAbortHook(signal, onAbort)
          resolve()
        },
        true,
      )
      const onAbort = (): void => {
        timer.cancel()
        reject(canceled(signal))
      }
      if (signal !== undefined) addAbortHook(signal, onAbort)
    })
  }
}

function waitFailed(error: unknown, signal: AbortSignal | undefined): RpcError {
  if (signal?.aborted === true) return canceled(signal)
  if (isHawserError(error, 'ERR_TIMEOUT')) {
    return callFailed('deadline_exceeded', 'no session was open in time', 'no', { cause: error })
  }
  return callFailed('unavailable', `no session can be had: ${describe(error)}`, 'no', { cause: error })
}

function canceled(signal: AbortSignal | undefined): RpcError {
  const cause: unknown = signal?.reason
  return callFailed('canceled', `the call was canceled: ${describe(cause)}`, 'no', { cause })
}
