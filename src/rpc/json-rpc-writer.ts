import { cannotEncode } from '../core/errors.ts'
import type { JsonText } from '../core/json-text.ts'
import { type ErrorBody, type Frame, FrameType } from './frame.ts'
import { jsonRpcErrorOf } from './json-rpc-error.ts'

const HEAD = '{"jsonrpc":"2.0",'

/** Frames as JSON-RPC messages. @throws ERR_ENCODE */
export class JsonRpcWriter {
  readonly #json: JsonText
  readonly #cancelMethod: string | undefined

  constructor(json: JsonText, cancelMethod: string | undefined) {
    this.#json = json
    this.#cancelMethod = cancelMethod
  }

  write(frame: Frame): string {
    switch (frame.type) {
      case FrameType.UNARY:
        return `${HEAD}"id":${idText(frame)},"method":${JSON.stringify(frame.name)}${this.#params(frame)}}`
      case FrameType.ONE_WAY:
        return `${HEAD}"method":${JSON.stringify(frame.name)}${this.#params(frame)}}`
      case FrameType.RESULT:
        return `${HEAD}"id":${idText(frame)},"result":${this.#json.toText(this.#bodyOf(frame) ?? null)}}`
      case FrameType.ERROR:
        return `${HEAD}"id":${idText(frame)},"error":${this.#json.toText(jsonRpcErrorOf(frame.body as ErrorBody))}}`
      case FrameType.CANCEL:
        return `${HEAD}"method":${JSON.stringify(this.#cancelMethod)},"params":{"id":${idText(frame)}}}`
      case FrameType.BATCH:
        return `[${(frame.body as readonly Frame[]).map((member) => this.#member(member)).join()}]`
      default:
        throw cannotEncode('JSON-RPC has no way to say this') // `can` says so: RPC does not ask for it
    }
  }

  /** One answer that cannot be said is no reason to keep back the others. */
  #member(frame: Frame): string {
    if (frame.type !== FrameType.RESULT && frame.type !== FrameType.ERROR) return this.write(frame)
    try {
      return this.write(frame)
    } catch {
      // Whoever made it hears nothing of it either way: the answer has left his hands when its batch is complete.
      return `${HEAD}"id":${idText(frame)},"error":{"code":-32603,"message":"the answer cannot be encoded"}}`
    }
  }

  #params(frame: Frame): string {
    const params = this.#bodyOf(frame)
    if (params === undefined) return ''
    if (typeof params !== 'object' || params === null) {
      throw cannotEncode(
        `JSON-RPC takes an object or an array as the argument, not ${params === null ? 'null' : `a ${typeof params}`}`,
      )
    }
    return `,"params":${this.#json.toText(params)}`
  }

  /** What a gateway hands on came from some peer: written out as it is, it could say more than a body may. */
  #bodyOf({ body, encoded }: Frame): unknown {
    if (!encoded) return body
    const bytes = body as Uint8Array
    return bytes.length === 0 ? undefined : this.#json.parse(bytes)
  }
}

function idText({ id }: Frame): string {
  return JSON.stringify(id)
}
