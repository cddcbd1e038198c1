import { copy, EMPTY } from './bytes.ts'
import type { ChunkBuffer } from './chunk-buffer.ts'
import { type Codec, inPlace, type InPlaceCodec } from './codec.ts'
import type { Connection } from './connection.ts'
import type { Env } from './env.ts'
import { badFrame, describe, frameTooLarge, HawserError, isHawserError, undecodable } from './errors.ts'
import type { Framing } from './framing.ts'
import { protocolHint } from './protocol-hint.ts'
import { pushedToListener, type ReceivingHalf } from './receiving-half.ts'
import type { ResolvedLimits } from './session-options.ts'
import { isThenable } from './thenable.ts'
import type { Wait } from './wait.ts'
import type { CloseCause } from './session.ts'
import { WaitList } from './wait-list.ts'

/** After so many frames in one go the other sessions have their turn. */
const BURST_FRAMES = 1024
/** What a waiting frame costs beside its bytes: a flood of empty ones must not be free. */
const FRAME_OVERHEAD_BYTES = 64
/** What a framing may need beyond the body, where it does not say so. */
const HEADER_BYTES = 64

/** What the loop tells its session. None of these is called from inside of a hook. */
export interface HandlerLoopHost<In> {
  /** A decoded message, on its way through heartbeat and stages to `HandlerLoop.hand`. */
  loopDecoded(message: In): void
  /** Calls the listener; gives what it gave. Never throws. */
  loopHandle(message: In): unknown
  /** A promise of the listener rejected. */
  loopRejected(error: unknown): void
  /** The stream cannot be read on. */
  loopFailed(error: HawserError): void
  /** A datagram was undecodable; the loop goes on. */
  loopReported(error: HawserError): void
  /** The peer has ended, and all that it sent is handled. Where messages are pulled it is told to who asks for the next one. At most once. */
  loopEnded(): void
  /** A frame was begun and is not finished. */
  loopAwaitsFrame(): void
}

/**
 * The receiving half of a session: chunks in, one message at a time out.
 *
 *     chunk ──▶ ChunkBuffer ──Framing.next──▶ frame ──decode──▶ message ──▶ stages ──▶ listener or receive()
 *
 * Nothing is decoded while the listener is busy, held or paused, or nobody pulls: there is no queue of messages, and
 * what waits are bytes. From `inboundHighWaterMarkBytes` on the connection is asked to pause.
 */
export class HandlerLoop<In> implements ReceivingHalf<In> {
  readonly #connection: Connection
  readonly #codec: Codec<In, never>
  /** The same, where it needs no view of frames that lie in `#buffer`. */
  readonly #inPlace: InPlaceCodec<In> | undefined
  readonly #framing: Framing | undefined
  readonly #limits: ResolvedLimits
  readonly #env: Env
  readonly #host: HandlerLoopHost<In>
  /** There where there is a framing. */
  readonly #buffer: ChunkBuffer | undefined
  /** From so many undecoded bytes on reading is paused. */
  readonly #pauseAtBytes: number

  /** Message mode: frames that wait. */
  #frames: Uint8Array[] | undefined
  #frameTexts: boolean[] | undefined
  #framesBytes = 0
  /** Messages that a stage gave while the listener was busy, or by itself. */
  #extra: In[] | undefined
  #receivers: WaitList<In> | undefined
  /** Somebody pulls who is given `#taken` at once, if there is one. */
  #taking = false
  #taken: In | undefined

  /** Whether the next frame may be decoded: everything below, in one word. */
  #go = false
  #held = true
  #paused = false
  /** Stages that asked to pause. */
  #stagePauses = 0
  #yielding = false
  #pull = false
  #running = 0
  #discarding = false
  /** The stream cannot be read on: what is left of it is no message. */
  #broken = false
  #inRun = false
  /** Frames since the last chunk or yield, in whatever promise jobs: an async listener must not go on for ever, either. */
  #burst = 0
  /** What waited when the burst began; -1 where messages came from elsewhere. */
  #burstFromBytes = 0
  /** A decoded message is on its way to `hand`, and no hook is running. */
  #handing = false
  #runDue = false
  #inChunk = false
  #inBatch = false
  #readPaused = false
  #ended = false
  #endReported = false
  /** What to tell who still pulls; an error is made for nobody else. */
  #finishedWith: (() => unknown) | undefined
  #onSettled: (() => void) | undefined
  #onRejected: ((error: unknown) => void) | undefined
  #onRunDue: (() => void) | undefined

