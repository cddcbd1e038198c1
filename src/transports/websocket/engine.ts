import type { Env, Net } from '../../core/env.ts'
import { badOption } from '../../core/errors.ts'
import type { UpgradeRequest, WebSocketEngine, WebSocketSettings } from '../../core/web-socket.ts'
import type { ResolvedWsOptions } from '../options.ts'
import { frameMemoryOf } from './frame-memory.ts'
import { FrameQueue } from './frame-queue.ts'
import { listOf } from './head.ts'

const DEFLATE = 'permessage-deflate'

/**
 * Which of the two engines carries a WebSocket: our own data path, or somebody else's, that can compress. Ours is chosen
 * wherever nothing speaks for the other.
 */
export class Engine {
  readonly #choice: 'own' | 'compressing' | 'other'
  readonly #other: WebSocketEngine | undefined

  private constructor(choice: 'own' | 'compressing' | 'other', other: WebSocketEngine | undefined) {
    this.#choice = choice
    this.#other = other
  }

  /** Resolves when it can be used. @throws (as a rejection) ERR_BAD_OPTION where the Env has not what the options ask for */
  static async load(net: Net, { engine, compression }: ResolvedWsOptions): Promise<Engine> {
    if (engine === 'own' && compression === false) return new Engine('own', undefined)
    const option = engine === 'ws' ? 'ws.engine' : 'ws.compression'
    if (net.webSocket === undefined) throw badOption(option, 'needs an engine that this Env has not')
    await net.webSocket.load()
    return new Engine(engine === 'ws' ? 'other' : 'compressing', net.webSocket)
  }

  /** The other engine. Only after `serves` or `dials` said so. */
  get other(): WebSocketEngine {
    if (this.#other === undefined) throw new TypeError('there is no other engine')
    return this.#other
  }

  /** Whether the other engine answers this request. */
  serves({ headers }: UpgradeRequest): boolean {
    if (this.#choice !== 'compressing') return this.#choice === 'other'
    return listOf(headers['sec-websocket-extensions']).some((offer) => nameOf(offer) === DEFLATE)
  }

  /** Whether the other engine dials: with compression on it does, as one offer is made before the answer is known. */
  get dials(): boolean {
    return this.#choice !== 'own'
  }
}

/** Without what the option group says about choosing: a subprotocol has been chosen, or is still offered. */
export function settingsOf(
  env: Env,
  { compression, headers }: ResolvedWsOptions,
  subprotocols: readonly string[],
): WebSocketSettings {
  const frames: WebSocketSettings['frames'] = (link, masked) => new FrameQueue(link, frameMemoryOf(env), masked)
  return { subprotocols, compression, headers, frames }
}

function nameOf(offer: string): string {
  return (offer.split(';')[0] ?? '').trim().toLowerCase()
}
