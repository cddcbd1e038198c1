import type { ExecutionContext } from 'ava'
import type { Address } from '../../src/core/address.ts'
import { listen } from '../../src/node.ts'
import { method, oneWay, rpc, RpcError, type RpcPeer, type RpcWire, service } from '../../src/rpc/index.ts'

/** What both sides serve in turn when JSON-RPC is tried against other programs. */
export const Calculator = service('', {
  add: method<number[], number>(),
  divide: method<{ dividend: number; divisor: number }, number>(),
  /** Gives back what it got, of any size. */
  same: method<{ value: unknown }, { value: unknown }>(),
  /** Ends only by being canceled. */
  slow: method<void, void>(),
  note: oneWay<{ text: string }>(),
})

/** What a program of ours has been through. */
export interface Heard {
  readonly notes: string[]
  canceled: number
}

/** The text of the one error, its code where JSON-RPC has to have one, and its data. */
export const BY_ZERO = { code: 1001, message: 'there is no such number', data: { divisor: 0 } } as const

/** Our side of it. */
export function serveCalculator(peer: RpcPeer): Heard {
  const heard: Heard = { notes: [], canceled: 0 }
  peer.serve(Calculator, {
    add: (values) => values.reduce((sum, value) => sum + value, 0),
    divide: ({ dividend, divisor }) => {
      if (divisor === 0) {
        throw new RpcError('out_of_range', BY_ZERO.message, { data: BY_ZERO.data, jsonRpcCode: BY_ZERO.code })
      }
      return dividend / divisor
    },
    same: ({ value }) => ({ value }),
    slow: (_input, { signal }) =>
      new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          heard.canceled++
          reject(signal.reason as Error)
        })
      }),
    note: ({ text }) => void heard.notes.push(text),
  })
  return heard
}

/** A server of ours whose peers all have a calculator, until the test is over; and what became of each. */
export async function listenCalculator(
  t: ExecutionContext,
  where: string,
  wire: RpcWire,
): Promise<{ readonly address: Address; readonly heard: readonly Heard[]; readonly peers: readonly RpcPeer[] }> {
  const heard: Heard[] = []
  const peers: RpcPeer[] = []
  const server = await listen(
    where,
    rpc({
      wire,
      onPeer(peer) {
        peers.push(peer)
        heard.push(serveCalculator(peer))
      },
    }),
  )
  t.teardown(() => server.close())
  return { address: server.address, heard, peers }
}

/** Values that find out whether lengths count bytes, and whether large messages are cut and joined well. */
export const VALUES: readonly unknown[] = [
  null,
  [],
  { empty: {} },
  'grüße 漢字 🚀 \u2028 "quoted" \\ \r\n',
  Array.from({ length: 2_000 }, (_, at) => `${at} ü`),
  'x'.repeat(300_000),
]
