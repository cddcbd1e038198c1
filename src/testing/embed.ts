import { lengthPrefixed } from '../../codecs/framing/length-prefixed.ts'
import { parseAddress } from '../core/address.ts'
import { allParts } from '../core/all-parts.ts'
import { ChunkBuffer } from '../core/chunk-buffer.ts'
import type { PeerInfo } from '../core/connection.ts'
import type { SessionError } from '../core/errors.ts'
import { type Framing, framingFor } from '../core/framing.ts'
import { LiveSession } from '../core/live-session.ts'
import type { Peer } from '../core/peer.ts'
import type { CloseCause, Session } from '../core/session.ts'
import { resolveSetup } from '../core/session-config.ts'
import { type NeedsData, requireNumber, type SessionSetup } from '../core/session-options.ts'
import { HeldConnection } from './held-connection.ts'
import { type VirtualEnv, virtualEnv } from './virtual-env.ts'

/** Who the peer in your hand seems to be, and whose clock runs. */
export interface EmbedOptions {
  /** What the session knows of its peer. The scheme of `remoteAddress` decides how bytes come: as a stream, or as messages (ws, udp). @defaultValue one that came in over tcp */
  readonly peer?: Partial<Peer> | undefined
  /** Whose time it lives in. @defaultValue a new one */
  readonly env?: VirtualEnv | undefined
}

/** How the bytes are cut. */
export interface FeedOptions {
  /** Cuts the bytes into chunks of this size; 'byte' is one by one. @defaultValue Infinity: one chunk */
  readonly slice?: number | 'byte' | undefined
}

/** The session under test, and its peer in your hand: no socket, no real time. */
export interface EmbeddedSession<In, Out, Data> extends AsyncDisposable {
  readonly session: Session<In, Out, Data>
  readonly env: VirtualEnv
  /** Why it closed, once it has. */
  readonly cause: CloseCause | undefined
  /** What passes below the session, write by write. */
  readonly connection: HeldConnection
  /** Bytes from the peer; resolves when all that follows from them now is done. */
  feed(bytes: Uint8Array, options?: FeedOptions): Promise<void>
  /** What was sent since the last look, cut into frames by a framing of its own; a frame not yet whole waits. */
  takeFrames(): Uint8Array[]
  /** What was sent since the last look, as it went over the wire. */
  takeBytes(): Uint8Array
  advance(ms: number): Promise<void>
  /** The peer takes nothing more until `drain()`. */
  stall(): void
  drain(): Promise<void>
  /** The peer sends no more. */
  end(): Promise<void>
  /** The link breaks. */
  reset(): Promise<void>
}

/** Of the transports, for setups that are meant for a door of theirs as well. */
const GROUPS = ['tcp', 'tls', 'ipc', 'ws', 'inproc']
const MESSAGE_SCHEMES = new Set(['ws', 'wss', 'udp'])
const UNRELIABLE_SCHEMES = new Set(['udp'])
const DEFAULT_FRAMING = /* @__PURE__ */ lengthPrefixed()
const DEFAULT_LOCAL = parseAddress('tcp://127.0.0.1:7000')
const DEFAULT_REMOTE = parseAddress('tcp://127.0.0.1:50000')

/**
 * A session with everything that the setup says, on a connection that the test holds. Resolves when it is open, or when
 * its opening waits for bytes or time; `data` or `onOpen` that turn the peer away reject, as they would a dial.
 */