  /** Neither heartbeat nor stages look at what was decoded: it goes to `loopHandle` as it is. */
  direct = false
  receivedBytes = 0
  /** Heartbeats included. */
  receivedMessages = 0
  /** Env time of the last byte. */
  activeAt: number
  /** Env time of the chunk that brought the last message which reached the listener. */
  lastMessageAt: number
  /** Called when the last running handler has settled: for a shutdown that waits for it. */
  onIdle: (() => void) | undefined
  /** Env time when the frame that waits for its rest was begun; 0: none does. */
  frameSince = 0

  constructor(
    connection: Connection,
    codec: Codec<In, never>,
    framing: Framing | undefined,
    buffer: ChunkBuffer | undefined,
    limits: ResolvedLimits,
    env: Env,
    host: HandlerLoopHost<In>,
  ) {
    this.#connection = connection
    this.#codec = codec
    this.#inPlace = buffer?.isPlain === true ? inPlace(codec) : undefined
    this.#framing = framing
    this.#limits = limits
    this.#env = env
    this.#host = host
    this.#buffer = buffer
    // Datagrams wait in their connection, which keeps a few and counts those that it drops.
    this.#pauseAtBytes = connection.reliable ? limits.inboundHighWaterMarkBytes : 1
    this.activeAt = this.lastMessageAt = env.now()
  }

  get undecodedBytes(): number {
    return this.#buffer === undefined ? this.#framesBytes : this.#buffer.totalBytes
  }

  /** Handlers that have begun and not settled. */
  get running(): number {
    return this.#running
  }

  /** The peer sends no more. */
  get ended(): boolean {
    return this.#ended
  }

  /** The connection was asked to pause, because we are behind. */
  get readPaused(): boolean {
    return this.#readPaused
  }

  /** The first bytes that wait, for an error message. */
  get waiting(): Uint8Array {
    return this.#buffer?.view(0, Math.min(16, this.#buffer.length)) ?? EMPTY
  }

  /** Several chunks follow, of one read: one look at the clock is enough. */
  beginBatch(): void {
    this.activeAt = this.#env.now()
    this.#inBatch = true
  }

  endBatch(): void {
    this.#inBatch = false
  }

