import { utf8Length } from '../core/bytes.ts'
import { cannotEncode } from '../core/errors.ts'
import { JsonText } from '../core/json-text.ts'
import type { RpcBody, RpcPart } from '../core/rpc-body.ts'
import type { WriteBuffer } from '../core/write-buffer.ts'
import { DATA, DEADLINE, METADATA, NAME, NOT_RUN } from './binary-flags.ts'
import { type ErrorBody, type Frame, FrameType } from './frame.ts'
import { MAX_METADATA_BYTES, MAX_METADATA_ENTRIES } from './limits.ts'
import { RPC_STATUSES } from './rpc-status.ts'

const errorData = /* @__PURE__ */ new JsonText()

/** Frames as bytes. @throws ERR_ENCODE, and what the body throws */
export class BinaryWriter {
  readonly #body: RpcBody

  constructor(body: RpcBody) {
    this.#body = body
  }

  write(frame: Frame, out: WriteBuffer): void {
    const { type } = frame
    // The hot path, flat, because the compiler stops inlining once its budget is used up.
    if (type === FrameType.RESULT && frame.metadata === undefined) {
      out.u8(FrameType.RESULT)
      out.varint(frame.id as number)
      if (frame.encoded) out.bytes(frame.body as Uint8Array)
      else this.#body.encode(frame.body, out, frame.name, 'output')
    } else if (type === FrameType.OUTPUT || type === FrameType.INPUT) {
      this.#writeItem(frame, out)
    } else if (type < FrameType.RESULT) {
      this.#writeCall(frame, out)
    } else {
      this.#writeOther(frame, out)
    }
  }

  #writeCall(frame: Frame, out: WriteBuffer): void {
    const { type, amount, metadata, number } = frame
    const named = frame.named || number < 0
    out.u8(type | (metadata === undefined ? 0 : METADATA) | (named ? NAME : 0) | (amount > 0 ? DEADLINE : 0))
    out.varint(frame.id as number)
    out.varint(number + 1)
    if (named) writeText(frame.name, out)
    if (amount > 0) out.varint(amount)
    if (metadata !== undefined) writeMetadata(metadata, out)
    if (type >= FrameType.CLIENT_STREAM) return // what it streams comes in frames of its own
    if (frame.encoded) out.bytes(frame.body as Uint8Array)
    else this.#body.encode(frame.body, out, frame.name, 'input')
  }

  #writeOther(frame: Frame, out: WriteBuffer): void {
    const { type, id, metadata } = frame
    const flags = metadata === undefined ? 0 : METADATA
    switch (type) {
      case FrameType.RESULT:
        out.u8(type | flags)
        out.varint(id as number)
        if (metadata !== undefined) writeMetadata(metadata, out)
        this.#writeBody(frame, 'output', out)
        return
      case FrameType.ERROR:
        writeError(frame, flags, out)
        return
      case FrameType.REGISTER:
      case FrameType.UNREGISTER:
        out.u8(type)
        out.utf8(frame.name)
        return
      case FrameType.GO_AWAY:
      case FrameType.GO_AWAY_SEEN:
        out.u8(type)
        return
      default:
        out.u8(type | flags)
        out.varint(id as number)
        if (metadata !== undefined) writeMetadata(metadata, out)
        if (type === FrameType.INPUT_CREDIT || type === FrameType.OUTPUT_CREDIT) out.varint(frame.amount)
    }
  }

  #writeBody(frame: Frame, part: RpcPart, out: WriteBuffer): void {
    if (frame.encoded) out.bytes(frame.body as Uint8Array)
    else this.#body.encode(frame.body, out, frame.name, part)
  }

  #writeItem(frame: Frame, out: WriteBuffer): void {
    const { type, sizes } = frame // a body that calls somebody while it is encoded would make another frame of this one
    out.u8(type)
    out.varint(frame.id as number)
    const from = out.position
    this.#writeBody(frame, type === FrameType.INPUT ? 'input' : 'output', out)
    sizes?.encoded(out.position - from)
  }
}

function writeError(frame: Frame, flags: number, out: WriteBuffer): void {
  const { status, message, data, notRun } = frame.body as ErrorBody
  out.u8(FrameType.ERROR | flags | (notRun ? NOT_RUN : 0) | (data === undefined ? 0 : DATA))
  out.varint(frame.id as number)
  if (frame.metadata !== undefined) writeMetadata(frame.metadata, out)
  out.u8(RPC_STATUSES.indexOf(status) + 1)
  writeText(message, out)
  if (data !== undefined) out.utf8(errorData.toText(data))
}

function writeText(text: string, out: WriteBuffer): void {
  out.varint(utf8Length(text))
  out.utf8(text)
}

function writeMetadata(metadata: ReadonlyMap<string, string>, out: WriteBuffer): void {
  if (metadata.size > MAX_METADATA_ENTRIES) {
    throw cannotEncode(`metadata have ${metadata.size} entries, of ${MAX_METADATA_ENTRIES} at most`)
  }
  const from = out.position
  out.varint(metadata.size)
  for (const [key, value] of metadata) {
    writeText(key, out)
    writeText(value, out)
  }
  const length = out.position - from
  if (length > MAX_METADATA_BYTES) throw cannotEncode(`metadata take ${length} bytes, of ${MAX_METADATA_BYTES} at most`)
}
