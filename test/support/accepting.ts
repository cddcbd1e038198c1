import type { Address } from '../../src/core/address.ts'
import { parseAddress } from '../../src/core/address.ts'
import type { Connection, ConnectionSink } from '../../src/core/connection.ts'
import type { HawserError } from '../../src/core/errors.ts'
import type { AcceptSink, Acceptor, LinkOptions, Transport } from '../../src/core/transport.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { until } from '../../src/testing/conformance/party.ts'

export function linkOptions(
  role: 'dialed' | 'accepted',
  groups: object = {},
  more: Partial<LinkOptions> = {},
): LinkOptions {
  const base = {
    env: systemEnv,
    chunks: 'kept',
    maxFrameBytes: 1024 * 1024,
    text: false,
    role,
    timeoutMs: 20_000,
  } as const
  return { ...base, groups: groups as Readonly<Record<string, unknown>>, ...more }
}

/** A sink that keeps what it is told. */
export class Accepting implements AcceptSink {
  readonly admitted: string[] = []
  readonly connections: Connection[] = []
  readonly errors: { readonly error: HawserError; readonly from: string | undefined }[] = []

  admit(remoteAddress: Address): boolean {
    this.admitted.push(remoteAddress.href)
    return true
  }

  onConnection(connection: Connection): void {
    this.connections.push(connection)
  }

  onError(error: HawserError, remoteAddress?: Address): void {
    this.errors.push({ error, from: remoteAddress?.href })
  }

  /** The first connection, once it is there. */
  async first(): Promise<Connection> {
    await until(systemEnv, () => this.connections.length > 0, 'a connection')
    const [connection] = this.connections
    if (connection === undefined) throw new Error('no connection')
    return connection
  }

  /** The first error, once it is there. */
  async firstError(): Promise<HawserError> {
    await until(systemEnv, () => this.errors.length > 0, 'an error')
    const [first] = this.errors
    if (first === undefined) throw new Error('no error')
    return first.error
  }
}

export async function listening(
  transport: Transport,
  address: string,
  groups: object = {},
  more: Partial<LinkOptions> = {},
): Promise<{ acceptor: Acceptor; sink: Accepting }> {
  const sink = new Accepting()
  const acceptor = await transport.listen(parseAddress(address), linkOptions('accepted', groups, more), sink)
  return { acceptor, sink }
}

export function dialing(
  transport: Transport,
  address: string,
  groups: object = {},
  more: Partial<LinkOptions> = {},
): Promise<Connection> {
  return transport.dial(parseAddress(address), linkOptions('dialed', groups, more))
}

/** What a connection told, as words in order. */
export class Diary implements ConnectionSink {
  readonly entries: string[] = []
  error: Error | undefined

  onChunk(chunk: Uint8Array): void {
    this.entries.push(new TextDecoder().decode(chunk))
  }

  onActivity(): void {}

  onEnd(): void {
    this.entries.push('(end)')
  }

  onClose(error?: Error): void {
    this.error = error
    this.entries.push('(close)')
  }

  async closed(): Promise<void> {
    await until(systemEnv, () => this.entries.includes('(close)'), 'onClose')
  }
}

export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
