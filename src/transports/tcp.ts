import { type Address, dialable } from '../core/address.ts'
import type { Connection } from '../core/connection.ts'
import type { AcceptSink, Acceptor, LinkOptions, Transport } from '../core/transport.ts'
import { resolveListen, resolveTcp } from './options.ts'
import { listenBehindProxies } from './proxy-protocol/proxied-acceptor.ts'
import { requiredNet } from './required-net.ts'

/** `tcp://host:port`, with the option group `tcp`; PROXY headers are read where there is an anteroom. */
export const tcp: Transport = {
  schemes: ['tcp'],

  async dial(address: Address, options: LinkOptions): Promise<Connection> {
    const { host, port } = dialable(address)
    return requiredNet(options.env).dial({ host, port }, withTcp(options))
  },

  async listen(address: Address, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
    const { host, port } = address
    return listenBehindProxies(requiredNet(options.env), { host, port }, withTcp(options), sink)
  },
}

/** The groups that a TCP socket needs, checked and complete. @throws ERR_BAD_OPTION */
export function withTcp(options: LinkOptions): LinkOptions {
  const { groups } = options
  return { ...options, groups: { ...groups, tcp: resolveTcp(groups), listen: resolveListen(groups) } }
}
