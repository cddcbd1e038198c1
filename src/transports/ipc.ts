import type { Address } from '../core/address.ts'
import { utf8Length } from '../core/bytes.ts'
import type { Connection } from '../core/connection.ts'
import { HawserError } from '../core/errors.ts'
import type { AcceptSink, Acceptor, LinkOptions, Transport } from '../core/transport.ts'
import { resolveIpc, resolveListen } from './options.ts'
import { requiredNet } from './required-net.ts'

/** `sun_path` of Linux without its NUL; the platform would cut a longer path off and bind something else. */
const MAX_PATH_BYTES = 107

/**
 * `ipc:///path/to/socket`: Unix sockets, with the option group `ipc`. The file has mode 0o600 unless told otherwise and
 * is removed on close; one that was left behind by a process that died is removed on listen. Names in Linux's abstract
 * namespace, which have no permissions, are not offered: `ipc://@name` is a file called `@name`.
 */
export const ipc: Transport = {
  schemes: ['ipc'],

  async dial(address: Address, options: LinkOptions): Promise<Connection> {
    const { groups } = options
    return requiredNet(options.env).dial({ path: pathOf(address) }, { ...options, groups: withoutTcp(groups) })
  },

  async listen(address: Address, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
    const { groups } = options
    const checked = { ...withoutTcp(groups), ipc: resolveIpc(groups), listen: resolveListen(groups) }
    return requiredNet(options.env).listen({ path: pathOf(address) }, { ...options, groups: checked }, sink)
  },
}

/** A Unix socket has neither Nagle's delay nor keepalive, and an endpoint's options may be meant for several transports. */
function withoutTcp(groups: LinkOptions['groups']): LinkOptions['groups'] {
  return { ...groups, tcp: undefined }
}

function pathOf({ path, href }: Address): string {
  const length = utf8Length(path)
  if (length <= MAX_PATH_BYTES) return path
  throw new HawserError('ERR_BAD_ADDRESS', `address '${href}' has a path of ${length} B, more than ${MAX_PATH_BYTES}`, {
    details: { part: 'path' },
  })
}
