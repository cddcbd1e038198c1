import type { Env } from './env.ts'
import type { FrameWriter } from './frame-writer.ts'
import type { PeerProxy } from './peer.ts'

/** WebSocket close code and text; every other connection ignores what it cannot carry. */
export interface CloseReason {
  readonly code?: number | undefined
  readonly text?: string | undefined
}

/** What the link itself learnt about the other side. */
export interface PeerInfo {
  /** ALPN protocol or WebSocket subprotocol. */
  readonly protocol?: string | undefined
  /** `PeerCertificate` of peer.ts. */
  readonly certificate?: unknown
  /** The proxy that passed this peer on. */
  readonly proxy?: PeerProxy | undefined
  /** The WebSocket upgrade request. */
  readonly request?:
    | { readonly url: string; readonly headers: Readonly<Record<string, string | string[] | undefined>> }
    | undefined
}

/**
 * One link to one peer, bytes only.
 *
 * No method calls the sink before it has returned: chunks, `taken`, onEnd and onClose come in a later turn of
 * Env.defer or of the event loop. After onClose nothing is called any more.
 */
export interface Connection {
  /** 'message': one write is one frame is one onChunk. */
  readonly boundary: 'stream' | 'message'
  /** false: may lose, double, reorder (udp). */
  readonly reliable: boolean
  /** 'borrowed': a chunk's memory is reused when onChunk returns. */
  readonly chunks: 'kept' | 'borrowed'
  /** true: nobody else has the memory of a chunk, so that whoever gets it may write to it. @defaultValue false */
  readonly ownsChunks?: boolean
  /** Message mode: the largest frame; Infinity otherwise. */
  readonly maxWriteBytes: number
  /** As URLs. Still known after close. */
  readonly localAddress: string
  readonly remoteAddress: string
  readonly peer: PeerInfo
  /** Written and not yet taken, wrappers' own queues included. */
  readonly bufferedBytes: number
  /**
   * True where written bytes are somewhere else by the time that `bufferedBytes` does not count them any more, as a
   * socket's are in the kernel: their memory may be written anew then. Absent: somebody may keep views of them.
   */
  readonly copiesWrites?: boolean
  /**
   * Message mode: for who encodes messages one behind the other, as they lie on the wire, so that many of them leave with
   * one `writeFrames`. Absent, like that, where each message needs a `write` of its own.
   */
  readonly frames?: FrameFormat | undefined
  /** A number that changes while the peer takes parts of a large write; absent where nobody can tell. */
  readonly progress?: number
  /** Message mode: a message has begun to come and is not whole. Absent where that cannot be, or nobody can tell. */
  readonly isInside?: boolean
  /** Unreliable ones: what came while the sink did not read and more waited than is kept. It is lost. */
  readonly droppedChunks?: number
  /**
   * Starts reading. Before it nothing is read; what arrived waits. (An accepted WebSocket sends its 101 now; `end`
   * before it answers with an HTTP status.) May be called again: the new sink gets `unread` first, then what follows. After `end` or
   * `destroy` it is still called, by who wants to hear of onClose.
   */
  attach(sink: ConnectionSink, unread?: Uint8Array): void
  /**
   * Undoes `attach`, from inside of onChunk: nothing is read and nobody is called until the next one, which gets `unread`
   * first. For who reads a header and hands the connection on. Absent where nobody does: in layers and mux streams.
   */
  detach?(unread: Uint8Array, introduction?: Introduction): void
  /**
   * In order. Nobody may change the bytes until they are taken. `taken` comes at most once, in the order of the
   * writes, when the owner below has taken the bytes; never after onClose.
   */
  write(chunk: Uint8Array, taken?: () => void, text?: boolean): void
  /** Frames that `frames` made, or pieces of them. Otherwise as `write`; both may be used in turn. */
  writeFrames?(bytes: Uint8Array, taken?: () => void): void
  /** Writes up to `uncork` leave together; nests. */
  cork(): void
  uncork(): void
  /** A request: what one read had brought already may still come; the sink must keep it. */
  pause(): void
  resume(): void
  /** WebSocket; the answer comes as onActivity. */
  ping?(): void
  /** After all writes. The other direction stays open where the link can. Idempotent. */
  end(reason?: CloseReason): void
  /** onClose follows, exactly once. A HawserError chooses the close code. Idempotent. */
  destroy(error?: Error): void
}

/** How the frames of a connection lie on its wire. */
export interface FrameFormat {
  /** As of Framing, into the one FrameWriter of the Env. */
  begin(out: FrameWriter): number
  end(out: FrameWriter, mark: number): void
}

/** What a header says of the peer, instead of what the link itself knows. */
export interface Introduction {
  /** As a URL. */
  readonly remoteAddress: string
  readonly peer: PeerInfo
}

/** Who hears what a Connection brings. */
export interface ConnectionSink {
  /**
   * What one read brought follows as several chunks, up to `endBatch`: a sink may answer all of them at once. Message
   * mode only; a layer need not hand it on.
   */
  beginBatch?(bytes: number): void
  endBatch?(): void
  onChunk(chunk: Uint8Array, text?: boolean): void
  /** Life without a chunk: pong, compressed header, window update. */
  onActivity(): void
  /** The peer sends no more; at most once, after the last chunk. */
  onEnd(reason?: CloseReason): void
  /** Exactly once, last. */
  onClose(error?: Error): void
}

/** Whether a side of a conversation was accepted by us, dialed by us, or given to us. */
export type Role = 'accepted' | 'dialed' | 'attached'

/** A byte layer: compression, wire log, throttle, faults. The session option `wrap` lists them, innermost first. */
export interface Wrapper {
  (connection: Connection, role: Role, env: Env): Connection
  /** 'stream': it works on byte streams only, and `listen` refuses it where connections carry messages. */
  readonly boundary?: 'stream' | undefined
}
