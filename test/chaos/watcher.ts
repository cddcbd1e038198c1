// watcher.js: a server with short heartbeats, which reports each peer that it takes for dead.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { text } from '../../codecs/text.ts'
import { listen } from '../../src/node.ts'
import { QUIET } from './load-options.ts'
import { onOrder, report } from './report.ts'
import { WATCH } from './watch-options.ts'

const NS_PER_MS = 1e6
/** What is measured holds the wait itself. */
const RESOLUTION_MS = 10

const lateness = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
lateness.enable()
const latenessMs = (): number => Math.max(0, lateness.max / NS_PER_MS - RESOLUTION_MS)
let isReady = false
const server = await listen('tcp://127.0.0.1:0', {
  codec: text(),
  logger: QUIET,
  heartbeat: { ...WATCH.heartbeat, intervalMs: WATCH.intervalMs, timeoutMs: WATCH.timeoutMs },
  listener: {
    onOpen() {
      if (server.sessions.size + 1 < WATCH.sessions || isReady) return
      isReady = true
      report({ type: 'ready' })
    },
    onError(session, error) {
      if (error.code !== 'ERR_HEARTBEAT_TIMEOUT') return
      report({ type: 'verdict', afterMs: session.idleMs, latenessMs: latenessMs() })
    },
  },
})
onOrder((order) => {
  if (order.type === 'stop') process.exit(0)
  if (order.type !== 'block') return
  const until = performance.now() + order.ms
  while (performance.now() < until) continue
  lateness.reset()
})
report({ type: 'listening', address: server.address.href })