  onChunk(chunk: Uint8Array, text: boolean): void {
    if (!this.#inBatch) this.activeAt = this.#env.now()
    this.receivedBytes += chunk.length
    if (this.#discarding || this.#ended) return
    this.#inChunk = true
    this.#burst = 0
    if (this.#buffer === undefined) this.#onFrame(chunk, text)
    else this.#onBytes(this.#buffer, chunk)
    this.#inChunk = false
  }

  #onBytes(buffer: ChunkBuffer, chunk: Uint8Array): void {
    const frame = this.#go && !this.#inRun && this.#extra === undefined ? buffer.lone(chunk) : undefined
    if (frame !== undefined) {
      this.#runOne(frame, false)
      if (buffer.totalBytes > 0) this.run() // came from inside of the listener
      return
    }
    buffer.append(chunk)
    this.#burstFromBytes = buffer.totalBytes
    if (buffer.ready || !this.#go) this.run()
    if (this.#connection.chunks === 'borrowed') buffer.settle(true)
  }

  onActivity(): void {
    this.activeAt = this.#env.now()
    if (this.#connection.isInside !== true || this.frameSince > 0) return
    this.frameSince = this.activeAt // until the next frame is whole
    this.#host.loopAwaitsFrame()
  }

  /** The peer sends no more. */
  onEnd(): void {
    this.#ended = true
    this.run()
  }

  /** Messages are pulled by `receive`, or pushed to the listener. */
  setPull(pull: boolean): void {
    this.#pull = pull
    this.#update()
  }

  /** Nothing is handed out until `release`. */
  hold(): void {
    this.#held = true
    this.#update()
  }

  release(): void {
    this.#held = false
    this.#update()
    this.run()
  }

  pause(): void {
    this.#paused = true
    this.#update()
  }

  /** What waits is handed out in a later turn: the application called this. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#update()
    this.#runLater()
  }

  /** For one stage, beside the application's own pause; gives what undoes it. */
  pauseForStage(): () => void {
    this.#stagePauses++
    this.#update()
    return () => {
      if (this.#finishedWith !== undefined) return // whatever stages say, it is let out
      this.#stagePauses--
      this.#update()
      if (this.#stagePauses === 0) this.#runLater()
    }
  }

  receive(wait: Wait | undefined): Promise<In> {
    if (!this.#pull) return pushedToListener()
    if (wait === undefined && this.#mayTake() && this.#take()) return Promise.resolve(this.#letGo())
    this.#receivers ??= new WaitList<In>(this.#env)
    const message = this.#receivers.add('receive()', wait, () => this.#update())
    this.#update()
    this.run()
    return message
  }

  messages(cause: () => CloseCause | undefined): AsyncIterableIterator<In, void, undefined> {
    const given = (value: In): IteratorResult<In, void> => ({ value, done: false })
    const ended = (error: unknown): IteratorResult<In, void> => {
      isOver = true
      const why = cause()
      if (why?.by === 'error') throw why.error
      if (isHawserError(error, 'ERR_SESSION_CLOSED')) return { value: undefined, done: true }
      throw error
    }
    let isOver = false
    return {
      next: () => {
        if (isOver) return Promise.resolve({ value: undefined, done: true })
        if (this.#mayTake() && this.#take()) return Promise.resolve(given(this.#letGo()))
        return this.receive(undefined).then(given, ended)
      },
      return: () => {
        isOver = true
        return Promise.resolve({ value: undefined, done: true })
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  /** Nobody stands before one who pulls now, and the loop may go on for it. */
  #mayTake(): boolean {
    const isFirst = this.#receivers === undefined || this.#receivers.size === 0
    return isFirst && this.#pull && !this.#inRun && this.undecodedBytes + (this.#extra?.length ?? 0) > 0
  }

  /** Makes the next message of what is there: where it is, nobody need wait in `#receivers`. */
  #take(): boolean {
    this.#taking = true
    this.#update()
    this.run()
    if (!this.#taking) return true
    this.#taking = false
    this.#update()
    return false
  }

  #letGo(): In {
    const message = this.#taken as In
    this.#taken = undefined
    return message
  }

  /** Whoever waits in `receive` is told why. */
  turnAway(why: () => unknown): void {
    if (this.#receivers !== undefined && this.#receivers.size > 0) this.#receivers.rejectAll(why())
    this.#update()
  }

  /** From the last stage, or straight from the decoder. A stage may give more messages than it got, or later. */
  hand(message: In): void {
    if (this.#go && this.#handing) {
      this.#deliver(message)
    } else if (!this.#discarding) {
      this.#extra ??= []
      this.#extra.push(message)
      if (this.#go) this.#runLater() // a stage gave it by itself, perhaps inside of a hook
    }
  }

  /** Whatever came or comes is forgotten: the session closes. Reading goes on, so that nothing unread resets the link. */
  discard(): void {
    this.#discarding = true
    this.frameSince = 0
    this.#buffer?.clear()
    this.#frames = this.#frameTexts = this.#extra = undefined
    this.#framesBytes = 0
    this.#update()
    this.#resumeReading()
  }

  /** No chunk follows. Who pulls is still given what was received, then told why; nobody else is given anything. */
  finish(why: () => unknown): void {
    this.#ended = true
    this.#endReported = true
    this.#finishedWith = why
    this.#held = this.#paused = false
    this.#stagePauses = 0
    if (!this.#pull || this.#broken) this.discard()
    this.#update()
    this.#resumeReading() // nothing unread must reset the link
    this.run()
  }

  /** Hands out what may be handed out now. Not to be called inside of a call of the application, unless it pulls. */
  run(): void {
    if (this.#inRun) return
    this.#inRun = true
    let count = 0
    try {
      while (this.#go && this.#burst < BURST_FRAMES) {
        const most = BURST_FRAMES - this.#burst
        const handled = this.#mayStream() ? this.#streamMost(most) : this.#step()
        if (handled === 0) break
        count += handled
        this.#burst += handled
      }
      if (this.#go && this.#burst >= BURST_FRAMES) {
        this.#requireProgress()
        this.#yieldTurn()
      }
    } catch (error) {
      this.#break(error)
    }
    this.#inRun = false
    this.#settle(count)
  }

  /** One message; 0 when there is none. */
  #step(): number {
    if (this.#extra !== undefined) {
      this.#burstFromBytes = -1
      const message = this.#extra.shift() as In
      if (this.#extra.length === 0) this.#extra = undefined
      this.#deliver(message)
      return 1
    }
    if (this.#framing === undefined || this.#buffer === undefined) {
      const frame = this.#frames?.shift()
      if (frame === undefined) return 0
      this.#framesBytes -= frame.length + FRAME_OVERHEAD_BYTES
      this.#decode(frame, this.#frameTexts?.shift() ?? false)
      return 1
    }
    const frame = this.#framing.next(this.#buffer)
    if (frame === undefined) return 0
    if (frame.length > this.#limits.maxFrameBytes) throw frameTooLarge(frame.length, this.#limits.maxFrameBytes)
    this.#decode(frame, false)
    return 1
  }

  /** Where the next frame is cut, or none is there, `#stream` says what that means. */
  #streamMost(most: number): number {
    if (!this.direct) return this.#streamStaged(most)
    const count = this.#inPlace === undefined ? 0 : this.#streamInPlace(this.#inPlace, most)
    return count > 0 ? count : this.#stream(most)
  }

  /** As `#stream`, without a view of each frame. */
  #streamInPlace(codec: InPlaceCodec<In>, most: number): number {
    const buffer = this.#buffer as ChunkBuffer
    const host = this.#host
    let count = 0
    do {
      let message: In | undefined
      count++
      try {
        message = buffer.decodePlain(codec)
      } catch (error) {
        this.#undecodable(error, buffer.refused)
        continue
      }
      if (message === undefined) return count - 1
      this.receivedMessages++
      if (this.lastMessageAt !== this.activeAt) this.lastMessageAt = this.activeAt
      const result = host.loopHandle(message)
      if (isThenable(result)) this.#await(result)
    } while (this.#go && count < most)
    return count
  }

  /**
   * The hot path: as many `#step`s, where frame, message and listener follow each other with nothing between. One flat
   * loop, because the compiler stops inlining once its budget is used up (bench/micro.mjs).
   */
  #stream(most: number): number {
    const framing = this.#framing as Framing
    const buffer = this.#buffer as ChunkBuffer
    const codec = this.#codec
    const host = this.#host
    const { maxFrameBytes } = this.#limits
    const { isPlain } = buffer
    let count = 0
    do {
      const frame = isPlain ? buffer.plainFrame() : framing.next(buffer)
      if (frame === undefined) break
      if (frame.length > maxFrameBytes) throw frameTooLarge(frame.length, maxFrameBytes)
      count++
      let message: In
      try {
        message = codec.decode(frame, false)
      } catch (error) {
        this.#undecodable(error, frame)
        continue
      }
      this.receivedMessages++
      if (this.lastMessageAt !== this.activeAt) this.lastMessageAt = this.activeAt // most often not: a store costs more
      const result = host.loopHandle(message)
      if (isThenable(result)) this.#await(result)
    } while (this.#go && count < most)
    return count
  }

  /** As `#stream`, where heartbeat or stages stand between, which may give more messages than they got. */
  #streamStaged(most: number): number {
    const framing = this.#framing as Framing
    const buffer = this.#buffer as ChunkBuffer
    const codec = this.#codec
    const host = this.#host
    const { maxFrameBytes } = this.#limits
    const { isPlain } = buffer
    let count = 0
    while (this.#go && count < most && this.#extra === undefined) {
      const frame = isPlain ? buffer.plainFrame() : framing.next(buffer)
      if (frame === undefined) break
      if (frame.length > maxFrameBytes) throw frameTooLarge(frame.length, maxFrameBytes)
      count++
      let message: In
      try {
        message = codec.decode(frame, false)
      } catch (error) {
        this.#undecodable(error, frame)
        continue
      }
      this.#handing = true
      host.loopDecoded(message)
      this.#handing = false
    }
    return count
  }

  /** Message mode: the chunk is the frame. */
  #onFrame(frame: Uint8Array, text: boolean): void {
    if (frame.length > this.#limits.maxFrameBytes) {
      const error = frameTooLarge(frame.length, this.#limits.maxFrameBytes)
      if (this.#connection.reliable) this.#break(error)
      else this.#host.loopReported(error) // as one that cannot be decoded: the next one may be good
    } else if (this.#go && !this.#inRun && this.#framesBytes === 0 && this.#extra === undefined) {
      this.#runOne(frame, text)
    } else {
      this.#frames ??= []
      this.#frameTexts ??= []
      this.#frames.push(this.#connection.chunks === 'borrowed' ? copy(frame) : frame)
      this.#frameTexts.push(text)
      this.#framesBytes += frame.length + FRAME_OVERHEAD_BYTES
      this.run()
    }
  }

  /** As `run`, for a frame before which nothing waits: no queue is touched. */
  #runOne(frame: Uint8Array, text: boolean): void {
    this.#inRun = true
    try {
      if (this.direct && !this.#pull) this.#decodeDirect(frame, text)
      else this.#decode(frame, text)
    } catch (error) {
      this.#break(error)
    }
    this.#inRun = false
    if (this.#extra !== undefined) this.run()
    else if (!this.#go || this.#framesBytes > 0 || this.#readPaused || this.#ended) this.#settle(1)
    else if (this.frameSince !== 0) this.frameSince = 0 // all that settling would do
  }

  /** The hot path of message mode: as `#decode` and what follows it, where nobody stands between codec and listener. */
  #decodeDirect(frame: Uint8Array, text: boolean): void {
    let message: In
    try {
      message = this.#codec.decode(frame, text)
    } catch (error) {
      this.#undecodable(error, frame)
      return
    }
    this.receivedMessages++
    if (this.lastMessageAt !== this.activeAt) this.lastMessageAt = this.activeAt
    const result = this.#host.loopHandle(message)
    if (isThenable(result)) this.#await(result)
  }

  #decode(frame: Uint8Array, text: boolean): void {
    let message: In
    try {
      message = this.#codec.decode(frame, text)
    } catch (error) {
      this.#undecodable(error, frame)
      return
    }
    this.#handing = true
    this.#host.loopDecoded(message)
    this.#handing = false
  }

  /** @throws on a reliable connection, where it is the end */
  #undecodable(error: unknown, frame: Uint8Array): void {
    const reason = undecodable(error)
    if (this.receivedMessages === 0) reason.message += protocolHint(frame)
    if (this.#connection.reliable) throw reason
    this.#host.loopReported(reason)
  }

  #deliver(message: In): void {
    this.receivedMessages++
    this.lastMessageAt = this.activeAt
    if (this.#pull) {
      if (this.#taking) {
        this.#taking = false
        this.#taken = message
      } else {
        this.#receivers?.resolveNext(message)
      }
      this.#update()
      return
    }
    const handing = this.#handing
    this.#handing = false // what the hook makes a stage hand in waits until the hook has returned
    const result = this.#host.loopHandle(message)
    this.#handing = handing
    if (isThenable(result)) this.#await(result)
  }

  /** Nothing can be made of what follows. */
  #break(error: unknown): void {
    this.#broken = true
    this.#handing = false
    this.#update()
    if (this.#finishedWith === undefined) this.#host.loopFailed(this.#explain(error))
    else this.discard() // the end was told already
  }

  #await(result: PromiseLike<unknown>): void {
    this.#running++
    this.#update()
    // Made once for a session that needs them, not for each message.
    this.#onSettled ??= () => {
      this.#running--
      this.#update()
      this.run()
      if (this.#running === 0) this.onIdle?.()
    }
    this.#onRejected ??= (error) => {
      this.#host.loopRejected(error)
      this.#onSettled?.()
    }
    Promise.resolve(result).then(this.#onSettled, this.#onRejected) // a thenable of somebody's own may settle twice
  }

  #mayStream(): boolean {
    return this.#framing !== undefined && !this.#pull && (this.direct || this.#extra === undefined)
  }

  #update(): void {
    const free = this.#pull
      ? this.#taking || (this.#receivers?.size ?? 0) > 0
      : this.#running < this.#limits.concurrency
    const paused = this.#paused || this.#stagePauses > 0
    this.#go = free && !this.#held && !paused && !this.#yielding && !this.#discarding && !this.#broken
    if (!this.#go) this.frameSince = 0 // nobody waits for the rest of a frame now
  }

  #runLater(): void {
    if (this.#runDue || this.#inRun) return
    this.#runDue = true
    this.#onRunDue ??= () => {
      this.#runDue = false
      this.run()
    }
    this.#env.defer(this.#onRunDue)
  }

  /** A framing that gives frames and takes nothing would give them for ever. */
  #requireProgress(): void {
    if (this.#buffer === undefined || this.#buffer.totalBytes !== this.#burstFromBytes) return
    throw badFrame(`the framing makes no progress: ${BURST_FRAMES} frames out of no bytes`)
  }

  #yieldTurn(): void {
    this.#yielding = true
    this.#update()
    this.#env.yield(() => {
      this.#yielding = false
      this.#burst = 0
      this.#burstFromBytes = this.#buffer?.totalBytes ?? 0
      this.#update()
      this.run()
    })
  }

  /** After a run: memory, backpressure, the clock of an unfinished frame, the peer's end. */
  #settle(count: number): void {
    if (this.#discarding) {
      if (this.#finishedWith !== undefined) this.turnAway(this.#finishedWith)
      return
    }
    this.#buffer?.settle(false)
    const undecodedBytes = this.undecodedBytes
    this.#regulate(undecodedBytes)
    if (!this.#go || undecodedBytes === 0 || this.#ended) {
      this.frameSince = 0
    } else if (count > 0 || this.frameSince === 0) {
      // Where the wait begins with no chunk (a handler is done, a pause is over) the rest may be in the kernel.
      this.frameSince = this.#inChunk ? this.activeAt : this.#env.now()
      this.#checkUndelimited()
      this.#host.loopAwaitsFrame()
    } else {
      this.#checkUndelimited()
    }
    if (this.#ended && this.#extra === undefined && (undecodedBytes === 0 || this.#go)) this.#settleEnd(undecodedBytes)
  }

  /** The peer has ended, and nothing more can be made of what is left. */
  #settleEnd(leftBytes: number): void {
    const awaited = this.#pull ? (this.#receivers?.size ?? 0) > 0 : this.#running === 0
    if (this.#finishedWith !== undefined) {
      this.turnAway(this.#finishedWith)
    } else if (!this.#endReported && !this.#held && awaited) {
      this.#endReported = true
      if (leftBytes > 0) this.#host.loopFailed(truncated(leftBytes))
      else this.#host.loopEnded()
    }
  }

  #regulate(undecodedBytes: number): void {
    const mark = this.#pauseAtBytes
    if (this.#readPaused) {
      if (this.#go || undecodedBytes <= mark / 2) this.#resumeReading()
    } else if (!this.#go && undecodedBytes >= mark && !this.#ended) {
      this.#readPaused = true
      this.#connection.pause()
    }
  }

  #resumeReading(): void {
    if (!this.#readPaused) return
    this.#readPaused = false
    this.#connection.resume()
  }

  /** The last line of defence against a framing that never says what it needs. */
  #checkUndelimited(): void {
    const buffer = this.#buffer
    if (buffer === undefined) return
    const waiting = buffer.totalBytes
    const { maxFrameBytes } = this.#limits
    if (waiting > maxFrameBytes + HEADER_BYTES && buffer.ready) {
      this.#break(frameTooLarge(waiting, maxFrameBytes))
    }
  }

  #explain(error: unknown): HawserError {
    const reason = isHawserError(error) ? error : badFrame(`the framing failed: ${describe(error)}`)
    if (reason.code !== 'ERR_BAD_MESSAGE' && this.receivedMessages === 0) {
      reason.message += protocolHint(this.waiting)
    }
    return reason
  }
}

function truncated(leftBytes: number): HawserError<'ERR_TRUNCATED'> {
  return new HawserError('ERR_TRUNCATED', `the peer ended in the middle of a frame, ${leftBytes} B of which had come`)
}
