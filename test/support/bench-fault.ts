import { createServer, type Socket } from 'node:net'
import { once } from 'node:events'

/** What happens to a message on its way. */
export type Fault = 'changed' | 'lost' | 'twice' | 'swapped'

interface Part {
  readonly address: string
  readonly workload: { readonly fault: Fault; readonly messageBytes: number }
}

interface Receiver {
  onMessage(message: Uint8Array): void
}

interface Subject {
  readonly echo: { dial(part: Part, lane: Receiver): Promise<unknown> }
  readonly oneway: { dial(part: Part, source: unknown): Promise<unknown> }
}

/** Well after warming up has begun, and long before the end. */
const FAULTY_FRAME = 100
const HEADER_BYTES = 4

/** The bench's own hand-written client. */
async function baseline(): Promise<Subject> {
  const module = new URL('../../../bench/subjects/baseline.mjs', import.meta.url)
  return (await import(module.href)) as Subject
}

/** Gives frame after frame of a socket, but one of them not as it came. */
function eachFrame(socket: Socket, { fault, messageBytes }: Part['workload'], take: (frame: Buffer) => void): void {
  const frameBytes = HEADER_BYTES + messageBytes
  let rest = Buffer.alloc(0)
  let number = 0
  let held: Buffer | undefined
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (; rest.length >= frameBytes; rest = rest.subarray(frameBytes)) {
      const frame = Buffer.from(rest.subarray(0, frameBytes))
      const isFaulty = number++ === FAULTY_FRAME
      if (isFaulty && fault === 'changed') frame[frameBytes - 1] = (frame[frameBytes - 1] ?? 0) ^ 1
      if (isFaulty && fault === 'swapped') held = frame
      else if (!isFaulty || fault !== 'lost') take(frame)
      if (isFaulty && fault === 'twice') take(frame)
      if (!isFaulty && held !== undefined) {
        take(held)
        held = undefined
      }
    }
  })
  socket.on('error', () => socket.destroy())
}

async function listen(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createServer(onSocket)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  return address === null || typeof address === 'string' ? '' : String(address.port)
}

/** A subject of the bench whose server does something to one message. */
export const echo = {
  serve: ({ workload }: Part): Promise<string> =>
    listen((socket) => eachFrame(socket, workload, (frame) => socket.write(frame))),
  dial: async (part: Part, lane: Receiver): Promise<unknown> => (await baseline()).echo.dial(part, lane),
}

/** The same for messages that go one way. */
export const oneway = {
  serve: ({ workload }: Part, sink: Receiver): Promise<string> =>
    listen((socket) => eachFrame(socket, workload, (frame) => sink.onMessage(frame.subarray(HEADER_BYTES)))),
  dial: async (part: Part, source: unknown): Promise<unknown> => (await baseline()).oneway.dial(part, source),
}
