import { describe, type HawserError, listenerFailed, type SessionError } from './errors.ts'
import type { EventListener } from './event-listener.ts'
import type { CloseCause, Session } from './session.ts'
import type { SessionConfig } from './session-config.ts'
import { isThenable } from './thenable.ts'

/** What Hooks tells its session. */
export interface HooksHost {
  /** A hook threw or rejected: ERR_LISTENER that names it. */
  hookFailed(error: HawserError): void
}

/**
 * The listener of one session, and how each of its hooks is called. No method throws: what a hook throws or rejects with
 * is told to the host or, where no hook may hear of it any more, logged. When a hook may begin is the session's concern.
 */
export class Hooks<In, Out, Data> {
  readonly #session: Session<In, Out, Data>
  readonly #config: SessionConfig<In, Out, Data>
  readonly #host: HooksHost
  #listener: EventListener<In, Out, Data> | undefined
  #cronRunning = false
  /** `onOpen` was begun, so `onClose` will be called. */
  begun = false

  constructor(session: Session<In, Out, Data>, config: SessionConfig<In, Out, Data>, host: HooksHost) {
    this.#session = session
    this.#config = config
    this.#host = host
  }

  get hasCron(): boolean {
    return this.#listener?.onCron !== undefined
  }

  /** Takes the session's listener, or makes it. @throws what the function that makes it throws */
  choose(): void {
    const { listener } = this.#config.setup
    this.#listener = typeof listener === 'function' ? listener(this.#session) : listener
  }

  /** Begins `onOpen`. @param opened called when it is done, at once or later; not where it fails */
  open(opened: () => void): void {
    this.begun = true
    this.#call('onOpen', opened)
  }

  /** Gives what `onMessage` gave. */
  message(message: In): unknown {
    try {
      return this.#listener?.onMessage?.(this.#session, message)
    } catch (error) {
      this.#host.hookFailed(listenerFailed('onMessage', error, true))
      return undefined
    }
  }

  /** Unless the one before still runs. */
  cron(): void {
    if (this.#cronRunning) return
    this.#cronRunning = true
    const settled = (): void => {
      this.#cronRunning = false
    }
    this.#call('onCron', settled, (error) => {
      settled()
      this.#host.hookFailed(error)
    })
  }

  drain(): void {
    this.#call('onDrain')
  }

  /** `onError` where nothing depends on what it gives: the error closes anyway, or never does. */
  tell(error: HawserError): void {
    const result = this.report(error)
    if (isThenable(result)) {
      Promise.resolve(result).catch((thrown: unknown) => this.log(listenerFailed('onError', thrown, false)))
    }
  }

  /** Gives what `onError` gave; where there is none, the error is logged. */
  report(error: HawserError): unknown {
    const onError = this.#listener?.onError
    if (onError === undefined) {
      this.log(error)
      return undefined
    }
    try {
      return onError.call(this.#listener, this.#session, error as SessionError) // of one class, told apart by `code`
    } catch (thrown) {
      this.log(listenerFailed('onError', thrown, false))
      return undefined
    }
  }

  /** `onShutdown`. Resolves when it is done, and never rejects: it closes anyway, so what it throws is reported and no more. */
  async shutdown(options: { readonly signal: AbortSignal }): Promise<void> {
    try {
      await this.#listener?.onShutdown?.(this.#session, options)
    } catch (error) {
      const failure = listenerFailed('onShutdown', error, false)
      if (this.#session.phase === 'closed') this.log(failure)
      else this.tell(failure)
    }
  }

  /** `onClose`, which is not waited for. */
  close(cause: CloseCause): void {
    this.#call('onClose', undefined, (error) => this.log(error), cause)
  }

  /** For faults that no hook hears of: one line for each code in a while. */
  log(error: HawserError): void {
    const { runtime, logger, setup } = this.#config
    runtime.logs.log(error.code, (suppressed) => {
      const { id } = this.#session
      // Only what the application threw: causes from below may quote what the peer sent.
      const cause = error.code === 'ERR_LISTENER' ? describe(error.cause) : undefined
      const fields = { session: id, server: setup.name, code: error.code, cause, suppressed }
      logger.warn(`session ${id}: ${error.message}`, fields)
    })
  }

  #call(
    hook: 'onOpen' | 'onCron' | 'onDrain' | 'onClose',
    settled?: () => void,
    failed: (error: HawserError) => void = (error) => this.#host.hookFailed(error),
    cause?: CloseCause,
  ): void {
    const onThrown = (thrown: unknown): void =>
      failed(listenerFailed(hook, thrown, hook === 'onCron' || hook === 'onDrain'))
    let result: unknown
    try {
      result = this.#listener?.[hook]?.(this.#session, cause as CloseCause) // the others do not look at it
    } catch (thrown) {
      return onThrown(thrown)
    }
    if (isThenable(result)) Promise.resolve(result).then(settled, onThrown)
    else settled?.()
  }
}
