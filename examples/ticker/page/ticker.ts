import { method, serverStream, service } from 'hawser/rpc'

/** A price, and when it was made. */
export interface Tick {
  readonly price: number
  readonly count: number
}

/** The contract: the server and the page read it from this file. */
export const Ticker = service('ticker', {
  symbols: method<void, readonly string[]>(),
  ticks: serverStream<{ symbol: string; everyMs: number }, Tick>(),
})
