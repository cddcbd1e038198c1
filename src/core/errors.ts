import { known } from './known.ts'

/** Every code that Hawser uses, each described in docs/errors.md. */
export type ErrorCode =
  | 'ERR_BAD_ADDRESS'
  | 'ERR_BAD_OPTION'
  | 'ERR_ADDRESS_IN_USE'
  | 'ERR_CONNECTION_REFUSED'
  | 'ERR_CONNECTION_RESET'
  | 'ERR_HOST_NOT_FOUND'
  | 'ERR_UNREACHABLE'
  | 'ERR_PERMISSION'
  | 'ERR_PROXY'
  | 'ERR_TLS'
  | 'ERR_SESSION_CLOSED'
  | 'ERR_REFUSED'
  | 'ERR_TOO_MANY_SESSIONS'
  | 'ERR_FRAME_TOO_LARGE'
  | 'ERR_MESSAGE_TOO_LARGE'
  | 'ERR_BAD_FRAME'
  | 'ERR_BAD_MESSAGE'
  | 'ERR_ENCODE'
  | 'ERR_OVERFLOW'
  | 'ERR_STALLED'
  | 'ERR_TIMEOUT'
  | 'ERR_IDLE_TIMEOUT'
  | 'ERR_HEARTBEAT_TIMEOUT'
  | 'ERR_FRAME_TIMEOUT'
  | 'ERR_LISTENER'
  | 'ERR_TRUNCATED'
  | 'ERR_RATE_LIMIT'
  | 'ERR_COMPRESSION'
  | 'ERR_RPC'

/** What an error of some codes carries beside its text, as its own properties. */
export interface ErrorDetails {
  ERR_FRAME_TOO_LARGE: { readonly frameBytes: number; readonly limitBytes: number }
  ERR_MESSAGE_TOO_LARGE: { readonly messageBytes: number; readonly limitBytes: number }
  /** `status`: HTTP status or WebSocket close code that the peer was or shall be told. */
  ERR_REFUSED: { readonly status?: number | undefined }
  /** `part`: what is wrong about the address: scheme, host, port, path. */
  ERR_BAD_ADDRESS: { readonly part: string }
  /** `option`: its name, with a dot where it stands in a group: `heartbeat.timeoutMs`. */
  ERR_BAD_OPTION: { readonly option: string }
  /** `hook`: onMessage, data, handle …; `cause` is what it threw. */
  ERR_LISTENER: { readonly hook: string }
}

/** What a HawserError is made with, beside its code and text. */
export type HawserErrorOptions<Code extends ErrorCode> = {
  readonly cause?: unknown
  readonly retryable?: boolean | undefined
  readonly keepable?: boolean | undefined
} & (Code extends keyof ErrorDetails ? { readonly details?: ErrorDetails[Code] } : unknown)

/** Errors are recognised by this mark, so that two copies of the package in one program understand each other. */
const MARK = Symbol.for('hawser.error')

/** The one class of error. Recognise it by `isHawserError` and `code`; its text is for people and may change. */
export class HawserError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code
  /** Trying again may help. */
  readonly retryable: boolean
  /** `onError` may return 'keep', and the session lives on. */
  readonly keepable: boolean

  constructor(code: Code, message: string, options: HawserErrorOptions<Code> = {} as HawserErrorOptions<Code>) {
    super(message, options) // Error takes `cause` of them, where they have one
    this.code = code
    this.retryable = options.retryable ?? false
    this.keepable = options.keepable ?? false
    if ('details' in options) Object.assign(this, options.details)
    Object.defineProperty(this, MARK, { value: true })
  }

  override get name(): string {
    return 'HawserError'
  }
}

/** The errors of these codes, each with the details of its own. */
export type ErrorOf<Code extends ErrorCode> = {
  [C in Code]: HawserError<C> & (C extends keyof ErrorDetails ? ErrorDetails[C] : unknown)
}[Code]

/** A union told apart by `code`, so that a `switch` narrows to the data of each. */
export type SessionError = ErrorOf<ErrorCode>

/** Whether it is an error of Hawser, with one of `codes` if any are given. Works across copies of the package, where `instanceof` does not. */
export function isHawserError<C extends ErrorCode = ErrorCode>(error: unknown, ...codes: C[]): error is ErrorOf<C> {
  if (typeof error !== 'object' || error === null || !(MARK in error)) return false
  return codes.length === 0 || (codes as string[]).includes((error as unknown as HawserError).code)
}

/**
 * The error to throw from the option `data` or the hook `onOpen` to turn a peer away.
 * `status` is the HTTP answer (before a WebSocket's 101) or the close code (after it); other transports just close.
 */
