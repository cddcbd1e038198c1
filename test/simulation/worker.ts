import { describe } from '../../src/core/errors.ts'
import { type Outcome, runSeed } from './run.ts'

/*
 * One process of `npm run sim`: it runs the seeds that its parent names, and answers each batch with a summary.
 */

/** What the parent asks for. */
export interface Order {
  readonly from: number
  readonly count: number
  /** Every so many seeds are run a second time, and must leave the same trace. */
  readonly twiceEach: number
  readonly stopAtFirst: boolean
}

/** What a batch came to. */
export interface Report {
  readonly from: number
  readonly seeds: number
  readonly repeated: number
  readonly events: number
  readonly messages: number
  readonly sessions: number
  readonly calls: number
  readonly faults: number
  readonly failed: readonly { readonly seed: number; readonly violations: readonly string[] }[]
}

// Thousands of errors are made a second, and nobody reads where.
Error.stackTraceLimit = 0

/** What escaped: a rejection or an exception that nobody heard, while the present seed ran. */
const escaped: string[] = []
process.on('unhandledRejection', (error) => escaped.push(`unhandled rejection: ${describe(error)}`))
process.on('uncaughtException', (error) => escaped.push(`uncaught exception: ${describe(error)}`))

/** One seed, with what escaped. */
export async function judgeSeed(seed: number, keepLines = false): Promise<Outcome> {
  escaped.length = 0
  let outcome: Outcome
  try {
    outcome = await runSeed(seed, keepLines)
  } catch (error) {
    const complaint = `the run broke: ${error instanceof Error ? (error.stack ?? '') : describe(error)}`
    outcome = {
      seed,
      violations: [complaint],
      hash: '',
      events: 0,
      messages: 0,
      sessions: 0,
      calls: 0,
      faults: 0,
      lines: [],
    }
  }
  await new Promise((resolve) => setImmediate(resolve))
  return escaped.length === 0 ? outcome : { ...outcome, violations: [...outcome.violations, ...escaped] }
}

/** A batch of seeds. */
export async function runBatch({ from, count, twiceEach, stopAtFirst }: Order): Promise<Report> {
  const report = { from, seeds: 0, repeated: 0, events: 0, messages: 0, sessions: 0, calls: 0, faults: 0 }
  const failed: { seed: number; violations: readonly string[] }[] = []
  for (let seed = from; seed < from + count; seed++) {
    const outcome = await judgeSeed(seed)
    let { violations } = outcome
    if (twiceEach > 0 && seed % twiceEach === 0) {
      report.repeated++
      const again = await judgeSeed(seed)
      if (again.hash !== outcome.hash)
        violations = [...violations, `ran again it was ${again.hash}, not ${outcome.hash}`]
    }
    report.seeds++
    report.events += outcome.events
    report.messages += outcome.messages
    report.sessions += outcome.sessions
    report.calls += outcome.calls
    report.faults += outcome.faults
    if (violations.length === 0) continue
    failed.push({ seed, violations })
    if (stopAtFirst) break
  }
  return { ...report, failed }
}

if (process.send !== undefined) {
  process.on('message', (order: Order) => {
    void runBatch(order).then((report) => process.send?.(report))
  })
  process.on('disconnect', () => process.exit(0))
}
