import type { RpcStatus } from './rpc-status.ts'

/**
 * What a frame says. The numbers are those of the binary wire; those below `RESULT` begin a call, and stand for its kind.
 *
 *              caller                                                 handler
 *                │ UNARY, SERVER_STREAM, CLIENT_STREAM, BIDI_STREAM      │
 *                │ ────────────────────────────────────────────────────▶ │  once, first; ONE_WAY, and nothing follows
 *                │ INPUT … INPUT_END                                     │
 *                │ ────────────────────────────────────────────────────▶ │  client and both-way streams
 *                │                                          INPUT_CREDIT │
 *                │ ◀──────────────────────────────────────────────────── │
 *                │                                  OUTPUT … , OUTPUT_END│
 *                │ ◀──────────────────────────────────────────────────── │  server and both-way streams
 *                │ OUTPUT_CREDIT                                         │
 *                │ ────────────────────────────────────────────────────▶ │
 *                │ CANCEL                                                │
 *                │ ────────────────────────────────────────────────────▶ │  at any time; nobody waits for an answer
 *                │                               RESULT, ERROR, OUTPUT_END
 *                │ ◀──────────────────────────────────────────────────── │  one of them, once, last
 *
 * Ids are the caller's: both sides may use the same ones at once for calls of their own.
 */
export const FrameType = {
  UNARY: 0,
  ONE_WAY: 1,
  SERVER_STREAM: 2,
  CLIENT_STREAM: 3,
  BIDI_STREAM: 4,
  /** The handler's one answer: `body`. */
  RESULT: 5,
  /** The handler's last word: `body` is an ErrorBody. */
  ERROR: 6,
  /** The caller wants no answer any more. */
  CANCEL: 7,
  /** One item of what the caller streams: `body`. */
  INPUT: 8,
  /** The caller streams no more. The handler may go on. */
  INPUT_END: 9,
  /** To the caller: `amount` more bytes of items may come. */
  INPUT_CREDIT: 10,
  /** One item of what the handler streams: `body`. */
  OUTPUT: 11,
  /** The handler streams no more: the call is over. */
  OUTPUT_END: 12,
  /** To the handler: `amount` more bytes of items may come. */
  OUTPUT_CREDIT: 13,
  /** The sender serves the service of this `name` from now on. */
  REGISTER: 14,
  /** It does not any more. */
  UNREGISTER: 15,
  /** The sender is leaving: no new calls to it, please. Calls in progress go on. */
  GO_AWAY: 16,
  /** The answer to GO_AWAY: no new call follows behind this frame. */
  GO_AWAY_SEEN: 17,
  /**
   * Several frames in one message, both ways: `body` is a Frame[] of calls or of RESULT and ERROR. What answers the calls
   * of a batch goes back as one BATCH, when the last of them is answered.
   */
  BATCH: 18,
  /**
   * Only ever received: a call that cannot be understood. `body` is the frame (an ERROR) to send back in its place, or
   * undefined for none.
   */
  MALFORMED: 19,
} as const

/** One of the numbers of `FrameType`. */
export type FrameType = (typeof FrameType)[keyof typeof FrameType]

/** Of a call, by who makes it: our own are counted from 1; a peer over JSON-RPC names its calls as it likes. */
export type CallId = number | string | null

/** What an ERROR carries. */
export interface ErrorBody {
  readonly status: RpcStatus
  readonly message: string
  /** Undefined: none. */
  readonly data: unknown
  /** The call was turned away before its handler was begun: to repeat it is safe. */
  readonly notRun: boolean
  readonly jsonRpcCode: number | undefined
}

/** Who wants to know how large a stream's item has become: credit counts its bytes. */
export interface ItemSizes {
  /** Called from inside of `encode` (by INPUT and OUTPUT alone), which may come later than `send` where stages hold frames back. */
  encoded(bodyBytes: number): void
}

/** What an RPC session sends and receives. It is RPC's own: nobody else can make or read one. */
export interface RpcFrame {
  readonly opaque: unique symbol
}

/**
 * One frame, whatever its type: of one shape, because millions of them pass the same few lines a second. Fields that a
 * type does not use keep their default.
 */
export class Frame {
  type: FrameType
  /** Of the call. 0 for frames that belong to no call, null also for an error about a call whose id could not be read. */
  id: CallId
  /**
   * Calls: the name of the method on the wire, as `Wire.nameOf` made it. A received frame may have '' where `number` says
   * which it is. Sent RESULT, INPUT and OUTPUT have it, too, for the body that encodes by method. REGISTER and
   * UNREGISTER: the name of the service.
   */
  name: string
  /** Calls: the caller's number for the method (from 0), on this session; -1: none, the name says it. */
  number = -1
  /** Calls that are sent: the peer may not know `number` yet, so the name goes along. */
  named = true
  /** Calls: milliseconds that are left for it, 0 is no limit. Credit: bytes. */
  amount = 0
  /** Calls, RESULT, ERROR and OUTPUT_END; undefined: none. */
  metadata: ReadonlyMap<string, string> | undefined = undefined
  /**
   * To send: the value; of calls whose caller streams there is none. Received: what `Wire.decodeBody` makes a value of. ERROR, BATCH and MALFORMED as said there.
   */
  body: unknown
  /** To send: `body` is a Uint8Array that is encoded already, and goes out as it is. */
  encoded = false
  /** INPUT and OUTPUT, sent: told the size of the body. */
  sizes: ItemSizes | undefined = undefined

  constructor(type: FrameType, id: CallId, name: string, body: unknown) {
    this.type = type
    this.id = id
    this.name = name
    this.body = body
  }
}
