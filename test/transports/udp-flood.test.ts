import test, { type ExecutionContext } from 'ava'
import { text } from '../../codecs/text.ts'
import { listen } from '../../src/node.ts'
import { FakeDatagrams } from '../support/fake-datagrams.ts'

const MAX_PEERS = 4096
/** What a session at rest may take; docs/udp.md says about 2.5 KiB. */
const BYTES_A_PEER = 4 * 1024
/** Compiled code, inline caches, what the collector has not got yet. */
const SLACK_BYTES = 8 * 1024 * 1024

interface Flood {
  readonly sources: number
  /** Whether the server answers forged datagrams, too. */
  readonly answersAll: boolean
}

/** Every datagram has a source of its own; meanwhile one real peer goes on to talk. */
async function flood(t: ExecutionContext, { sources, answersAll }: Flood): Promise<void> {
  const socket = new FakeDatagrams()
  const lines: string[] = []
  const log = (line: string): void => void lines.push(line)
  const server = await listen('udp://192.0.2.1:7', {
    env: socket.env,
    codec: text(),
    logger: { debug: log, info: log, warn: log, error: log },
    udp: { maxPeers: MAX_PEERS },
    listener: {
      onMessage(session, message) {
        if (answersAll || message.startsWith('ping')) session.send(message)
      },
    },
  })
  const settled = (): number => {
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  }
  const before = settled()
  const startedAt = socket.env.now()
  let pings = 0
  for (let i = 0; i < sources; i++) {
    socket.from(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 1 + (i % 65_535), 'forged')
    if (i % 64 === 0) await new Promise(setImmediate)
    if (i % 1000 === 0) {
      socket.from('192.0.2.2', 2, `ping ${pings}`)
      await new Promise(setImmediate)
      t.true(socket.sent.includes(`192.0.2.2:2 ping ${pings}`), 'the real peer is served')
      pings++
      socket.sent.length = 0
      socket.settle()
    }
    if (i % 200_000 === 199_999) {
      const grown = settled() - before
      t.true(grown < MAX_PEERS * BYTES_A_PEER + SLACK_BYTES, `${grown} B after ${i + 1} sources`)
    }
  }
  t.is(server.sessions.size, MAX_PEERS)
  const [real, ...others] = [...server.sessions].filter(({ remoteAddress }) => remoteAddress.host === '192.0.2.2')
  t.is(real?.stats.receivedMessages, pings, 'in one session from first to last')
  t.is(others.length, 0)
  const seconds = (socket.env.now() - startedAt) / 1000
  t.true(lines.length <= seconds + 2, `${lines.length} lines were logged in ${seconds} s`)
  server.destroy()
  await server.closed
}

test.serial(
  'D-02: 1,000,000 forged sources take no more memory than the table has peers, and who talks is served',
  async (t) => {
    t.timeout(240_000)
    await flood(t, { sources: 1_000_000, answersAll: false })
  },
)

test.serial(
  'D-01: where the server answers forged sources as well, who talks keeps its session all the same',
  async (t) => {
    t.timeout(60_000)
    await flood(t, { sources: 50_000, answersAll: true })
  },
)
