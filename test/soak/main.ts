// npm run soak -- [--seconds N] [--cycles N] [--seed N]
//
// Sessions over all transports come and go for so long, and until there were so many. What is left of them must not grow.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { queryObjects } from 'node:v8'
import { LiveSession } from '../../src/core/live-session.ts'
import { SocketConnection } from '../../src/env/node/socket-connection.ts'
import { Random } from '../../src/testing/random.ts'
import { Authority } from '../support/certificates.ts'
import { SoakLoad } from './soak-load.ts'
import { trendOf } from './trend.ts'

const SAMPLE_MS = 2_500
/** What is made at first use only is made by then: the samples before are not counted. */
const WARM_SESSIONS = 10_000
const MIN_SAMPLES = 10
const MAX_BYTES_PER_1000 = 1024
/** A slope that chance alone might be is none: so many standard errors. */
const CERTAIN = 3
const NS_PER_MS = 1e6

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    cycles: { type: 'string', default: '0' },
    seed: { type: 'string' },
  },
})
const seconds = Number(values.seconds)
const cycles = Number(values.cycles)
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
const collect = globalThis.gc
if (!(seconds > 0) || !(cycles >= 0) || !Number.isSafeInteger(seed) || collect === undefined) {
  console.error('npm run soak -- [--seconds N] [--cycles N] [--seed N]')
  process.exit(1)
}

const descriptors = (): number => readdirSync('/proc/self/fd').length
const handles = (): number => process.getActiveResourcesInfo().filter((name) => !name.endsWith('Req')).length
async function heapBytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await delay(20)
    collect?.()
  }
  return process.memoryUsage().heapUsed
}

const violations: string[] = []
for (const event of ['uncaughtException', 'unhandledRejection', 'warning'] as const)
  process.on(event, (error: unknown) => violations.push(`${event}: ${String(error)}`))

const certificate = new Authority('Hawser soak authority').issue('localhost', 'IP:127.0.0.1')
const folder = mkdtempSync(join(tmpdir(), 'hawser-soak-'))
// What is made once and kept, by Node or by us, is made before we count: the pipe that we print to as well.
console.log('a first round, so that what is made once is there')
const first = await SoakLoad.start(new Random(seed), certificate, folder)
first.resume()
await delay(SAMPLE_MS)
await first.stop()
await heapBytes()
const before = { descriptors: descriptors(), handles: handles() }
const load = await SoakLoad.start(new Random(seed), certificate, folder)
const loop = monitorEventLoopDelay()
const samples: { readonly work: number; readonly value: number }[] = []
const deadline = performance.now() + seconds * 1000
while (performance.now() < deadline || load.sessions < cycles) {
  loop.enable()
  load.resume()
  await delay(SAMPLE_MS / 2)
  load.breakLinks()
  await delay(SAMPLE_MS / 2)
  loop.disable()
  await load.pause()
  const value = await heapBytes()
  samples.push({ work: load.sessions, value })
  const shown = [`${load.sessions} sessions`, `heap ${(value / 1024).toFixed(0)} KiB`, `${descriptors()} descriptors`]
  console.log(
    [...shown, `${handles()} handles`, `loop p99 ${(loop.percentile(99) / NS_PER_MS).toFixed(1)} ms`].join(', '),
  )
  loop.reset()
}
await load.stop()
violations.push(...first.violations, ...load.violations)
rmSync(folder, { recursive: true })

const counted = samples.filter(({ work }) => work >= WARM_SESSIONS)
if (counted.length < MIN_SAMPLES)
  violations.push(
    `${counted.length} samples after ${WARM_SESSIONS} sessions are too few for a slope: take more seconds`,
  )
else {
  const { slope, standardError } = trendOf(counted)
  const per1000 = `${(slope * 1000).toFixed(0)} ± ${(standardError * 1000).toFixed(0)} bytes for 1,000 sessions`
  console.log(`heap: ${per1000}, of ${counted.length} samples`)
  if (slope * 1000 > MAX_BYTES_PER_1000 && slope > CERTAIN * standardError)
    violations.push(`the heap grows by ${per1000}`)
}
await heapBytes()
await delay(200)
await heapBytes()
const left = {
  sessions: queryObjects(LiveSession, { format: 'count' }),
  connections: queryObjects(SocketConnection, { format: 'count' }),
  descriptors: descriptors() - before.descriptors,
  handles: handles() - before.handles,
}
console.log(
  `left: ${Object.entries(left)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')}`,
)
for (const [name, count] of Object.entries(left)) if (count > 0) violations.push(`${count} ${name} are left`)
for (const text of violations.slice(0, 20)) console.log(`VIOLATION: ${text}`)
console.log(
  `soak: ${load.sessions} sessions, ${load.failures} failed as they may, seed ${seed}, ${violations.length} violations`,
)
process.exitCode = violations.length === 0 && load.sessions > 0 ? 0 : 1
