import { dial, listen } from '../../src/node.ts'
import type { RpcOptions } from '../../src/rpc/options.ts'
import type { RpcPeer } from '../../src/rpc/peer.ts'
import { livePeerOf, rpc } from '../../src/rpc/rpc.ts'
import { RpcError } from '../../src/rpc/rpc-error.ts'
import type { Limits } from '../../src/core/session-options.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'

export interface RpcPair<Near, Far> {
  readonly env: VirtualEnv
  /** The side that dialed. */
  readonly near: RpcPeer<Near>
  readonly far: RpcPeer<Far>
  /** Closes both ends; nothing may be left. */
  close(): Promise<void>
}

let lastPort = 1_000

/** Two peers at the ends of a virtual tcp link. */
export async function rpcPair<Near = undefined, Far = undefined>(
  far: RpcOptions<Far> & { readonly limits?: Limits } = {},
  near: RpcOptions<Near> & { readonly limits?: Limits } = {},
  env: VirtualEnv = virtualEnv(),
): Promise<RpcPair<Near, Far>> {
  const address = `tcp://127.0.0.1:${++lastPort}`
  const peers: RpcPeer<Far>[] = []
  const { limits: farLimits, ...farRpc } = far
  const { limits: nearLimits, ...nearRpc } = near
  const server = await listen(address, {
    env,
    ...farLimits,
    ...rpc<Far>({
      ...farRpc,
      onPeer: (peer) => {
        peers.push(peer)
        return farRpc.onPeer?.(peer)
      },
    }),
  })
  const session = await dial(address, { env, ...nearLimits, ...rpc<Near>(nearRpc) })
  await env.settle()
  const [accepted] = peers
  if (accepted === undefined) throw new Error('nobody was accepted')
  return {
    env,
    near: livePeerOf(session),
    far: accepted,
    async close() {
      session.destroy()
      server.destroy()
      await server.closed
      await env.settle()
    },
  }
}

/** What the call fails with; that it is an RpcError is part of the test. */
export async function rpcErrorOf(call: Promise<unknown> | undefined | (() => Promise<unknown>)): Promise<RpcError> {
  let value: unknown
  try {
    value = await (typeof call === 'function' ? call() : call)
  } catch (error) {
    if (error instanceof RpcError) return error
    throw error
  }
  throw new Error(`the call did not fail: ${String(value)}`)
}
