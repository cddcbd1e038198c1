import { text } from '../../codecs/text.ts'
import type { Address } from '../../src/core/address.ts'
import type { Client } from '../../src/core/client.ts'
import { isHawserError } from '../../src/core/errors.ts'
import type { Server } from '../../src/core/server.ts'
import type { Session } from '../../src/core/session.ts'
import { connect, dial, listen } from '../../src/node.ts'
import { type FaultyLink, faultyLink } from '../../src/testing/faulty-link.ts'
import type { Random } from '../../src/testing/random.ts'
import { QUIET } from '../chaos/load-options.ts'
import type { Certificate } from '../support/certificates.ts'

/** Sessions that come and go at a time. */
const WORKERS = 32
const LASTING_SESSIONS = 5
const WAIT_MS = 10_000
const FAULTY_SHARE = 0.15
const MAX_LETTERS = 4_000
/** How often each is chosen; a TLS handshake costs as much as fifty of the others. */
const WEIGHTS = { tcp: 8, ipc: 4, ws: 4, udp: 3, tls: 1 } as const
type Scheme = keyof typeof WEIGHTS
const SCHEMES = (Object.keys(WEIGHTS) as Scheme[]).flatMap((scheme) =>
  Array.from({ length: WEIGHTS[scheme] }, () => scheme),
)
const BYE = 'bye'
const setup = { codec: text(), logger: QUIET } as const

/** Sessions over all transports that are opened, used and ended in all ways, some of them through links that break. */
export class SoakLoad {
  readonly #random: Random
  readonly #server: Server<string, string>
  readonly #links: readonly FaultyLink[]
  readonly #lasting: Client<string, string>
  readonly #running = new Set<Promise<void>>()
  readonly violations: string[] = []
  /** Sessions that were opened, and dials or sessions that failed as they may. */
  sessions = 0
  failures = 0
  #paused = true

  private constructor(random: Random, server: Server<string, string>, links: readonly FaultyLink[]) {
    this.#random = random
    this.#server = server
    this.#links = links
    this.#lasting = connect(
      links.map(({ address }) => address),
      {
        ...setup,
        tls: { insecure: true },
        connections: LASTING_SESSIONS,
        reconnect: { initialMs: 10, maxMs: 100 },
        listener: {
          onOpen: (session) => session.send('first'),
          onMessage: (session, message) => void setTimeout(() => session.send(message), 10).unref(),
        },
      },
    )
  }

  static async start(random: Random, certificate: Certificate, folder: string): Promise<SoakLoad> {
    const addresses = ['tcp', 'tls', 'ws', 'udp'].map((scheme) => `${scheme}://127.0.0.1:0`)
    const server = await listen([...addresses, `ipc://${folder}/socket`], {
      ...setup,
      tls: certificate,
      udp: { peerIdleMs: 500 },
      listener: {
        onMessage(session, message) {
          if (message === BYE) void session.close()
          else session.send(message)
        },
      },
    })
    const streams = server.addresses.filter(({ scheme }) => scheme !== 'udp')
    const links = await Promise.all(streams.map((address, at) => faultyLink(address, { seed: at, sliceBytes: 2_000 })))
    return new SoakLoad(random, server, links)
  }

  /** Sessions come and go until `pause`. */
  resume(): void {
    this.#paused = false
    for (let count = this.#running.size; count < WORKERS; count++) {
      const running: Promise<void> = this.#work().finally(() => this.#running.delete(running))
      this.#running.add(running)
    }
  }

  /** Resolves when only those are left that are to last. */
  async pause(): Promise<void> {
    this.#paused = true
    await Promise.all(this.#running)
    await this.#lasting.ready({ timeoutMs: WAIT_MS })
    for (let waitedMs = 0; this.#server.sessions.size > LASTING_SESSIONS && waitedMs < WAIT_MS; waitedMs += 50)
      await sleep(50)
    const left = this.#server.sessions.size
    if (left > LASTING_SESSIONS) this.violations.push(`${left} sessions of the server are left`)
  }

  /** Every link that is there breaks. */
  breakLinks(): void {
    for (const link of this.#links) link.reset()
  }

  async stop(): Promise<void> {
    await this.pause()
    await this.#lasting.close()
    for (const link of this.#links) await link[Symbol.asyncDispose]()
    await this.#server.close()
  }

  async #work(): Promise<void> {
    while (!this.#paused) {
      const scheme = SCHEMES[this.#random.below(SCHEMES.length)] as Scheme
      const isFaulty = scheme !== 'udp' && this.#random.next() < FAULTY_SHARE
      const where = isFaulty ? this.#links.map(({ address }) => address) : this.#server.addresses
      const address = where.find((one) => one.scheme === scheme) as Address
      try {
        await this.#cycle(address)
      } catch (error) {
        if (isHawserError(error) && (isFaulty || scheme === 'udp')) this.failures++
        else this.violations.push(`${address.href}: ${String(error)}`)
      }
    }
  }

  async #cycle(address: Address): Promise<void> {
    const session = await dial(address, { ...setup, tls: { insecure: true }, timeoutMs: WAIT_MS })
    this.sessions++
    try {
      for (let count = this.#random.below(4); count > 0; count--) await this.#exchange(session)
      await this.#end(session, address.scheme)
    } finally {
      session.destroy()
      await session.closed
    }
  }

  async #exchange(session: Session<string, string>): Promise<void> {
    const message = String.fromCharCode(97 + this.#random.below(26)).repeat(1 + this.#random.below(MAX_LETTERS))
    session.send(message)
    const echo = await session.receive({ timeoutMs: WAIT_MS })
    if (echo !== message) throw new Error('an echo of something else')
  }

  async #end(session: Session<string, string>, scheme: string): Promise<void> {
    const way = this.#random.below(5)
    if (way === 0) return session.destroy()
    if (way > 1 || scheme === 'udp') return void (await session.close())
    session.send(BYE) // the server ends it
    await session.closed
  }
}

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}
