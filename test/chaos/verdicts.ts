import { setTimeout as delay } from 'node:timers/promises'
import { PeerProcess } from './peer-process.ts'
import { WATCH } from './watch-options.ts'

const BLOCK_MS = 2_000
const STOP_MS = 10_000
/** After each silence, for verdicts to come. */
const AFTER_MS = 1_500
/** For all dead peers to be found, on a machine that is busy with other things. */
const PATIENCE_MS = 10_000
/** What a dead peer may be found late, beside what the watcher's own loop was late. */
const LATE_MS = 100

/** What a watcher of many peers found out. */
export interface VerdictReport {
  readonly sessions: number
  /** Peers that lived, and were taken for dead: after the watcher's loop was blocked, and after it was stopped. */
  readonly falseAfterBlock: number
  readonly falseAfterStop: number
  /** Peers that were silent, found; and the latest of them, less how late the watcher's own loop was. */
  readonly found: number
  readonly latestMs: number
  readonly limitMs: number
  readonly violations: readonly string[]
}

/**
 * The watcher is a process with many sessions and a clock of its own. First its own loop is blocked, then it is stopped from outside,
 * for longer than its heartbeats allow: all peers live, so none may be taken for dead. Then the peers are stopped, all at
 * once: each must be found, so long after its last sign of life, both by the watcher's clock.
 */
export async function runVerdicts(): Promise<VerdictReport> {
  const verdicts: { readonly afterMs: number; readonly latenessMs: number }[] = []
  const violations: string[] = []
  const watcher = new PeerProcess('watcher', [], [], (report) => {
    if (report.type === 'verdict') verdicts.push(report)
    if (report.type === 'violation') violations.push(report.text)
  })
  const { address } = await watcher.until('listening')
  const ready = watcher.until('ready')
  const watched = new PeerProcess('watched', [address], [], (report) => {
    if (report.type === 'violation') violations.push(report.text)
  })
  try {
    await ready
    await delay(AFTER_MS)
    watcher.tell({ type: 'block', ms: BLOCK_MS })
    await delay(BLOCK_MS + AFTER_MS)
    const falseAfterBlock = verdicts.splice(0).length

    watcher.signal('SIGSTOP')
    await delay(STOP_MS)
    watcher.signal('SIGCONT')
    await delay(AFTER_MS)
    const falseAfterStop = verdicts.splice(0).length

    watcher.tell({ type: 'block', ms: 0 }) // what it was late so far does not count
    watched.signal('SIGSTOP')
    for (let waitedMs = 0; waitedMs < PATIENCE_MS && verdicts.length < WATCH.sessions; waitedMs += 100) await delay(100)
    const limitMs = WATCH.timeoutMs + LATE_MS
    const found = verdicts.length
    // A timer of a late loop fires so late, and a session then forgives its peer as much once more.
    const latestMs = Math.max(0, ...verdicts.map(({ afterMs, latenessMs }) => afterMs - 2 * latenessMs))
    const { sessions } = WATCH
    if (falseAfterBlock > 0) violations.push(`${falseAfterBlock} of ${sessions} false verdicts after a blocked loop`)
    if (falseAfterStop > 0) violations.push(`${falseAfterStop} of ${sessions} false verdicts after SIGSTOP`)
    if (found < sessions) violations.push(`${sessions - found} of ${sessions} dead peers were not found`)
    if (latestMs > limitMs)
      violations.push(`a dead peer was found after ${Math.round(latestMs)} ms, over ${limitMs} ms`)
    return { sessions, falseAfterBlock, falseAfterStop, found, latestMs, limitMs, violations }
  } finally {
    watcher.signal('SIGCONT')
    await Promise.all([watcher.kill(), watched.kill()])
  }
}
