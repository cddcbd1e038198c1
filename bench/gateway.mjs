// The gateway of examples/ under load: what it takes of a core, and whether its memory stays flat. Devices are in a process
// of their own, pages are WebSocket clients in this one; CPU and memory are what the gateway says of its own process.
//
//   node bench/gateway.mjs [--devices 1000] [--rate 10] [--pages 5] [--seconds 120] [--services]
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { dial } from '../dist/src/index.js'
import { json } from '../dist/codecs/index.js'

const WARM_UP_MS = 30_000
const MEGA = 1e6
const PROGRAM = new URL('../.build/examples/gateway/', import.meta.url)

const { values: options } = parseArgs({
  options: {
    devices: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '10' },
    pages: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '120' },
    services: { type: 'boolean', default: false },
  },
})
const devices = Number(options.devices)
const rate = Number(options.rate)
const pages = Number(options.pages)
const seconds = Number(options.seconds)

const gateway = await startGateway()
process.on('exit', () => gateway.child.kill('SIGKILL')) // whatever went wrong here
const fleet = fork(fileURLToPath(new URL('simulation/main.js', PROGRAM)))
fleet.send({
  tcp: gateway.tcp,
  udp: gateway.udp,
  services: options.services ? gateway.services : undefined,
  secret: gateway.secret,
  devices,
  intervalMs: 1_000 / rate,
  isBreakable: false,
})

const samples = []
const sessions = await Promise.all(
  Array.from({ length: pages }, (_, i) =>
    dial(`ws://127.0.0.1:${gateway.page}/operators`, {
      codec: json({ maxKeys: 500_000 }),
      maxFrameBytes: 4 * 1024 * 1024,
      listener: { onMessage: (_session, news) => i === 0 && news.type === 'snapshot' && samples.push(news) },
    }),
  ),
)
await sleep(WARM_UP_MS)
samples.length = 0
await sleep(seconds * 1_000)
report(samples)
await Promise.all(sessions.map((session) => session.close()))
fleet.kill('SIGTERM')
await once(fleet, 'exit')
gateway.child.kill('SIGTERM')
const [status] = await once(gateway.child, 'exit')
if (status !== 0) throw new Error(`the gateway ended with ${status}`)

/** As users start it, without its own devices; where it listens is in what it prints. */
async function startGateway() {
  const secret = 'for the bench'
  const env = { ...process.env, PORT: '0', DEVICES: '0', SECRET: secret }
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.js', PROGRAM))], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  for await (const line of createInterface({ input: child.stdout })) {
    text += `${line}\n`
    if (line.startsWith('Ctrl-C')) break
  }
  child.stdout.resume()
  const find = (pattern) => pattern.exec(text)?.[1]
  return {
    child,
    secret,
    page: find(/^http:\/\/127\.0\.0\.1:(\d+)\/$/m),
    tcp: find(/(tcp:\S+), udp:/),
    udp: find(/tcp:\S+, (udp:\S+)/),
    services: find(/service-contract\.ts\): +(tcp:\S+)/),
  }
}

function report(snapshots) {
  const of = (key) => snapshots.map(({ sample }) => sample[key])
  const latencies = of('latencyMs').filter((value) => value !== undefined && value !== null)
  const here = mean(of('sessions').map(({ tcp, udp }) => tcp + udp))
  const lost = snapshots.at(-1).devices.reduce((sum, device) => sum + device.lost, 0)
  const skipped = snapshots.at(-1).operators.reduce((sum, operator) => sum + operator.skipped, 0)
  const accepted = mean(snapshots.map(({ devices: all }) => all.reduce((sum, device) => sum + device.rate, 0)))
  console.log(`${here.toFixed(0)} devices, ${accepted.toFixed(0)} reports a second, ${pages} pages, ${seconds} s
CPU         ${(mean(of('cpu')) * 100).toFixed(1)} % of a core (worst second ${(Math.max(...of('cpu')) * 100).toFixed(0)} %)
resident    ${(mean(of('residentBytes')) / MEGA).toFixed(1)} MB, ${slope(of('residentBytes')).toFixed(2)} MB a minute
heap        ${(Math.min(...of('heapBytes')) / MEGA).toFixed(1)} MB at least, ${slope(floors(of('heapBytes'))).toFixed(2)} MB a minute
round trip  ${mean(latencies.map(({ median }) => median)).toFixed(2)} ms at the median, ${mean(latencies.map(({ p99 }) => p99)).toFixed(2)} ms p99
lost        ${lost} reports, ${skipped} snapshots skipped`)
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** What the heap falls to between collections: the least of each ten seconds, as often as there are seconds. */
function floors(values) {
  return values.map((_, i) => Math.min(...values.slice(i - (i % 10), i - (i % 10) + 10)))
}

/** Growth a minute of one value a second, in MB: the line of least squares through them. */
function slope(values) {
  const middle = (values.length - 1) / 2
  const average = mean(values)
  let [products, squares] = [0, 0]
  for (const [i, value] of values.entries()) {
    products += (i - middle) * (value - average)
    squares += (i - middle) ** 2
  }
  return ((products / squares) * 60) / MEGA
}