export async function embed<In, Out = In, Data = undefined>(
  setup: SessionSetup<In, Out, Data> & NeedsData<Data>,
  options: EmbedOptions = {},
): Promise<EmbeddedSession<In, Out, Data>> {
  const { peer = {}, env = virtualEnv() } = options
  const config = resolveSetup<In, Out, Data>(
    { ...setup, env },
    { ...allParts(DEFAULT_FRAMING), env, transports: [] },
    GROUPS,
  )
  const connection = heldConnection(env, peer, setup.chunks)
  const host = new EmbeddingHost()
  const session = new LiveSession<In, Out, Data>(connection, config, host, peer.role ?? 'accepted', peer.dialed)
  env.defer(() => session.start())
  await env.settle()
  if (host.refusal !== undefined) throw host.refusal
  const framed = connection.boundary === 'stream' || setup.boundary === 'stream'
  const framing = framed ? framingFor(setup.framing ?? DEFAULT_FRAMING, session) : undefined
  return new Embedding(env, session, connection, host, framing)
}

class EmbeddingHost {
  refusal: SessionError | undefined
  cause: CloseCause | undefined

  sessionOpened(): void {}

  sessionRefused(_session: unknown, error: SessionError): void {
    this.refusal = error
  }

  sessionGone(_session: unknown, cause: CloseCause): void {
    this.cause = cause
  }
}

class Embedding<In, Out, Data> implements EmbeddedSession<In, Out, Data> {
  readonly session: Session<In, Out, Data>
  readonly env: VirtualEnv
  readonly connection: HeldConnection
  readonly #host: EmbeddingHost
  readonly #framing: Framing | undefined
  readonly #sent = new ChunkBuffer(Infinity)

  constructor(
    env: VirtualEnv,
    session: Session<In, Out, Data>,
    connection: HeldConnection,
    host: EmbeddingHost,
    framing: Framing | undefined,
  ) {
    this.env = env
    this.session = session
    this.connection = connection
    this.#host = host
    this.#framing = framing
  }

  get cause(): CloseCause | undefined {
    return this.#host.cause
  }

  feed(bytes: Uint8Array, { slice = Infinity }: FeedOptions = {}): Promise<void> {
    const size = slice === 'byte' ? 1 : slice
    if (size !== Infinity) requireNumber('slice', size, 1)
    for (let at = 0; at < bytes.length; at += size) this.connection.feed(bytes.subarray(at, at + size))
    if (bytes.length === 0) this.connection.feed(bytes) // an empty message
    return this.env.settle()
  }

  takeFrames(): Uint8Array[] {
    if (this.#framing === undefined) return this.connection.takeWrites().map(({ bytes }) => bytes)
    this.#sent.append(this.connection.takeBytes())
    const frames: Uint8Array[] = []
    for (;;) {
      const frame = this.#framing.next(this.#sent)
      if (frame === undefined) return frames
      frames.push(new Uint8Array(frame)) // memory of its own, and no Buffer: comparable with what `hex` makes
    }
  }

  takeBytes(): Uint8Array {
    return this.connection.takeBytes()
  }

  advance(ms: number): Promise<void> {
    return this.env.advance(ms)
  }

  stall(): void {
    this.connection.stall()
  }

  drain(): Promise<void> {
    this.connection.drain()
    return this.env.settle()
  }

  end(): Promise<void> {
    this.connection.feedEnd()
    return this.env.settle()
  }

  reset(): Promise<void> {
    this.connection.reset()
    return this.env.settle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy()
    await this.env.settle()
  }
}

function heldConnection(env: VirtualEnv, peer: Partial<Peer>, chunks: 'kept' | 'borrowed' | undefined): HeldConnection {
  const { localAddress = DEFAULT_LOCAL, remoteAddress = DEFAULT_REMOTE } = peer
  const scheme = peer.transport ?? remoteAddress.scheme
  return new HeldConnection({
    env,
    chunks,
    boundary: MESSAGE_SCHEMES.has(scheme) ? 'message' : 'stream',
    reliable: !UNRELIABLE_SCHEMES.has(scheme),
    localAddress: localAddress.href,
    remoteAddress: remoteAddress.href,
    peer: peerInfo(peer),
  })
}

function peerInfo({ certificate, protocol, request, proxy }: Partial<Peer>): PeerInfo {
  return {
    certificate,
    protocol,
    request,
    proxy,
  }
}
