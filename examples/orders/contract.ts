import { type } from 'hawser/codecs'
import { method, oneWay, serverStream, service } from 'hawser/rpc'
import { z } from 'zod'

// Shared by both sides: what may be called, with which arguments and results.

/** What the shop serves. */
export const Orders = service('orders', {
  place: method({
    input: z.object({ sku: z.string(), count: z.number().int().default(1) }),
    output: z.object({ id: z.string() }),
  }),
  status: method({
    input: z.object({ id: z.string() }),
    output: z.object({ state: z.enum(['open', 'sent']) }),
    idempotent: true,
  }),
  prices: serverStream({ input: z.object({ sku: z.string(), everyMs: z.number() }), output: type<number>() }),
  count: method<void, number>(),
})

/** What its customers serve to the shop. */
export const Customer = service('customer', { notify: oneWay<string>(), confirm: method<string, boolean>() })
