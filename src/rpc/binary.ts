import { badOption } from '../core/errors.ts'
import type { Codec, InPlaceCodec } from '../core/codec.ts'
import { PLAIN } from '../core/plain-framing.ts'
import type { RpcBody, RpcPart } from '../core/rpc-body.ts'
import type { WriteBuffer } from '../core/write-buffer.ts'
import { BinaryReader } from './binary-reader.ts'
import { BinaryWriter } from './binary-writer.ts'
import { Frame, FrameType } from './frame.ts'
import { jsonBody } from './json-body.ts'
import { opaqueWire, type RpcWire, type Wire } from './wire.ts'

/** What `binary()` takes. */
export interface BinaryOptions {
  /** How arguments and results become bytes; the same on both sides. @defaultValue jsonBody */
  readonly body?: RpcBody | undefined
}

/**
 * Our own wire: a few bytes before each body, and everything that RPC can do. docs/rpc-wire.md has it byte by byte.
 * Frames are led by their length (4 bytes, big-endian); on WebSocket each is a binary message.
 */
export function binary(options: BinaryOptions = {}): RpcWire {
  const { body = jsonBody } = options
  if (typeof body?.encode !== 'function' || typeof body.decode !== 'function') {
    throw badOption('body', 'must be an RpcBody: jsonBody, rawBody, or one of hawser/codecs')
  }
  return opaqueWire(new BinaryWire(body))
}

class BinaryWire implements Wire {
  readonly framing = (): typeof PLAIN => PLAIN
  readonly codec: Codec<Frame>
  readonly answersCanceled = false
  readonly repeatsIds = false
  readonly callsPerBatch = 1
  readonly #body: RpcBody

  constructor(body: RpcBody) {
    this.#body = body
    this.codec = new BinaryCodec(body)
  }

  can(type: FrameType): boolean {
    return type < FrameType.BATCH
  }

  nameOf(service: string, method: string): string {
    return service === '' ? method : `${service}.${method}`
  }

  decodeBody(body: unknown, name: string, part: RpcPart): unknown {
    return this.#body.decode(body as Uint8Array, name, part) // `decode` below made it one
  }

  bodyBytes(body: unknown): Uint8Array {
    return body as Uint8Array
  }
}

class BinaryCodec implements Codec<Frame>, InPlaceCodec<Frame> {
  readonly #reader = new BinaryReader()
  readonly #writer: BinaryWriter
  /** Of `decodeInPlace`. */
  readonly #frame = newFrame()

  constructor(body: RpcBody) {
    this.#writer = new BinaryWriter(body)
  }

  encode(frame: Frame, out: WriteBuffer): void {
    this.#writer.write(frame, out)
  }

  decode(bytes: Uint8Array): Frame {
    return this.#reader.read(newFrame(), bytes.buffer, bytes, 0, bytes.length)
  }

  decodeInPlace(memory: ArrayBufferLike, bytes: Uint8Array, from: number, to: number): Frame {
    return this.#reader.read(this.#frame, memory, bytes, from, to)
  }
}

function newFrame(): Frame {
  return new Frame(FrameType.RESULT, 0, '', undefined)
}
