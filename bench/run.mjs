// Runs the workloads and prints what they gave. The subjects of a workload are all there at once and take turns, round by
// round, so that a slow moment of the machine hits all of them; one that is not at work says nothing meanwhile.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fail, readArguments } from './arguments.mjs'
import { selfSigned } from './certificate.mjs'
import { Duo, pins, Unavailable } from './duo.mjs'
import { writePage } from './page.mjs'
import { JsonReport, TableReport } from './report.mjs'
import { evaluate } from './statistics.mjs'

/**
 * Times in milliseconds. A generation is a set of fresh processes: what the compiler makes of a program differs from
 * process to process. Each of them gives several rounds. The budget bounds a whole run: where it runs short, generations
 * beyond the first and rounds beyond the first are left out; where there is time, quick runs add rounds.
 */
const FULL = { generations: 3, rounds: 3, mostRounds: 3, warmUpMs: 400, measureMs: 400, budgetMs: 13.5 * 60_000 }
const QUICK = { generations: 1, rounds: 3, mostRounds: 9, warmUpMs: 150, measureMs: 120, budgetMs: 40_000 }

/** Transports that need a certificate. */
const SECURE = ['tls', 'wss']

const options = readArguments()
const pace = {
  ...(options.quick ? QUICK : FULL),
  ...(options.roundMs && { warmUpMs: options.roundMs, measureMs: options.roundMs }),
}
const endsAt = performance.now() + pace.budgetMs
const folder = mkdtempSync(join(tmpdir(), 'hawser-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const chosen = await choose()
const tls = chosen.some(({ transport }) => SECURE.includes(transport)) ? selfSigned(folder) : undefined
const report = options.json ? new JsonReport() : new TableReport()
const evaluated = []
report.begin({ pinned: pins !== undefined, pace })
for (const [i, workload] of chosen.entries()) {
  // Each workload gets an equal part of the time that is left, so one that ends early leaves more to the others.
  const until = performance.now() + (endsAt - performance.now()) / (chosen.length - i)
  const kind = await import(`./kinds/${workload.kind}.mjs`)
  const results = evaluate(workload, kind.units, await measure(workload, kind, until))
  report.workload(workload, results)
  evaluated.push({ workload, results })
}
report.end(evaluated)
if (options.page !== undefined) writePage(options.page, evaluated, { pinned: pins !== undefined, pace })
process.exitCode = report.failed ? 1 : 0

/**
 * The workload's subjects, generation by generation, and in each round by round.
 * @returns {Promise<Map<string, { runs: Record<string, number>[], failure?: string, unavailable?: string }>>} by subject
 */
async function measure(workload, kind, until) {
  const results = new Map(workload.subjects.map((subject) => [subject, { runs: [] }]))
  let longestMs = 0
  for (let generation = 0; generation < pace.generations; generation++) {
    const startedAt = performance.now()
    if (generation > 0 && startedAt + longestMs > until) break
    await runGeneration(workload, kind, results, until)
    longestMs = Math.max(longestMs, performance.now() - startedAt)
  }
  return results
}

/** Fresh processes for each subject that has not failed, and their rounds. */
async function runGeneration(workload, kind, results, until) {
  const duos = new Map()
  const attempt = async (subject, step) => {
    try {
      return await step()
    } catch (error) {
      const result = results.get(subject)
      if (error instanceof Unavailable) result.unavailable = error.message
      else result.failure = error.message
      const duo = duos.get(subject)
      duos.delete(subject)
      await duo?.close()
    }
  }
  for (const [subject, { failure, unavailable }] of results)
    if (failure === undefined && unavailable === undefined) duos.set(subject, newDuo(workload, kind, subject))
  for (const duo of duos.values()) duo.start()
  // One after the other, as each warms up on the cores that all of them share.
  for (const [subject, duo] of duos) await attempt(subject, () => duo.open())
  const { roundsEach = pace.mostRounds } = kind
  let longestMs = 0
  for (let round = 0; round < roundsEach; round++) {
    const startedAt = performance.now()
    const isWanted = round < pace.rounds
    if (round > 0 && startedAt + longestMs > (isWanted ? endsAt : until)) break
    for (const [subject, duo] of duos) {
      const run = await attempt(subject, () => duo.round())
      if (run !== undefined) results.get(subject).runs.push(run)
    }
    longestMs = Math.max(longestMs, performance.now() - startedAt)
  }
  await Promise.all([...duos.values()].map((duo) => duo.close()))
}

function newDuo(workload, kind, subject) {
  const before = subject === 'hawser-before'
  const name = before ? 'hawser' : subject
  const part = {
    workload,
    name: subject,
    subject: name.includes(':') ? name : new URL(`./subjects/${name}.mjs`, import.meta.url).href,
    build: before ? options.against : undefined,
    folder,
    tls,
    warmUpMs: pace.warmUpMs,
    measureMs: pace.measureMs,
  }
  return new Duo(part, kind.flags, options.profile)
}

/** The workloads asked for, each with the subjects that take part. */
async function choose() {
  const list = options.workloads === undefined ? './workloads.mjs' : pathToFileURL(options.workloads).href
  const { workloads } = await import(list)
  const named = workloads.filter((workload) =>
    options.only === undefined
      ? !options.quick || workload.quick !== undefined
      : options.only.some((name) => workload.name.includes(name)),
  )
  if (named.length === 0) fail(`no workload is named so; there are:\n  ${workloads.map((w) => w.name).join('\n  ')}`)
  return named.map((workload) => {
    const subjects = options.quick && Array.isArray(workload.quick) ? workload.quick : workload.subjects
    if (options.against === undefined || !subjects.includes('hawser')) return { ...workload, subjects }
    return { ...workload, subjects: [...subjects, 'hawser-before'] }
  })
}
