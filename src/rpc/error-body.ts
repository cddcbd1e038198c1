import { utf8Length } from '../core/bytes.ts'
import { isHawserError } from '../core/errors.ts'
import { type CallId, type ErrorBody, Frame, FrameType } from './frame.ts'
import { MAX_ERROR_TEXT_BYTES } from './limits.ts'
import { callFailed, isRpcError, type RpcError } from './rpc-error.ts'

/**
 * The ERROR that tells a caller what was thrown. Of what is not an RpcError it tells nothing: texts and stacks of a
 * program are not for its peers.
 * @param notRun the handler was not begun
 */
export function errorFrame(id: CallId, thrown: unknown, { notRun }: { readonly notRun: boolean }): Frame {
  const body: ErrorBody = isRpcError(thrown)
    ? {
        status: thrown.status,
        message: shortened(thrown.message),
        data: thrown.data,
        notRun,
        jsonRpcCode: thrown.jsonRpcCode,
      }
    : { status: 'internal', message: 'the handler failed', data: undefined, notRun, jsonRpcCode: undefined }
  return new Frame(FrameType.ERROR, id, '', body)
}

/** The same, where its data cannot be encoded. */
export function withoutData(frame: Frame): Frame {
  const bare = new Frame(frame.type, frame.id, frame.name, { ...(frame.body as ErrorBody), data: undefined })
  bare.metadata = frame.metadata
  return bare
}

/** Why a call of ours was not sent. */
export function notSent(error: unknown): RpcError {
  if (isRpcError(error)) return error
  const message = error instanceof Error ? error.message : 'it could not be encoded'
  const status = isHawserError(error, 'ERR_MESSAGE_TOO_LARGE', 'ERR_OVERFLOW')
    ? 'resource_exhausted'
    : 'invalid_argument'
  return callFailed(status, `the call was not sent: ${message}`, 'no', { cause: error })
}

/** Cut between two characters, so that what is left is text. */
function shortened(text: string): string {
  if (text.length * 3 <= MAX_ERROR_TEXT_BYTES || utf8Length(text) <= MAX_ERROR_TEXT_BYTES) return text
  let cut = text.slice(0, MAX_ERROR_TEXT_BYTES / 3 - 1)
  if (/[\uD800-\uDBFF]$/.test(cut)) cut = cut.slice(0, -1)
  return `${cut}…`
}