export function refused(
  reason: string,
  options: { readonly status?: number | undefined; readonly cause?: unknown } = {},
): HawserError<'ERR_REFUSED'> {
  const { status } = options
  return new HawserError('ERR_REFUSED', reason, {
    ...('cause' in options ? { cause: options.cause } : {}),
    details: { status },
  })
}

// The errors that several files make; each of the others is made where it happens.

/** A wrong option, by its name. */
export function badOption(option: string, complaint: string): HawserError<'ERR_BAD_OPTION'> {
  return new HawserError('ERR_BAD_OPTION', `option ${option} ${complaint}`, { details: { option } })
}

/** A frame of the peer above the limit. */
export function frameTooLarge(frameBytes: number, limitBytes: number): HawserError<'ERR_FRAME_TOO_LARGE'> {
  return new HawserError('ERR_FRAME_TOO_LARGE', `frame of ${frameBytes} B exceeds maxFrameBytes (${limitBytes} B)`, {
    details: { frameBytes, limitBytes },
  })
}

/** A message of ours above the limit. @param limit whose it is, for the text */
export function messageTooLarge(
  messageBytes: number,
  limitBytes: number,
  limit = 'maxFrameBytes',
): HawserError<'ERR_MESSAGE_TOO_LARGE'> {
  return new HawserError('ERR_MESSAGE_TOO_LARGE', `message of ${messageBytes} B exceeds ${limit} (${limitBytes} B)`, {
    details: { messageBytes, limitBytes },
  })
}

/** Where the next frame begins cannot be known. */
export function badFrame(complaint: string): HawserError<'ERR_BAD_FRAME'> {
  return new HawserError('ERR_BAD_FRAME', complaint)
}

/** A frame that is no message. */
export function badMessage(complaint: string, cause?: unknown): HawserError<'ERR_BAD_MESSAGE'> {
  return new HawserError('ERR_BAD_MESSAGE', complaint, known({ cause }))
}

/** What a codec threw: what it meant to, or a fault of its own. */
export function undecodable(thrown: unknown): HawserError {
  return isHawserError(thrown) ? thrown : badMessage(`a frame cannot be decoded: ${describe(thrown)}`, thrown)
}

/** A message that its codec or framing cannot put on the wire; thrown to the caller of `send`. */
export function cannotEncode(complaint: string, cause?: unknown): HawserError<'ERR_ENCODE'> {
  return new HawserError('ERR_ENCODE', complaint, known({ cause }))
}

/** What a codec or framing threw: what it meant to, or a fault of its own. */
export function encodeFailed(thrown: unknown): HawserError {
  if (isHawserError(thrown, 'ERR_ENCODE', 'ERR_MESSAGE_TOO_LARGE')) return thrown
  return cannotEncode(`the message cannot be encoded: ${describe(thrown)}`, thrown)
}

/** A message for which there is no room. @param bytes that would wait with it */
export function overflown(bytes: number, maxBufferedBytes: number): HawserError<'ERR_OVERFLOW'> {
  return new HawserError('ERR_OVERFLOW', `${bytes} B would wait for the peer; maxBufferedBytes is ${maxBufferedBytes}`)
}

/** What was waited for cannot come any more. */
export function sessionClosed(complaint: string, cause?: unknown): HawserError<'ERR_SESSION_CLOSED'> {
  return new HawserError('ERR_SESSION_CLOSED', complaint, known({ cause }))
}

/** Why `send` did not take a message. `maySend`: whether the session was one that sends. */
export function notTaken(maySend: boolean): HawserError {
  if (maySend)
    return new HawserError('ERR_OVERFLOW', 'dropped: maxBufferedBytes wait already', {
      retryable: true,
    })
  return sessionClosed('the session is closed')
}

/** A wait that took longer than it was given. @param cause what went wrong last, where something is tried again and again */
export function timedOut(what: string, timeoutMs: number, cause?: Error): HawserError<'ERR_TIMEOUT'> {
  return new HawserError('ERR_TIMEOUT', `${what} took longer than ${timeoutMs} ms`, {
    retryable: true,
    ...known({ cause }),
  })
}

/** What a hook of the application threw. */
export function listenerFailed(hook: string, cause: unknown, keepable: boolean): HawserError<'ERR_LISTENER'> {
  return new HawserError('ERR_LISTENER', `${hook} threw: ${describe(cause)}`, { cause, keepable, details: { hook } })
}

/** One line about anything that was thrown. */
export function describe(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown)
  } catch {
    return 'a value that cannot be shown' // its toString threw as well
  }
}
