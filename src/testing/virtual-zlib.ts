import { copy } from '../core/bytes.ts'
import type { ByteTransform, ByteTransformSink, CompressionAlgorithm, Zlib } from '../core/byte-transform.ts'
import type { Env } from '../core/env.ts'
import { HawserError } from '../core/errors.ts'
import { Fifo } from '../core/fifo.ts'

const OUTPUT_BYTES = 16 * 1024
const LETTERS: Readonly<Record<CompressionAlgorithm, number>> = { deflate: 0x44, gzip: 0x47, brotli: 0x42 }
const HEADER_BYTES = 5

/**
 * Compression that compresses nothing, for a world where all happens in its own order: the real one works in other
 * threads. It has the manners of zlib, though not its format:
 *
 *     +------------+----------+-----------------+
 *     | letter: u8 | len: u32 | len bytes       |   len 0 is the end
 *     +------------+----------+-----------------+
 */
export class VirtualZlib implements Zlib {
  readonly #env: Env

  constructor(env: Env) {
    this.#env = env
  }

  compressor(algorithm: CompressionAlgorithm, sink: ByteTransformSink): ByteTransform {
    return new VirtualTransform(this.#env, sink, new Packer(LETTERS[algorithm]))
  }

  decompressor(algorithm: CompressionAlgorithm, sink: ByteTransformSink): ByteTransform {
    return new VirtualTransform(this.#env, sink, new Unpacker(LETTERS[algorithm]))
  }
}

/** What turns one input into outputs; `undefined` is the end of the input. @throws HawserError */
interface Step {
  feed(bytes: Uint8Array | undefined): Uint8Array[]
}

class Packer implements Step {
  readonly #letter: number

  constructor(letter: number) {
    this.#letter = letter
  }

  feed(bytes = new Uint8Array(0)): Uint8Array[] {
    const block = new Uint8Array(HEADER_BYTES + bytes.length)
    block[0] = this.#letter
    new DataView(block.buffer).setUint32(1, bytes.length)
    block.set(bytes, HEADER_BYTES)
    return slices(block)
  }
}

class Unpacker implements Step {
  readonly #letter: number
  readonly #header = new Uint8Array(HEADER_BYTES)
  #headerBytes = 0
  #leftBytes = 0
  #isFinished = false

  constructor(letter: number) {
    this.#letter = letter
  }

  feed(bytes: Uint8Array | undefined): Uint8Array[] {
    if (bytes === undefined) {
      if (this.#isFinished) return []
      throw new HawserError('ERR_TRUNCATED', 'the peer ended in the middle of its compressed stream')
    }
    const outputs: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      if (this.#isFinished) {
        throw new HawserError('ERR_COMPRESSION', 'more came behind the end of the compressed stream')
      }
      if (this.#leftBytes > 0) {
        const part = bytes.subarray(at, at + this.#leftBytes)
        this.#leftBytes -= part.length
        at += part.length
        outputs.push(...slices(copy(part)))
      } else {
        this.#header[this.#headerBytes++] = bytes[at++] ?? 0
        if (this.#header[0] !== this.#letter) {
          throw new HawserError('ERR_COMPRESSION', 'what came is not compressed as expected')
        }
        if (this.#headerBytes < HEADER_BYTES) continue
        this.#headerBytes = 0
        this.#leftBytes = new DataView(this.#header.buffer).getUint32(1)
        this.#isFinished = this.#leftBytes === 0
      }
    }
    return outputs
  }
}

function slices(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += OUTPUT_BYTES) parts.push(bytes.subarray(at, at + OUTPUT_BYTES))
  return parts
}

interface Job {
  /** What is fed to the step; 'nothing' for a flush. */
  readonly input: Uint8Array | undefined | 'nothing'
  readonly done: (() => void) | undefined
}

/** One thing a turn: an output, or the call that says a job is done. */
class VirtualTransform implements ByteTransform {
  readonly #env: Env
  readonly #sink: ByteTransformSink
  readonly #step: Step
  readonly #jobs = new Fifo<Job>()
  #outputs: Uint8Array[] = []
  #job: Job | undefined
  #paused = false
  #due = false
  #over = false

  constructor(env: Env, sink: ByteTransformSink, step: Step) {
    this.#env = env
    this.#sink = sink
    this.#step = step
  }

  write(bytes: Uint8Array, used: () => void): void {
    this.#add({ input: bytes, done: used })
  }

  flush(flushed: () => void): void {
    this.#add({ input: 'nothing', done: flushed })
  }

  end(): void {
    this.#add({ input: undefined, done: undefined })
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  destroy(): void {
    this.#over = true
  }

  #add(job: Job): void {
    this.#jobs.push(job)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#due || this.#over) return
    this.#due = true
    this.#env.defer(() => {
      this.#due = false
      if (!this.#over && !this.#paused) this.#turn()
    })
  }

  #turn(): void {
    const output = this.#outputs.shift()
    if (output !== undefined) {
      this.#sink.onOutput(output)
    } else if (this.#job !== undefined) {
      const { done, input } = this.#job
      this.#job = undefined
      done?.()
      if (input === undefined) {
        this.#over = true
        this.#sink.onFinish()
      }
    } else {
      this.#job = this.#jobs.shift()
      if (this.#job === undefined) return
      this.#begin(this.#job)
    }
    this.#schedule()
  }

  #begin({ input }: Job): void {
    try {
      if (input !== 'nothing') this.#outputs = this.#step.feed(input)
    } catch (error) {
      this.#over = true
      this.#sink.onError(error as HawserError)
    }
  }
}
