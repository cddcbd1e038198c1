import { type Address, parseAddress } from '../../core/address.ts'
import type { Connection, Role, Wrapper } from '../../core/connection.ts'
import type { Env } from '../../core/env.ts'
import type { HawserError } from '../../core/errors.ts'
import type { AcceptSink, Acceptor, LinkOptions, Transport } from '../../core/transport.ts'
import { systemEnv } from '../../env/node/system-env.ts'
import { equal, ok, rejects } from './check.ts'
import { type Link, verifyConnection } from './connection.ts'
import { knocking } from './knock.ts'
import { Party, pause, until } from './party.ts'
import { type LeftOut, Sentences } from './sentences.ts'
import type { TestFunction } from './test-function.ts'

/** What `verifyTransport` takes: the transport, an address of it, and what wraps it. */
export interface TransportUnderTest {
  /** What is looked at. */
  readonly transport: Transport
  /** Where to listen: with port 0, or a function that gives a free place each time, as tests may run side by side. */
  readonly address: string | (() => string)
  /** Option groups of both sides: `tls`, `inproc` … @defaultValue {} */
  readonly groups?: Readonly<Record<string, unknown>>
  /** A layer around every connection, on both sides. @defaultValue none */
  readonly wrap?: Wrapper
  /** Its time must pass by itself. @defaultValue the real one */
  readonly env?: Env
  /** false: its links may lose, double and reorder messages, and have no end, as those of UDP. @defaultValue true */
  readonly reliable?: boolean
}

/**
 * What every transport keeps: each sentence of the Connection contract, and those of dialing, listening and closing.
 * Nothing here knows which transport it is. Gives the sentences that do not apply: none where it is reliable.
 */
export function verifyTransport(test: TestFunction, name: string, options: TransportUnderTest): readonly LeftOut[] {
  const place = new Place(options)
  const sentences = new Sentences(test, name, options.reliable ?? true)
  verifyConnection(sentences, () => place.link())

  const sentence = (title: string, run: () => Promise<void>): void => sentences.add(title, run)

  sentence('dialing where nobody listens is refused', async () => {
    const { acceptor } = await place.listen()
    await acceptor.close()
    await rejects(place.dial(acceptor.address), 'ERR_CONNECTION_REFUSED')
  })

  sentence('an address is in use while somebody listens, and free again after close', async () => {
    const { acceptor } = await place.listen()
    await rejects(place.listen(acceptor.address), 'ERR_ADDRESS_IN_USE')
    await acceptor.close()
    const again = await place.listen(acceptor.address)
    equal(again.acceptor.address, acceptor.address, 'address')
    await again.acceptor.close()
  })

  sentence('closing the acceptor, twice at that, leaves accepted connections alive', async () => {
    const link = await place.link()
    await link.close()
    await link.close()
    link.dialed.attach()
    link.accepted.attach()
    link.dialed.write(Uint8Array.of(1, 2, 3))
    await link.accepted.receives(Uint8Array.of(1, 2, 3), 'what was sent after the acceptor closed')
    link.dialed.connection.destroy()
    link.accepted.connection.destroy()
    await link.dialed.hasClosed()
    await link.accepted.hasClosed()
  })

  sentence('a peer that admit refuses sees its connection fail or close, and comes to nobody', async () => {
    const { acceptor, sink } = await place.listen()
    sink.admits = false
    const connection = await place.dial(acceptor.address).catch(() => undefined) // a handshake that never ended
    if (connection !== undefined) {
      const party = new Party(place.env, connection)
      party.attach()
      await until(place.env, () => party.ended || party.closed, 'the refused peer hears of it')
      connection.destroy()
      await party.hasClosed()
    }
    equal(sink.asked.length, 1, 'calls of admit')
    equal(sink.accepted.length + sink.errors.length, 0, 'connections and errors of a peer that was not let in')
    await acceptor.close()
  })

  sentence('admit is asked about the address that the connection then has', async () => {
    const link = await place.link()
    equal(link.asked, [link.accepted.connection.remoteAddress], 'what admit was asked')
    link.dialed.connection.destroy()
    link.accepted.connection.destroy()
    await link.close()
  })

  sentence('a paused acceptor lets nobody in until it goes on, and then those who waited', async () => {
    const { acceptor, sink } = await place.listen()
    acceptor.pause()
    const dialing = Promise.all([place.dial(acceptor.address), place.dial(acceptor.address)])
    await pause(place.env, A_WHILE_MS)
    equal(sink.asked.length, 0, 'calls of admit while paused')
    acceptor.resume()
    const dialed = await dialing
    await until(place.env, () => sink.accepted.length === 2, 'both were accepted')
    for (const connection of [...dialed, ...sink.accepted]) connection.destroy()
    await acceptor.close()
  })

  sentence('an aborted dial rejects with the reason of its signal', async () => {
    const { acceptor, sink } = await place.listen()
    const reason = new Error('changed my mind')
    const outcome = async (dialing: Promise<Connection>): Promise<unknown> => {
      try {
        ;(await dialing).destroy()
        return reason // it was faster than the abort
      } catch (error) {
        return error
      }
    }
    const before = AbortSignal.abort(reason)
    equal((await outcome(place.dial(acceptor.address, before))) === reason, true, 'rejects with the reason')
    const during = new AbortController()
    const dialing = outcome(place.dial(acceptor.address, during.signal))
    during.abort(reason)
    equal((await dialing) === reason, true, 'rejects with the reason, aborted on the way')
    await pause(place.env, A_WHILE_MS)
    for (const connection of sink.accepted) connection.destroy()
    await acceptor.close()
  })

  sentence('twenty connections at once each keep their own bytes', async () => {
    const { acceptor, sink } = await place.listen()
    const dialed = await Promise.all(Array.from({ length: 20 }, () => place.dial(acceptor.address)))
    await until(place.env, () => sink.accepted.length === dialed.length, 'all were accepted')
    const clients = dialed.map((connection) => new Party(place.env, connection))
    const servers = sink.accepted.map((connection) => new Party(place.env, connection))
    for (const server of servers) {
      server.attach()
      server.whenChunk = (chunk) => server.call(() => server.connection.write(chunk))
    }
    for (const [number, client] of clients.entries()) {
      client.attach()
      client.write(new Uint8Array(1000).fill(number))
    }
    await Promise.all(clients.map((client, number) => client.receives(new Uint8Array(1000).fill(number), 'its echo')))
    for (const party of [...clients, ...servers]) party.connection.destroy()
    await Promise.all([...clients, ...servers].map((party) => party.hasClosed()))
    for (const party of [...clients, ...servers]) party.verify()
    await acceptor.close()
  })

  return sentences.leftOut
}

