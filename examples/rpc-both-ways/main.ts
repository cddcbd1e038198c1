// Calls in both directions over each connection: workers dial an office, and then the office calls the workers, who call
// back while they are being called.
import { closeOnSignals, dial, listen } from 'hawser'
import { rpc, type RpcPeer } from 'hawser/rpc'
import { explainTakenPort, portFrom } from '../environment.ts'
import { Office, Worker } from './contracts.ts'

const BOOK = ['Call me Ishmael.', 'I stuffed a shirt or two', 'into my old carpet-bag', 'and started for Cape Horn']

let joined = 0

const office = await listen(
  `tcp://127.0.0.1:${portFrom(7_000)}`,
  rpc({
    data: () => ({ name: '' }),
    onPeer: (peer) =>
      peer.serve(Office, {
        join({ name }, { data }) {
          data.name = name
          return ++joined
        },
        chapter: ({ number }) => BOOK[number] ?? '',
      }),
  }),
).catch(explainTakenPort)
console.log(`listening on ${office.address}`)
const ended = closeOnSignals([office])

/** A program of its own, in earnest. */
async function startWorker(name: string): Promise<void> {
  const serveWorker = (peer: RpcPeer): unknown =>
    peer.serve(Worker, {
      async countWords({ chapters }, { signal }) {
        const calls = peer.client(Office)
        const texts = await Promise.all(chapters.map((number) => calls.chapter({ number }, { signal })))
        return texts.join(' ').split(' ').length
      },
      goodbye: (reason) => console.log(`${name} hears: ${reason}`),
    })
  const session = await dial(office.address, rpc({ onPeer: serveWorker }))
  console.log(`${name} is number ${await session.data.client(Office).join({ name })}`)
}

await startWorker('ann')
await startWorker('bob')

// Half of the book for each.
const workers = [...office.sessions].map(({ data: peer }) => peer)
const share = Math.ceil(BOOK.length / workers.length)
const counts = await Promise.all(
  workers.map(async (peer, at) => {
    const chapters = [...BOOK.keys()].slice(at * share, (at + 1) * share)
    const words = await peer.client(Worker).countWords({ chapters }, { timeoutMs: 5_000 })
    console.log(`${peer.data.name} counts ${words} words`)
    return words
  }),
)
console.log(`${counts.reduce((sum, count) => sum + count, 0)} words together`)
for (const peer of workers) peer.client(Worker).goodbye('that is all')

await ended
