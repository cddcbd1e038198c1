// load-client.js ADDRESS...: keeps several sessions busy, and accounts for each message.
import { text } from '../../codecs/text.ts'
import { connect } from '../../src/node.ts'
import type { Session } from '../../src/core/session.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { messageOf, Sequence } from './account.ts'
import { HEARTBEAT, QUIET } from './load-options.ts'
import { onOrder, report } from './report.ts'

const CONNECTIONS = 4
/** Sent, without an echo so far, in each session. */
const OUTSTANDING = 32
/** Between two bursts: the machine is to have time for its faults. */
const BURST_MS = 20
const REPORT_MS = 100

const addresses = process.argv.slice(2)
let sessions = 0
let taken = 0
let arrived = 0
let failed = 0
let unknown = 0
const causes: Record<string, number> = {}

/** One session: the next number, and how many have no echo. */
function load() {
  const name = `${process.pid}.${++sessions}`
  const echoes = new Sequence()
  let number = 0
  let outstanding = 0
  const fill = (session: Session<string, string>): void => {
    while (outstanding < OUTSTANDING) {
      const { droppedMessages } = session.stats
      session.send(messageOf(name, number + 1))
      if (session.stats.droppedMessages > droppedMessages) {
        failed++
        return
      }
      number++
      taken++
      outstanding++
    }
  }
  let bursts: Disposable | undefined
  return {
    onOpen(session: Session<string, string>): void {
      bursts = systemEnv.every(BURST_MS, () => fill(session))
    },
    onMessage(_session: unknown, message: string): void {
      const wrong = outstanding === 0 ? 'an echo of nothing' : echoes.next(message)
      if (wrong !== undefined) report({ type: 'violation', text: `the client got ${wrong}` })
      outstanding--
      arrived++
    },
    onClose(_session: unknown, cause: { readonly by: string; readonly error?: { readonly code: string } }): void {
      bursts?.[Symbol.dispose]()
      unknown += outstanding
      const told = cause.error === undefined ? cause.by : cause.error.code
      if (told === undefined) report({ type: 'violation', text: 'a session that ended without a code' })
      causes[told] = (causes[told] ?? 0) + 1
    },
  }
}

const client = connect(addresses, {
  codec: text(),
  logger: QUIET,
  heartbeat: HEARTBEAT,
  connections: CONNECTIONS,
  reconnect: { initialMs: 20, maxMs: 200, stableAfterMs: 200 },
  dialTimeoutMs: 1_000,
  listener: load,
})
const tell = (): void => report({ type: 'tally', tally: { arrived, failed, unknown, causes } })
const telling = setInterval(tell, REPORT_MS)
onOrder((order) => {
  if (order.type !== 'stop') return
  clearInterval(telling)
  void client.close({ timeoutMs: 2_000 }).then(() => {
    tell()
    if (taken !== arrived + unknown)
      report({ type: 'violation', text: `${taken} messages taken, ${arrived} arrived, ${unknown} unknown` })
    process.disconnect()
    process.exit(0)
  })
})
report({ type: 'ready' })