const A_WHILE_MS = 20
/** Of a dial; generous, as many tests may run at once on a busy machine. */
const TIMEOUT_MS = 20_000

/** The transport with the options of one run. */
class Place {
  readonly env: Env
  readonly #options: TransportUnderTest

  constructor(options: TransportUnderTest) {
    this.env = options.env ?? systemEnv
    this.#options = options
  }

  async listen(address?: string): Promise<{ readonly acceptor: Acceptor; readonly sink: RecordingSink }> {
    const { transport, address: given } = this.#options
    const where = address ?? (typeof given === 'string' ? given : given())
    const sink = new RecordingSink((connection) => this.#wrapped(connection, 'accepted'))
    const acceptor = await transport.listen(parseAddress(where), this.#linkOptions('accepted'), sink)
    return { acceptor, sink }
  }

  async dial(address: string, signal?: AbortSignal): Promise<Connection> {
    const options = { ...this.#linkOptions('dialed'), signal }
    return this.#wrapped(await this.#options.transport.dial(parseAddress(address), options), 'dialed')
  }

  async link(): Promise<Link & { readonly asked: readonly string[] }> {
    const { acceptor, sink } = await this.listen()
    const dialed = new Party(this.env, await this.dial(acceptor.address))
    await until(this.env, () => sink.accepted.length > 0, `accepted; ${sink.errors.map(String).join()}`)
    const [connection] = sink.accepted
    ok(connection !== undefined, 'accepted')
    return {
      env: this.env,
      dialed,
      accepted: new Party(this.env, connection),
      asked: sink.asked,
      async close() {
        const closing = acceptor.close()
        for (const straggler of sink.accepted.slice(1)) straggler.destroy() // a datagram that came late
        await closing
      },
    }
  }

  #wrapped(connection: Connection, role: Role): Connection {
    const { reliable = true, wrap } = this.#options
    const above = reliable ? connection : knocking(connection, role)
    return wrap === undefined ? above : wrap(above, role, this.env)
  }

  #linkOptions(role: Role): LinkOptions {
    const { groups = {} } = this.#options
    return {
      env: this.env,
      chunks: 'kept',
      maxFrameBytes: 16 * 1024 * 1024,
      text: false,
      groups,
      role,
      timeoutMs: TIMEOUT_MS,
    }
  }
}

class RecordingSink implements AcceptSink {
  readonly asked: string[] = []
  readonly accepted: Connection[] = []
  readonly errors: HawserError[] = []
  admits = true
  readonly #wrap: (connection: Connection) => Connection

  constructor(wrap: (connection: Connection) => Connection) {
    this.#wrap = wrap
  }

  admit(remoteAddress: Address): boolean {
    this.asked.push(remoteAddress.href)
    return this.admits
  }

  onConnection(connection: Connection): void {
    this.accepted.push(this.#wrap(connection))
  }

  onError(error: HawserError): void {
    this.errors.push(error)
  }
}

/** A link for suites that need one and test something else. */
export function openLink(options: TransportUnderTest): Promise<Link> {
  return new Place(options).link()
}
