// Work that takes its time, in a pool: other messages of the same session are answered meanwhile, no more than four
// tasks run at once for all sessions together, and those of one session run in order.
import { scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { closeOnSignals, dial, listen, TaskPool } from 'hawser'
import { text } from 'hawser/codecs'
import { line } from 'hawser/framing'

const derive = promisify<string, string, number, Buffer>(scrypt)
const pool = new TaskPool({ concurrency: 4, maxQueued: 64 })

const server = await listen(`tcp://127.0.0.1:${process.env['PORT'] ?? 7000}`, {
  codec: text(),
  framing: line(),
  maxFrameBytes: 1_024,
  listener: {
    async onMessage(session, message) {
      if (message === 'status') {
        session.send(`${pool.running} running, ${pool.queued} waiting`)
        return
      }
      await pool.ready() // a full pool slows down who fills it
      pool
        .run(session, () => derive(message, 'a pinch of salt', 16))
        .then(
          (key) => session.send(`${message} ${key.toString('hex')}`),
          (error: Error) => session.destroy(error),
        )
    },
  },
})
console.log(`listening on ${server.address}

  nc 127.0.0.1 ${server.address.port}      type passwords, and "status" in between
`)

await using session = await dial(server.address, { codec: text(), framing: line() })
for (const message of ['one', 'two', 'three', 'status']) session.send(message)
for (let answers = 0; answers < 4; answers++) console.log(await session.receive({ timeoutMs: 10_000 }))
await closeOnSignals([server])
await pool.close()
