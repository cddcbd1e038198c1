// A shop and its customer, each of which calls the other over the same sessions; the contract is checked at run time.
import { setTimeout as sleep } from 'node:timers/promises'
import { closeOnSignals, connect, listen, refused } from 'hawser'
import { isRpcError, rpc, rpcClient, RpcError } from 'hawser/rpc'
import { explainTakenPort, portFrom } from '../environment.ts'
import { Customer, Orders } from './contract.ts'

let placed = 0
const server = await listen([`tcp://127.0.0.1:${portFrom(7000)}`, `ws://127.0.0.1:${portFrom(7000, 1)}`], {
  ...rpc({
    data: (peer) => {
      const user = peer.request?.headers['x-user'] ?? 'guest'
      if (user === 'mallory') throw refused('not you', { status: 401 })
      return { user: String(user) }
    },
    onPeer: (peer) =>
      peer.serve(Orders, {
        async place({ sku, count }, { data, signal }) {
          const customer = peer.client(Customer)
          if (count > 1 && !(await customer.confirm(`${count} of ${sku}, ${data.user}?`, { signal })))
            throw new RpcError('aborted', 'changed their mind', { data: { sku } })
          placed++
          customer.notify(`${sku} is on its way`)
          return { id: `${sku}-${count}` }
        },
        status: ({ id }) => ({ state: id === '' ? 'open' : 'sent' }),
        async *prices({ everyMs }, { signal }) {
          for (let price = 1; !signal.aborted; price++) {
            yield price
            await sleep(everyMs, undefined, { signal })
          }
        },
        count: () => placed,
      }),
  }),
  maxSessions: 1_000,
}).catch(explainTakenPort)
console.log(`listening on ${server.addresses.join(' and ')}`)

const client = connect(server.address, {
  ...rpc({
    onPeer: (peer) =>
      peer.serve(Customer, {
        notify: (message) => console.log(`notified: ${message}`),
        confirm: (question) => !question.startsWith('13 '),
      }),
  }),
  connections: 2,
})
const orders = rpcClient(client, Orders, { retry: { attempts: 3, on: ['unavailable'] }, timeoutMs: 2_000 })
try {
  const { id } = await orders.place({ sku: 'rope', count: 2 }, { timeoutMs: 500 })
  console.log(`${id} is ${(await orders.status({ id })).state}, ${await orders.count()} placed`)
  for await (const price of orders.prices({ sku: 'rope', everyMs: 10 })) {
    console.log(`price ${price}`)
    if (price === 3) break
  }
  await orders.place({ sku: 'rope', count: 13 })
} catch (error) {
  if (isRpcError(error, 'deadline_exceeded') && error.sent === 'maybe') console.error('ask before placing it again')
  else if (isRpcError(error, 'aborted')) console.log(`not placed: ${error.message}, ${JSON.stringify(error.data)}`)
  else throw error
}
await closeOnSignals([client, server], { timeoutMs: 10_000 }) // calls in progress end first
