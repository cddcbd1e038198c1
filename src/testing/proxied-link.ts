import type { Connection } from '../core/connection.ts'
import { resetSocket } from '../env/node/reset-socket.ts'
import { ProxiedDirection, type ProxyWeather } from './proxied-direction.ts'
import type { Random } from './random.ts'

/** Who is left of a link whose other end has vanished. */
export type Left = 'dialer' | 'target'

/** A connection that was accepted and the one that was dialed for it, with weather between them. */
export class ProxiedLink {
  readonly #dialer: Connection
  readonly #target: Connection
  readonly #forth: ProxiedDirection
  readonly #back: ProxiedDirection
  readonly #onGone: (link: ProxiedLink) => void
  /** The one whose peer has vanished. */
  #widow: Connection | undefined
  #openEnds = 2
  #isGone = false

  /** @param onGone both ends are closed, or were reset */
  constructor(
    weather: ProxyWeather,
    random: { readonly forth: Random; readonly back: Random },
    dialer: Connection,
    target: Connection,
    onGone: (link: ProxiedLink) => void,
  ) {
    this.#dialer = dialer
    this.#target = target
    this.#onGone = onGone
    const reset = (): void => this.reset()
    const closed = (error: Error | undefined): void => this.#onClose(error)
    this.#forth = new ProxiedDirection(weather, random.forth, dialer, target, reset, closed)
    this.#back = new ProxiedDirection(weather, random.back, target, dialer, reset, closed)
    dialer.attach(this.#forth)
    target.attach(this.#back)
  }

  weatherChanged(): void {
    this.#forth.weatherChanged()
    this.#back.weatherChanged()
  }

  reset(): void {
    this.#break(resetSocket)
  }

  destroy(): void {
    this.#break((connection) => connection.destroy())
  }

  /** One end is gone, and the other one is not told. */
  halfOpen(left: Left): void {
    if (this.#isGone || this.#widow !== undefined) return
    this.#forth.stop()
    this.#back.stop()
    const [widow, vanished] = left === 'dialer' ? [this.#dialer, this.#target] : [this.#target, this.#dialer]
    this.#widow = widow
    resetSocket(vanished)
  }

  /** As a machine that is back: it knows nothing of the link, and answers with a reset. */
  heal(): void {
    if (this.#widow === undefined) this.weatherChanged()
    else this.reset()
  }

  /** A reset travels on; an orderly end has been passed on as one. */
  #onClose(error: Error | undefined): void {
    if (error !== undefined || this.#widow !== undefined) this.reset()
    else if (--this.#openEnds === 0) this.#gone()
  }

  #break(end: (connection: Connection) => void): void {
    if (this.#isGone) return
    this.#gone()
    for (const connection of [this.#dialer, this.#target]) end(connection)
  }

  #gone(): void {
    this.#isGone = true
    this.#forth.stop()
    this.#back.stop()
    this.#onGone(this)
  }
}
