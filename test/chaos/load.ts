import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../src/testing/random.ts'
import { added, NO_TALLY, type Tally } from './account.ts'
import type { ChaosNetwork } from './network.ts'
import { PeerProcess } from './peer-process.ts'
import type { Report } from './report.ts'

const CLIENTS = 2
const SCHEMES = ['tcp', 'ws'] as const
const FIRST_PORT = 20_000
/** After the last fault, in which each client must have gone on. */
const RECOVERY_MS = 15_000

/** What a load went through, and what became of it. */
export interface LoadReport {
  readonly faults: Readonly<Record<string, number>>
  readonly tally: Tally
  readonly violations: readonly string[]
}

/** A client process that is replaced when it is killed. */
interface Seat {
  process: PeerProcess
  /** Of the process that is there, and of those before it. */
  tally: Tally
  before: Tally
}

/** A server and its clients under load, while the network and the processes suffer for `durationMs`. */
export async function runLoad(network: ChaosNetwork, random: Random, durationMs: number): Promise<LoadReport> {
  const violations: string[] = []
  const counts: Record<string, number> = {}
  const port = FIRST_PORT + random.below(10_000)
  const addresses = SCHEMES.map((scheme, at) => `${scheme}://${network.serverHost}:${port + at}`)
  const servers = new Map<string, PeerProcess>()
  const seats: Seat[] = []

  const startServer = async (address: string): Promise<void> => {
    const server = new PeerProcess('load-server', [address], network.server, note)
    servers.set(address, server)
    await server.until('listening')
  }
  const startClient = (at: number): PeerProcess =>
    new PeerProcess('load-client', [addresses[at % addresses.length] ?? ''], network.client, (report) => {
      note(report)
      const seat = seats[at]
      if (report.type === 'tally' && seat !== undefined) seat.tally = report.tally
    })
  function note(report: Report): void {
    if (report.type === 'violation') violations.push(report.text)
  }

  const pickServer = (): readonly [string, PeerProcess] =>
    [...servers][random.below(servers.size)] as [string, PeerProcess]
  const pickSeat = (): number => random.below(seats.length)
  const frozen = (process: PeerProcess): (() => void) => {
    process.signal('SIGSTOP')
    return () => process.signal('SIGCONT')
  }
  const faults: Record<string, () => (() => unknown) | Promise<() => unknown>> = {
    ...network.faults,
    'SIGSTOP server': () => frozen(pickServer()[1]),
    'SIGSTOP client': () => frozen((seats[pickSeat()] as Seat).process),
    async 'kill -9 server'() {
      const [address, server] = pickServer()
      await server.kill()
      return () => startServer(address)
    },
    async 'kill -9 client'() {
      const at = pickSeat()
      const seat = seats[at] as Seat
      await seat.process.kill()
      seat.before = added(seat.before, seat.tally)
      seat.tally = NO_TALLY
      return () => (seat.process = startClient(at))
    },
  }

  try {
    await Promise.all(addresses.map(startServer))
    for (let at = 0; at < CLIENTS; at++) seats.push({ process: startClient(at), tally: NO_TALLY, before: NO_TALLY })
    await progress(seats, violations, 'at the start')
    const names = Object.keys(faults)
    const deadline = performance.now() + durationMs
    for (let turn = random.below(names.length); performance.now() < deadline; turn++) {
      const name = names[turn % names.length] as string
      counts[name] = (counts[name] ?? 0) + 1
      const undo = await (faults[name] as () => (() => unknown) | Promise<() => unknown>)()
      await delay(100 + random.below(1_500))
      await undo()
      await delay(random.below(500))
    }
    await progress(seats, violations, 'after the last fault')
  } finally {
    for (const { process } of seats) process.signal('SIGCONT')
    await Promise.all(seats.map(({ process }) => process.stop()))
    await Promise.all([...servers.values()].map((server) => server.stop()))
  }
  const tally = seats.reduce((sum, seat) => added(sum, added(seat.before, seat.tally)), NO_TALLY)
  return { faults: counts, tally, violations }
}

/** Each client gets further echoes. */
async function progress(seats: readonly Seat[], violations: string[], when: string): Promise<void> {
  const arrived = seats.map(({ tally }) => tally.arrived)
  const deadline = performance.now() + RECOVERY_MS
  while (seats.some(({ tally }, at) => tally.arrived <= (arrived[at] as number))) {
    if (performance.now() > deadline) {
      violations.push(`${when}, a client got no echo for ${RECOVERY_MS / 1000} s`)
      return
    }
    await delay(50)
  }
}
