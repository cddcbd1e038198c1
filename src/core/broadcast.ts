import { allocate } from './bytes.ts'
import type { Codec } from './codec.ts'
import { encodeFailed, isHawserError } from './errors.ts'
import { FrameWriter } from './frame-writer.ts'
import { LiveSession } from './live-session.ts'
import type { AnySession, Session } from './session.ts'

/** Who of the receivers gets a message. */
export interface BroadcastOptions<S> {
  /** The one that does not get it: mostly the one that it came from. @defaultValue nobody */
  readonly except?: AnySession | undefined
  /** Who gets it. A throw goes to the caller of `broadcast`, and nobody has got the message. @defaultValue everybody */
  readonly filter?: ((session: S) => boolean) | undefined
  /** Passes over those that are not writable. @defaultValue false */
  readonly skipSlow?: boolean | undefined
}

type Receiver<Out> = Session<unknown, Out, unknown>
type Live<Out> = LiveSession<unknown, Out, unknown>

/** What a message became, framed by nobody yet. */
export interface Body {
  readonly bytes: Uint8Array
  readonly text: boolean
}

/**
 * Sends one message to many without waiting for any of them. The body is encoded once for each codec among the
 * receivers, and framed for each; a session with outbound stages is sent the message itself. In order to throw before
 * anybody got it, all encoding is done first.
 *
 * @param bodies of that message, where somebody else needs them too @returns the number of sessions that took it
 * @throws what a codec or the filter throws; ERR_MESSAGE_TOO_LARGE and ERR_ENCODE only where nobody could take it. What
 *   becomes of a receiver (closed, full, too small a limit) is its own affair.
 */
export function broadcast<Out, S extends Receiver<Out>>(
  sessions: ReadonlySet<S>,
  message: Out,
  options: BroadcastOptions<S> = {},
  bodies: Bodies<Out> = new Bodies<Out>(message),
): number {
  const { except, filter, skipSlow = false } = options
  const receivers = filter === undefined ? sessions : [...sessions].filter((session) => filter(session))
  for (const session of receivers) {
    if (session !== except && isFramedApart(session)) bodies.of(session.codec)
  }
  let taken = 0
  let refusal: unknown
  for (const session of receivers) {
    if (session === except || (skipSlow && !session.writable)) continue
    try {
      if (isFramedApart(session)) {
        const { bytes, text } = bodies.of(session.codec)
        if (session.sendBody(bytes, text) || session.tookLast) taken++
      } else if (sendWhole(session, message)) taken++
    } catch (error) {
      // One receiver's limit, or its `overflow: 'throw'`, is not in the way of the others.
      if (isHawserError(error, 'ERR_MESSAGE_TOO_LARGE', 'ERR_ENCODE')) refusal ??= error
    }
  }
  if (taken === 0 && refusal !== undefined) throw refusal
  return taken
}

/**
 * Sends a body that another process has encoded, past the stages. What becomes of a receiver is its own affair.
 * @returns the number of sessions that took it
 */
export function broadcastBody(sessions: Iterable<AnySession>, { bytes, text }: Body, skipSlow: boolean): number {
  let taken = 0
  for (const session of sessions) {
    if (!(session instanceof LiveSession) || (skipSlow && !session.writable)) continue
    try {
      if (session.sendBody(bytes, text) || session.tookLast) taken++
    } catch {
      // Its limits are smaller, or it said `overflow: 'throw'`: here is no sender to tell.
    }
  }
  return taken
}

function isFramedApart<Out>(session: Receiver<Out>): session is Live<Out> {
  return session instanceof LiveSession && !session.hasOutboundStages
}

function sendWhole<Out>(session: Receiver<Out>, message: Out): boolean {
  if (session instanceof LiveSession) return session.send(message) || session.tookLast
  const droppedBefore = session.stats.droppedMessages
  return session.send(message) || session.stats.droppedMessages === droppedBefore
}

/** The bodies of one message, by codec. There is mostly one codec, so the last one is at hand. */
export class Bodies<Out> {
  readonly #message: Out
  #lastCodec: Codec<unknown, Out> | undefined
  #lastBody: Body | undefined
  #others: Map<Codec<unknown, Out>, Body> | undefined

  constructor(message: Out) {
    this.#message = message
  }

  of(codec: Codec<unknown, Out>): Body {
    if (codec === this.#lastCodec && this.#lastBody !== undefined) return this.#lastBody
    if (this.#lastCodec !== undefined && this.#lastBody !== undefined) {
      this.#others ??= new Map()
      this.#others.set(this.#lastCodec, this.#lastBody)
    }
    const body = this.#others?.get(codec) ?? encodeBody(codec, this.#message)
    this.#lastCodec = codec
    this.#lastBody = body
    return body
  }
}

/** Receivers may belong to several Envs, so that none of their writers is the right one. */
let writer: FrameWriter | undefined

/** @throws ERR_ENCODE */
function encodeBody<Out>(codec: Codec<unknown, Out>, message: Out): Body {
  writer ??= new FrameWriter()
  writer.begin(Infinity, codec.format === 'text')
  try {
    codec.encode(message, writer)
    const body = { bytes: joined(writer), text: writer.text }
    writer.commit()
    return body
  } catch (error) {
    writer.abandon()
    throw encodeFailed(error)
  }
}

/** A view of the slab, of which nothing is ever released; with payloads by reference, a copy. */
function joined(frame: FrameWriter): Uint8Array {
  const { slab, from, to, parts } = frame
  const piece = slab.subarray(from, to)
  if (parts === undefined) return piece
  const bytes = allocate(frame.position)
  let at = 0
  for (const part of [...parts, piece]) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
