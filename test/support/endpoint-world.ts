import { lengthPrefixed } from '../../codecs/framing/length-prefixed.ts'
import type { Address, AddressLike } from '../../src/core/address.ts'
import { allParts } from '../../src/core/all-parts.ts'
import type { Client, ClientStatus } from '../../src/core/client.ts'
import type { ClientOptions } from '../../src/core/client-options.ts'
import type { Connection } from '../../src/core/connection.ts'
import { isHawserError } from '../../src/core/errors.ts'
import { dial } from '../../src/core/dial.ts'
import { connect } from '../../src/core/live-client.ts'
import { listen } from '../../src/core/live-server.ts'
import type { Server } from '../../src/core/server.ts'
import type { ServerOptions } from '../../src/core/server-options.ts'
import type { Session } from '../../src/core/session.ts'
import type { Bindings } from '../../src/core/session-config.ts'
import type { NeedsData, SessionSetup } from '../../src/core/session-options.ts'
import type { LinkOptions, Transport } from '../../src/core/transport.ts'
import type { Wait } from '../../src/core/wait.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'
import { inproc } from '../../src/transports/memory.ts'
import { tcp } from '../../src/transports/tcp.ts'

/** One attempt of a `ScriptedTransport`, which the test decides. */
export interface Attempt {
  readonly address: Address
  readonly options: LinkOptions
  readonly at: number
  connect(connection: Connection): void
  fail(error: unknown): void
}

/** `script://name:1`: each dial waits for the test to say what becomes of it, or is decided by `decide`. */
export class ScriptedTransport implements Transport {
  readonly schemes: readonly string[] = ['script']
  readonly attempts: Attempt[] = []
  decide: ((attempt: Attempt) => void) | undefined

  dial(address: Address, options: LinkOptions): Promise<Connection> {
    return new Promise<Connection>((resolve, reject) => {
      const attempt: Attempt = { address, options, at: options.env.now(), connect: resolve, fail: reject }
      this.attempts.push(attempt)
      this.decide?.(attempt)
    })
  }

  listen(): Promise<never> {
    return Promise.reject(new Error('nobody listens on a script'))
  }

  get last(): Attempt {
    const attempt = this.attempts.at(-1)
    if (attempt === undefined) throw new Error('nobody dialed')
    return attempt
  }
}

/** The doors, on a clock and a network of their own. */
export class EndpointWorld {
  readonly env: VirtualEnv
  readonly script: ScriptedTransport = new ScriptedTransport()
  readonly bindings: Bindings
  readonly statuses: ClientStatus[] = []

  constructor(seed = 1) {
    this.env = virtualEnv({ seed })
    this.bindings = {
      ...allParts(lengthPrefixed()),
      env: this.env,
      transports: [tcp, inproc, this.script],
    }
  }

  listen<In, Out = In, Data = undefined>(
    where: AddressLike | readonly AddressLike[],
    options: ServerOptions<In, Out, Data> & NeedsData<Data>,
  ): Promise<Server<In, Out, Data>> {
    return listen(this.bindings, where, options)
  }

  dial<In, Out = In, Data = undefined>(
    where: AddressLike,
    options: SessionSetup<In, Out, Data> & NeedsData<Data> & Wait,
  ): Promise<Session<In, Out, Data>> {
    return dial(this.bindings, where, options)
  }

  /** Its statuses are kept. */
  connect<In, Out = In, Data = undefined>(
    where: AddressLike | readonly AddressLike[],
    options: ClientOptions<In, Out, Data> & NeedsData<Data>,
  ): Client<In, Out, Data> {
    return connect(this.bindings, where, { onStatus: (status) => void this.statuses.push(status), ...options })
  }

  /** A connection to an address on which somebody listens in memory, for a scripted attempt. */
  link(name: string, options: LinkOptions): Promise<Connection> {
    return inproc.dial({ scheme: 'inproc', host: '', port: 0, path: name, href: `inproc://${name}` }, options)
  }

  /** All that was logged, as lines. */
  get logged(): string[] {
    return this.env.logs.map(({ message }) => message)
  }
}

/** What became of a promise, without it counting as unhandled. */
export function outcome<T>(promise: Promise<T>): Promise<{ readonly value?: T; readonly error?: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
}

/** The code of what it rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const { error } = await outcome(promise)
  if (isHawserError(error)) return error.code
  return error instanceof Error ? `Error: ${error.message}` : 'it did not reject with an Error'
}

export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

/** A promise for a hook to wait for. */
export function gate(): Gate {
  const waiting: (() => void)[] = []
  const opened = new Promise<void>((resolve) => waiting.push(resolve))
  return { opened, open: () => waiting[0]?.() }
}
