import type { LinkOptions } from '../../core/transport.ts'

/** What Node's sockets are made with: from the option group `tcp`, whose defaults the transports have filled in. */
export function socketOptions({ groups }: Pick<LinkOptions, 'groups'>): {
  readonly noDelay: boolean
  readonly keepAlive: boolean
  readonly keepAliveInitialDelay: number
} {
  const { noDelay = false, keepAliveMs = 0 } = (groups['tcp'] ?? {}) as {
    readonly noDelay?: boolean
    readonly keepAliveMs?: number
  }
  return { noDelay, keepAlive: keepAliveMs > 0, keepAliveInitialDelay: keepAliveMs }
}
