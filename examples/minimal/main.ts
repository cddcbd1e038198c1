import { closeOnSignals, dial, listen } from 'hawser'
import { text } from 'hawser/codecs'
import { line } from 'hawser/framing'

const server = await listen(`tcp://*:${process.env['PORT'] ?? 7000}`, {
  codec: text(),
  framing: line(),
  listener: { onMessage: (session, message) => session.send(message) },
})
console.log(`listening on ${server.address}`)

await using session = await dial(server.address, { codec: text(), framing: line() })
session.send('hello')
console.log(await session.receive({ timeoutMs: 1_000 }))
await closeOnSignals([server])
