import type { Address } from '../core/address.ts'
import type { Connection } from '../core/connection.ts'
import type { Env } from '../core/env.ts'
import { HawserError } from '../core/errors.ts'
import { requireOneOf } from '../core/session-options.ts'
import type { Acceptor, AcceptSink, LinkOptions, Transport } from '../core/transport.ts'
import { MemoryAcceptor } from './memory-acceptor.ts'
import { type Carrier, memoryLink } from './memory-connection.ts'
import { resolveListen } from './options.ts'

/** The option group `inproc`; the listening side decides for both. */
export interface InprocOptions {
  /** 'message': one write is one frame, and no framing is needed. @defaultValue 'stream' */
  readonly boundary?: 'stream' | 'message' | undefined
}

/** What waits for a reader that does not read; more stays with the writer. */
const WINDOW_BYTES = 64 * 1024
const WINDOW_MESSAGES = 16
/** So many hops of an Env go by `defer` before all further ones wait for other I/O. */
const HOPS_PER_TURN = 256

/** `inproc://name`: peers in the same process and the same Env, over memory. */
export const inproc: Transport = {
  schemes: ['inproc'],

  async dial(address: Address, options: LinkOptions): Promise<Connection> {
    options.signal?.throwIfAborted()
    const { env } = options
    const place = placeOf(env)
    const listening = place.listening.get(address.path)
    if (listening === undefined || !listening.acceptor.hasRoom) {
      const why = listening === undefined ? 'nobody listens' : 'the backlog is full'
      throw new HawserError('ERR_CONNECTION_REFUSED', `${address.href}: ${why}`, { retryable: true })
    }
    const dialer = `${address.href}#${++place.dials}`
    const { dialed, accepted } = memoryLink(
      listening.boundary,
      {
        env,
        localAddress: dialer,
        remoteAddress: address.href,
        carrier: new HopCarrier(place.hops),
        chunks: 'kept',
        text: options.text,
      },
      {
        env,
        localAddress: address.href,
        remoteAddress: dialer,
        carrier: new HopCarrier(place.hops),
        chunks: 'kept',
        text: listening.text,
      },
    )
    listening.acceptor.offer(accepted)
    // In a later turn, as on any other transport: who dials in a loop must leave the acceptor its own.
    return new Promise((resolve) => env.defer(() => resolve(dialed)))
  },

  async listen(address: Address, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
    const { boundary = 'stream' } = (options.groups['inproc'] ?? {}) as InprocOptions
    requireOneOf('inproc.boundary', boundary, ['stream', 'message'])
    const { backlog } = resolveListen(options.groups)
    const { listening } = placeOf(options.env)
    const name = address.path
    if (listening.has(name)) throw new HawserError('ERR_ADDRESS_IN_USE', `${address.href} is in use`)
    const acceptor = new MemoryAcceptor(options.env, address.href, backlog, sink, () => listening.delete(name))
    listening.set(name, { acceptor, boundary, text: options.text })
    return acceptor
  },
}

interface Listening {
  readonly acceptor: MemoryAcceptor
  readonly boundary: 'stream' | 'message'
  readonly text: boolean
}

/** The names of one Env: two tests that run at once do not meet. */
interface Place {
  readonly listening: Map<string, Listening>
  readonly hops: Hops
  dials: number
}

const places = /* @__PURE__ */ new WeakMap<Env, Place>()

function placeOf(env: Env): Place {
  let place = places.get(env)
  if (place === undefined) {
    place = { listening: new Map(), hops: new Hops(env), dials: 0 }
    places.set(env, place)
  }
  return place
}

/**
 * Turns in which bytes arrive. Two ends that answer each other at once would go on in `defer` for ever, and no socket
 * or timer would get its turn; so from some number of hops on they wait for it.
 */
class Hops {
  readonly #env: Env
  #hops = 0

  constructor(env: Env) {
    this.#env = env
  }

  next(run: () => void): void {
    if (this.#hops === 0) this.#env.yield(this.#onOtherIo)
    if (this.#hops++ < HOPS_PER_TURN) this.#env.defer(run)
    else this.#env.yield(run)
  }

  readonly #onOtherIo = (): void => {
    this.#hops = 0
  }
}

/** Whatever was sent in one turn arrives in one later turn. */
class HopCarrier implements Carrier {
  readonly windowBytes: number = WINDOW_BYTES
  readonly windowMessages: number = WINDOW_MESSAGES
  readonly #hops: Hops
  #arrive: (() => void) | undefined
  #due = 0

  constructor(hops: Hops) {
    this.#hops = hops
  }

  pieceBytes(): number {
    return WINDOW_BYTES
  }

  carry(_piece: Uint8Array | undefined, arrive: () => void): void {
    this.#arrive = arrive // always the other end's
    if (this.#due++ === 0) this.#hops.next(this.#onHop)
  }

  readonly #onHop = (): void => {
    try {
      for (let due = this.#due; due > 0; due--) {
        this.#due--
        this.#arrive?.()
      }
    } finally {
      if (this.#due > 0) this.#hops.next(this.#onHop) // sent by what arrived, or a sink threw
    }
  }
}
