import protobufjs, { type Namespace, type Reader, type Root, type Writer } from 'protobufjs'
import { copy, EMPTY } from '../src/core/bytes.ts'
import { badMessage, badOption, cannotEncode, describe } from '../src/core/errors.ts'
import { FrameWriter, REFER_BYTES } from '../src/core/frame-writer.ts'
import type { WriteBuffer } from '../src/core/write-buffer.ts'

export type { Root } from 'protobufjs'

/** What protobufjs gives at run time (`root.lookupType(name)`) and its static modules share. `Out` is what `encode` takes, plain objects included. */
export interface ProtoType<In, Out = In> {
  encode(message: Out, writer?: Writer): Writer
  decode(bytes: Reader | Uint8Array): In
  /** What is wrong with a message, or null. */
  verify?(message: never): string | null
}

/**
 * Reads `.proto` files, and those they import, at run time. Take them from your own disk, never from a peer.
 * @returns all types in them; rejects with the error of the file system or of the parser
 */
export async function loadProto(files: string | readonly string[]): Promise<Root> {
  const root = new ProtoRoot()
  await root.load(typeof files === 'string' ? files : [...files])
  return root.loaded()
}

/**
 * A message type of a `.proto` that was read at run time. The types are your word for what the file says.
 * @param name with its package: `'chat.Say'` @throws ERR_BAD_OPTION where there is no such type
 */
export function protoType<In, Out = In>(root: Root, name: string): ProtoType<In, Out> {
  const type = root.lookup(name, protobufjs.Type)
  if (type === null) throw badOption('name', `is ${name}, and the file has no such message type`)
  return type as unknown as ProtoType<In, Out> // protobufjs types every message as Message<{}>
}

/** Looks for the types that fields name once all files are there, in the caller's turn: protobufjs does it in a callback of the file system, where a throw ends the process. */
class ProtoRoot extends protobufjs.Root {
  #loading = true

  override resolveAll(): Namespace {
    return this.#loading ? this : super.resolveAll()
  }

  loaded(): this {
    this.#loading = false
    this.resolveAll()
    return this
  }
}

/** Reads with copies of what would be views of the frame. One for all messages: most of what a small one costs is to make a reader. */
class CopyingReader extends protobufjs.Reader {
  /** It is to read `bytes` from `from` to `to`. */
  aim(bytes: Uint8Array, from: number, to: number): void {
    if (bytes !== this.buf) {
      this.buf = bytes
      this.view = null // made where packed numbers are read, and then taken to be of `buf`
    }
    this.pos = from
    this.len = to
  }

  override raw(start: number, end: number): Uint8Array {
    return new Uint8Array(this.buf.subarray(start, end))
  }
}

/** With less room than this a message is written elsewhere first: a writer that finds none moves all that lies before it. */
const ROOM_BYTES = 2048

/** Messages to and from bytes; what is wrong becomes an error of ours. */
export class ProtoBody {
  /** One for all messages: its buffer grows once. */
  #writer: Writer | undefined
  /** Writes where the frame lies. */
  #direct: Writer | undefined
  #reader: CopyingReader | undefined
  /** Types of other copies of protobufjs, which take no reader of ours; undefined where none was seen, as for nearly all. */
  #foreign: WeakSet<ProtoType<unknown, never>> | undefined

  /** What lies in `bytes` from `from` to `to`. */
  decode<In>(type: ProtoType<In, never>, bytes: Uint8Array, from: number = 0, to: number = bytes.length): In {
    if (this.#foreign?.has(type) === true) return decodeForeign(type, bytes.subarray(from, to))
    const reader = this.#reader ?? new CopyingReader(bytes)
    this.#reader = undefined // a type may run code of the application, which decodes with this codec
    reader.aim(bytes, from, to)
    try {
      const message = type.decode(reader)
      if (reader.pos > to) throw new RangeError('index out of range') // into what follows
      return message
    } catch (error) {
      if (reader.pos > from || from === to) throw notOfType(error)
    } finally {
      reader.aim(EMPTY, 0, 0) // no chunk is held until the next one
      this.#reader = reader
    }
    const message = decodeForeign(type, bytes.subarray(from, to)) // not a byte was read
    this.#foreign ??= new WeakSet()
    this.#foreign.add(type)
    return message
  }

  encode<Out>(type: ProtoType<unknown, Out>, message: Out, out: WriteBuffer): void {
    const objection = type.verify?.(message as never)
    if (typeof objection === 'string') throw cannotEncode(`the message is not of its Protobuf type: ${objection}`)
    if (out instanceof FrameWriter && out.slab.length - out.to >= ROOM_BYTES) this.#encodeInPlace(type, message, out)
    else this.#encodeApart(type, message, out)
  }

  #encodeInPlace<Out>(type: ProtoType<unknown, Out>, message: Out, out: FrameWriter): void {
    const { slab, to } = out
    const writer = this.#direct ?? protobufjs.Writer.create()
    this.#direct = undefined // until it has come to its end: a throw leaves it in the middle of a field
    if (writer.buf !== slab) {
      writer.buf = slab
      writer.view = null // of `buf`, as the reader's
    }
    writer.pos = to
    encodeTo(type, message, writer)
    if (writer.buf === slab) {
      out.wrote(writer.pos - to)
      this.#direct = writer
    } else {
      const bytes = writer.buf.subarray(to, writer.pos) // there was too little room, and it has moved
      const pinsTooMuch = bytes.length >= REFER_BYTES && bytes.length * 2 < writer.buf.length
      out.bytes(pinsTooMuch ? copy(bytes) : bytes)
    }
  }

  #encodeApart<Out>(type: ProtoType<unknown, Out>, message: Out, out: WriteBuffer): void {
    const writer = this.#writer ?? protobufjs.Writer.create()
    this.#writer = undefined
    writer.pos = 0
    encodeTo(type, message, writer)
    const bytes = writer.finish(true)
    if (bytes.length < REFER_BYTES) this.#writer = writer // else `out` refers to the bytes
    out.bytes(bytes)
  }
}

function encodeTo<Out>(type: ProtoType<unknown, Out>, message: Out, writer: Writer): void {
  try {
    type.encode(message, writer)
  } catch (error) {
    throw cannotEncode('the message is not of its Protobuf type', error)
  }
}

/** With a reader of its own, which gives views of what it is given. */
function decodeForeign<In>(type: ProtoType<In, never>, frame: Uint8Array): In {
  try {
    return type.decode(new Uint8Array(frame))
  } catch (error) {
    throw notOfType(error)
  }
}

function notOfType(error: unknown): Error {
  return badMessage(`the message is not of its Protobuf type: ${describe(error)}`) // itself it may hold the half of it
}
