// From net.Socket and from getty to Hawser; a listener for each connection; messages that are pulled.
import { closeOnSignals, type EventListener, listen, type Session } from 'hawser'
import { raw, text } from 'hawser/codecs'
import { lengthPrefixed, unframed } from 'hawser/framing'

// 1. net.createServer((socket) => {
//      socket.setTimeout(30_000, () => socket.destroy())
//      socket.on('data', (data) => socket.write(data))
//      socket.on('error', () => {})
//    }).listen(7000)
const plain = await listen(`tcp://*:${process.env['PORT'] ?? 7000}`, {
  codec: raw(),
  framing: unframed(),
  idleTimeoutMs: 30_000,
  listener: { onMessage: (session, chunk) => session.send(chunk) },
})

// 2. getty's echo server: a class, and OnCron closes sessions that fell silent
const SESSION_TIMEOUT_MS = 20_000

class EchoListener implements EventListener<string> {
  onOpen(session: Session<string, string>): void {
    console.log(`open ${session.id} ${session.remoteAddress}`)
  }

  onMessage(session: Session<string, string>, message: string): void {
    session.send(message)
  }

  async onCron(session: Session<string, string>): Promise<void> {
    if (session.idleMs > SESSION_TIMEOUT_MS) await session.close({ reason: 'silent' })
  }
}

const getty = await listen('tcp://*:0', {
  codec: text(),
  framing: lengthPrefixed({ order: 'le' }),
  cronIntervalMs: 10_000,
  maxSessions: 700,
  listener: new EchoListener(),
})

// 3. a listener for each connection, with a state of its own
class Counter implements EventListener<string> {
  #count = 0
  readonly #session: Session<string, string>

  constructor(session: Session<string, string>) {
    this.#session = session
  }

  onMessage(): void {
    this.#session.send(`${++this.#count}`)
  }
}

const counting = await listen('tcp://*:0', { codec: text(), listener: (session) => new Counter(session) })

// 4. one async function for each connection, which pulls
const pulling = await listen('tcp://*:0', {
  codec: text(),
  async handle(session) {
    session.send('name?')
    const name = await session.receive({ timeoutMs: 60_000 })
    for await (const message of session) if (!session.send(`${name}: ${message}`)) await session.drained()
  },
})

console.log(`
as with net       ${plain.address}
as with getty     ${getty.address}
a listener each   ${counting.address}
pulling           ${pulling.address}`)
await closeOnSignals([plain, getty, counting, pulling])
