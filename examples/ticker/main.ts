// A stream for each row of a page: RPC in a browser, over WebSocket.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { closeOnSignals, listen } from 'hawser'
import { rpc, RpcError } from 'hawser/rpc'
import { explainTakenPort, portFrom } from '../environment.ts'
import { pageServer } from '../page-server.ts'
import { Ticker } from './page/ticker.ts'

const FIRST_PRICES = new Map([
  ['ROPE', 120],
  ['SAIL', 75],
  ['TAR', 9],
])
let readers = 0

const http = pageServer(new URL('./page/', import.meta.url)).listen(portFrom(7_000), '127.0.0.1')
await once(http, 'listening').catch(explainTakenPort)

const server = await listen(
  { http, path: '/ticker' },
  rpc({
    onPeer: (peer) =>
      peer.serve(Ticker, {
        symbols: () => [...FIRST_PRICES.keys()],
        async *ticks({ symbol, everyMs }, { signal }) {
          const first = FIRST_PRICES.get(symbol)
          if (first === undefined) throw new RpcError('not_found', `nobody trades ${symbol}`)
          console.log(`${++readers} streams are read`)
          try {
            for (let count = 0, price = first; ; count++) {
              yield { price, count } // waits while the page is behind
              price = Math.max(1, price * (0.98 + 0.04 * Math.random()))
              await sleep(Math.max(10, everyMs), undefined, { signal })
            }
          } finally {
            console.log(`${--readers} streams are read`) // the page has stopped reading, or is gone
          }
        },
      }),
  }),
)
console.log(`open http://127.0.0.1:${(http.address() as AddressInfo).port}/`)

await closeOnSignals([server])
http.closeAllConnections()
http.close()
