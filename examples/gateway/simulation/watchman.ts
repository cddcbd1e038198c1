import { type AddressLike, type Client, connect } from 'hawser'
import { isRpcError, rpc, type RpcFrame, type RpcPeer } from 'hawser/rpc'
import { Attached, Gateway } from '../service-contract.ts'
import type { Tokens } from '../tokens.ts'

const NAME = 'watchman'
const TOO_HOT = 80
/** Colder than that it must have been before it is told again. */
const COOL_AGAIN = 75
const HELP = 'ask me: hottest, or coldest'

/** A service as anybody might attach it: it reads all reports, raises the alarm, and answers questions. */
export class Watchman {
  readonly #temperatures = new Map<string, number>()
  readonly #hot = new Set<string>()

  /** Attaches it, and keeps it attached. */
  attach(gateway: AddressLike, tokens: Tokens): Client<RpcFrame, RpcFrame, RpcPeer<undefined>> {
    return connect(gateway, {
      ...rpc({
        onPeer: (peer) => {
          peer.serve(Attached, {
            introduce: () => ({ name: NAME, token: tokens.issue('service', NAME), answers: true, simulates: false }),
            ask: (question) => this.#answer(question.trim().toLowerCase()),
          })
          void this.#watch(peer)
        },
      }),
      onStatus() {},
    })
  }

  async #watch(peer: RpcPeer): Promise<void> {
    try {
      await peer.waitFor([Gateway]) // served once we are introduced
      const gateway = peer.client(Gateway)
      for await (const { device, readings } of gateway.reports({})) {
        const { temperature } = readings
        if (temperature === undefined) continue
        this.#temperatures.set(device, temperature)
        if (temperature < COOL_AGAIN) this.#hot.delete(device)
        else if (temperature >= TOO_HOT && !this.#hot.has(device)) {
          this.#hot.add(device)
          gateway.announce(`${device} is at ${temperature.toFixed(1)} °C`)
        }
      }
    } catch (error) {
      if (!isRpcError(error)) throw error // the session is gone; the next one watches again
    }
  }

  #answer(question: string): string {
    const sorted = [...this.#temperatures].toSorted(([, a], [, b]) => a - b)
    const found = question === 'hottest' ? sorted.at(-1) : question === 'coldest' ? sorted[0] : undefined
    if (found === undefined) return HELP
    const [device, temperature] = found
    return `${device}, at ${temperature.toFixed(1)} °C, of ${sorted.length}`
  }
}
