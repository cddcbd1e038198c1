import { HawserError, isHawserError } from '../core/errors.ts'
import { RPC_STATUSES, type RpcStatus } from './rpc-status.ts'

/** What an RpcError is made with, beside its status and text. */
export interface RpcErrorOptions {
  /** For the caller's program; travels to it as JSON, or as the wire's own values. @defaultValue none */
  readonly data?: unknown
  /** Stays on this side. @defaultValue none */
  readonly cause?: unknown
  /** On a JSON-RPC wire, instead of the code that belongs to the status. @defaultValue that of the status */
  readonly jsonRpcCode?: number | undefined
}

/**
 * Why a call failed. A handler throws one to tell its caller status, message and data; whatever else a handler throws
 * reaches the caller as `internal`, without its text.
 */
export class RpcError extends HawserError<'ERR_RPC'> {
  readonly status: RpcStatus
  readonly data: unknown
  /**
   * Whether the handler can have run: 'no' is certain, so that trying again is safe; 'yes': it was begun and has
   * answered; 'maybe': nobody here knows.
   */
  readonly sent: 'no' | 'maybe' | 'yes'
  readonly jsonRpcCode: number | undefined

  constructor(status: RpcStatus, message: string, options: RpcErrorOptions = {}) {
    super('ERR_RPC', message, {
      ...('cause' in options ? { cause: options.cause } : {}),
      retryable: status === 'unavailable' || status === 'resource_exhausted',
    })
    this.status = status
    this.data = options.data
    this.sent = 'yes'
    this.jsonRpcCode = options.jsonRpcCode
  }
}

/** Whether it is an RpcError, with one of these statuses if any are given. Works across copies of the package. */
export function isRpcError(error: unknown, ...status: RpcStatus[]): error is RpcError {
  if (!isHawserError(error, 'ERR_RPC')) return false
  const own = (error as Partial<RpcError>).status
  return own !== undefined && (status.length === 0 ? RPC_STATUSES.includes(own) : status.includes(own))
}

/** An error of a call that did not come from its handler: `sent` says whether that can have run. */
export function callFailed(
  status: RpcStatus,
  message: string,
  sent: RpcError['sent'],
  options: RpcErrorOptions = {},
): RpcError {
  return Object.assign(new RpcError(status, message, options), { sent })
}

/** The same error of a call that may have run, whatever the error itself says. */
export function unsure(error: unknown): unknown {
  if (!isRpcError(error) || error.sent !== 'no') return error
  const { status, message, data, jsonRpcCode } = error
  return callFailed(status, message, 'maybe', { data, jsonRpcCode, cause: error })
}
