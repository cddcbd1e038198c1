import { utf8Length } from '../core/bytes.ts'
import { describe, isHawserError } from '../core/errors.ts'
import type { JsonText } from '../core/json-text.ts'
import { type CallId, type ErrorBody, Frame, FrameType } from './frame.ts'
import { errorBodyOf, INVALID_REQUEST, PARSE_ERROR } from './json-rpc-error.ts'
import { MAX_NAME_BYTES } from './limits.ts'

/** Of an id that is a string, in UTF-16 units. */
const MAX_ID_LENGTH = 256

/** A JSON object of the peer, of which nothing is known. */
type Members = Readonly<Record<string, unknown>>

/** What a JSON-RPC message says, as frames. Nothing in one makes it throw: what is wrong becomes a MALFORMED frame. */
export class JsonRpcReader {
  readonly #json: JsonText
  readonly #cancelMethod: string | undefined
  readonly #maxBatch: number

  constructor(json: JsonText, cancelMethod: string | undefined, maxBatch: number) {
    this.#json = json
    this.#cancelMethod = cancelMethod
    this.#maxBatch = maxBatch
  }

  read(bytes: Uint8Array): Frame {
    let value: unknown
    try {
      value = this.#json.parse(bytes)
    } catch (error) {
      if (!isHawserError(error, 'ERR_BAD_MESSAGE')) throw error
      return refusal(null, PARSE_ERROR, `Parse error: ${describe(error)}`)
    }
    return Array.isArray(value) ? this.#batch(value) : this.#single(value)
  }

  #batch(values: readonly unknown[]): Frame {
    if (values.length === 0) return invalid(null, 'a batch is empty')
    if (values.length > this.#maxBatch) return invalid(null, `a batch has more than ${this.#maxBatch} members`)
    return new Frame(
      FrameType.BATCH,
      0,
      '',
      values.map((value) => this.#single(value)),
    )
  }

  #single(value: unknown): Frame {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return invalid(null, 'it is not an object')
    const members = value as Members
    if (members['method'] !== undefined) return this.#request(members)
    if (members['result'] !== undefined || members['error'] !== undefined) return answer(members)
    return invalid(null, 'it has no method') // also where it has an id: that may be one of the peer's own calls
  }

  #request(members: Members): Frame {
    const { jsonrpc, id, method, params } = members
    if (id !== undefined && !isCallId(id)) {
      return invalid(null, `an id is a string of at most ${MAX_ID_LENGTH} characters, a number up to 2^53 - 1 or null`)
    }
    if (jsonrpc !== '2.0') return invalid(id ?? null, 'jsonrpc is not "2.0"')
    if (typeof method !== 'string') return invalid(id ?? null, 'method is not a string')
    if (params !== undefined && typeof params !== 'object') {
      return invalid(id ?? null, 'params is neither an object nor an array')
    }
    if (id === undefined && method === this.#cancelMethod) return cancellation(params as Members | null | undefined)
    if (!mayBeName(method)) return id === undefined ? nothing() : unimplemented(id)
    return id === undefined
      ? new Frame(FrameType.ONE_WAY, 0, method, params ?? undefined)
      : new Frame(FrameType.UNARY, id, method, params ?? undefined)
  }
}

function answer({ jsonrpc, id, result, error }: Members): Frame {
  if (!isCallId(id)) return nothing() // never answered: the peer would answer that again
  if (jsonrpc !== '2.0') return brokenAnswer(id)
  if (error === undefined || (error === null && result !== undefined)) {
    return new Frame(FrameType.RESULT, id, '', result)
  }
  const body = errorBodyOf(error)
  return body === undefined ? brokenAnswer(id) : new Frame(FrameType.ERROR, id, '', body)
}

/** Language servers call it `$/cancelRequest`; `id` is that of a call of the peer. */
function cancellation(params: Members | null | undefined): Frame {
  const id = params?.['id']
  return isCallId(id) ? new Frame(FrameType.CANCEL, id, '', undefined) : nothing()
}

/** Whoever waits for it shall not wait until the deadline. */
function brokenAnswer(id: CallId): Frame {
  return errorFrame(id, {
    status: 'internal',
    message: 'the answer is not JSON-RPC 2.0',
    data: undefined,
    notRun: false,
    jsonRpcCode: undefined,
  })
}

function invalid(id: CallId, complaint: string): Frame {
  return refusal(id, INVALID_REQUEST, `Invalid Request: ${complaint}`)
}

function unimplemented(id: CallId): Frame {
  return malformed(
    errorFrame(id, {
      status: 'unimplemented',
      message: `the name of the method is empty or longer than ${MAX_NAME_BYTES} bytes`,
      data: undefined,
      notRun: true,
      jsonRpcCode: undefined,
    }),
  )
}

function refusal(id: CallId, jsonRpcCode: number, message: string): Frame {
  return malformed(errorFrame(id, { status: 'internal', message, data: undefined, notRun: true, jsonRpcCode }))
}

function errorFrame(id: CallId, body: ErrorBody): Frame {
  return new Frame(FrameType.ERROR, id, '', body)
}

/** To be counted, and not to be answered. */
function nothing(): Frame {
  return malformed(undefined)
}

function malformed(answerFrame: Frame | undefined): Frame {
  return new Frame(FrameType.MALFORMED, answerFrame?.id ?? null, '', answerFrame)
}

function mayBeName(method: string): boolean {
  return method !== '' && method.length <= MAX_NAME_BYTES && utf8Length(method) <= MAX_NAME_BYTES
}

/** Whether it can be given back as it came: beyond 2^53 JSON.parse has already changed it. */
function isCallId(id: unknown): id is CallId {
  if (typeof id === 'string') return id.length <= MAX_ID_LENGTH
  return id === null || (typeof id === 'number' && Math.abs(id) <= Number.MAX_SAFE_INTEGER)
}
