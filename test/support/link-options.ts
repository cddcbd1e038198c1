import type { Env } from '../../src/core/env.ts'
import type { AcceptSink, LinkOptions } from '../../src/core/transport.ts'
import type { Connection, Role } from '../../src/core/connection.ts'

export function linkOptions(env: Env, role: Role, more: Partial<LinkOptions> = {}): LinkOptions {
  return { env, chunks: 'kept', maxFrameBytes: 1024 * 1024, text: false, groups: {}, role, timeoutMs: 5000, ...more }
}

/** Lets everybody in and keeps them, oldest first. */
export class Accepted implements AcceptSink {
  readonly connections: Connection[] = []
  readonly asked: string[] = []
  readonly errors: Error[] = []
  letIn = true

  admit(remoteAddress: { readonly href: string }): boolean {
    this.asked.push(remoteAddress.href)
    return this.letIn
  }

  onConnection(connection: Connection): void {
    this.connections.push(connection)
  }

  onError(error: Error): void {
    this.errors.push(error)
  }

  /** The latest. */
  get last(): Connection {
    const connection = this.connections.at(-1)
    if (connection === undefined) throw new Error('nobody was accepted')
    return connection
  }
}
