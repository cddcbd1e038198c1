import type { ErrorBody } from './frame.ts'
import { MAX_ERROR_TEXT_BYTES } from './limits.ts'
import type { RpcStatus } from './rpc-status.ts'

/** The bytes are not JSON, or more of it than our limits allow. */
export const PARSE_ERROR = -32_700
/** It is JSON, and not a request. */
export const INVALID_REQUEST = -32_600
const METHOD_NOT_FOUND = -32_601

/**
 * The code of each status. Four are the specification's, `canceled` is that of language servers; the others are -32000
 * less the number that gRPC gives the status, in the range that is left to servers.
 */
const CODES: { readonly [S in RpcStatus]: number } = {
  unimplemented: METHOD_NOT_FOUND,
  invalid_argument: -32_602,
  internal: -32_603,
  canceled: -32_800,
  unknown: -32_002,
  deadline_exceeded: -32_004,
  not_found: -32_005,
  already_exists: -32_006,
  permission_denied: -32_007,
  resource_exhausted: -32_008,
  failed_precondition: -32_009,
  aborted: -32_010,
  out_of_range: -32_011,
  unavailable: -32_014,
  data_loss: -32_015,
  unauthenticated: -32_016,
}

const STATUSES: ReadonlyMap<number, RpcStatus> = /* @__PURE__ */ new Map<number, RpcStatus>([
  ...Object.entries(CODES).map(([status, code]) => [code, status as RpcStatus] as const),
  [PARSE_ERROR, 'internal'], // the peer did not understand us
  [INVALID_REQUEST, 'internal'],
])

/** The `error` member of an answer. */
export interface JsonRpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** @returns what goes on the wire: the error's own code, or that of its status */
export function jsonRpcErrorOf({ status, message, data, jsonRpcCode }: ErrorBody): JsonRpcError {
  const code = Number.isSafeInteger(jsonRpcCode) ? (jsonRpcCode as number) : CODES[status]
  return data === undefined ? { code, message } : { code, message, data }
}

/** @returns what `error` says; undefined where it is no error object. Codes that no status has are `unknown`. */
export function errorBodyOf(error: unknown): ErrorBody | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code, message, data } = error as Partial<Record<string, unknown>>
  if (!Number.isSafeInteger(code) || typeof message !== 'string') return undefined
  const jsonRpcCode = code as number
  return {
    status: STATUSES.get(jsonRpcCode) ?? 'unknown',
    message: message.slice(0, MAX_ERROR_TEXT_BYTES),
    data,
    notRun: jsonRpcCode === METHOD_NOT_FOUND || jsonRpcCode === INVALID_REQUEST || jsonRpcCode === PARSE_ERROR,
    jsonRpcCode,
  }
}
