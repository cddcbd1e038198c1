// watched.js ADDRESS: the peers of the watcher, who are patient themselves.
import { text } from '../../codecs/text.ts'
import { connect } from '../../src/node.ts'
import { QUIET } from './load-options.ts'
import { onOrder } from './report.ts'
import { WATCH } from './watch-options.ts'

const PATIENCE_MS = 600_000

const client = connect(process.argv[2] ?? '', {
  codec: text(),
  logger: QUIET,
  connections: WATCH.sessions,
  heartbeat: { ...WATCH.heartbeat, intervalMs: WATCH.intervalMs, timeoutMs: PATIENCE_MS },
  listener: {},
})
onOrder((order) => {
  if (order.type !== 'stop') return
  client.destroy()
  process.exit(0)
})
