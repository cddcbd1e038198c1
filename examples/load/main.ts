// A bench client, and a server for it. Without arguments both run, the server as a process of its own; `server` and
// `client` run one of them, on two machines if you like. CONNECTIONS, SIZE, IN_FLIGHT, SECONDS and ADDRESS say what is asked.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { closeOnSignals, listen } from 'hawser'
import { raw } from 'hawser/codecs'
import { explainTakenPort, numberFrom, portFrom } from '../environment.ts'
import { run } from './load.ts'

const MAX_FRAME_BYTES = 16 * 1024 * 1024
const WARM_UP_MS = 500

async function serve(): Promise<void> {
  const server = await listen(`tcp://127.0.0.1:${portFrom(7_000)}`, {
    codec: raw(),
    maxFrameBytes: MAX_FRAME_BYTES,
    maxBufferedBytes: 4 * MAX_FRAME_BYTES,
    listener: { onMessage: (session, message) => session.send(message) },
  }).catch(explainTakenPort)
  console.log(`listening on ${server.address}`)
  process.send?.(server.address.href)
  if (process.channel !== undefined) process.once('disconnect', () => void server.close()) // the client has ended, somehow
  await closeOnSignals([server])
  const { totalSessions, receivedMessages } = server.stats
  console.log(`the server echoed ${receivedMessages} messages of ${totalSessions} sessions`)
}

async function ask(address: string): Promise<void> {
  const connections = numberFrom('CONNECTIONS', 10)
  const messageBytes = numberFrom('SIZE', 64)
  const inFlight = numberFrom('IN_FLIGHT', 16)
  const seconds = numberFrom('SECONDS', 5)
  console.log(
    `${connections} connections, ${messageBytes} B a message, ${inFlight} in flight on each, for ${seconds} s`,
  )
  const durationMs = seconds * 1_000
  const result = await run({ address, connections, messageBytes, inFlight, warmUpMs: WARM_UP_MS, durationMs })
  const { messages, messagesPerSecond, bytesPerSecond, p50, p99, p999, max } = result
  console.log(`
messages      ${messages}
rate          ${Math.round(messagesPerSecond)} /s, ${(bytesPerSecond / 1e6).toFixed(1)} MB/s there and as much back
round trip    p50 ${ms(p50)}, p99 ${ms(p99)}, p99.9 ${ms(p999)}, max ${ms(max)}
`)
}

function ms(time: number): string {
  return `${time.toFixed(3)} ms`
}

/** Both: two processes, so that neither takes the other's time where there are two cores. */
async function both(): Promise<void> {
  const child = fork(new URL(import.meta.url), ['server'])
  const [address] = (await once(child, 'message')) as [string]
  try {
    await ask(address)
  } finally {
    child.disconnect()
    await once(child, 'exit')
  }
}

const [role] = process.argv.slice(2)
if (role === 'server') await serve()
else if (role === 'client') await ask(process.env['ADDRESS'] ?? `tcp://127.0.0.1:${portFrom(7_000)}`)
else await both()
