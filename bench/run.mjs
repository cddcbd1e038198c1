// Runs the workloads and prints what they gave. Client and server are processes of their own, on a core each where the
// machine has two; the subjects of a workload take turns, round by round, so that a slow minute hits all of them.
import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { JsonReport, TableReport } from './report.mjs'
import { workloads } from './workloads.mjs'

const USAGE = `Usage: npm run bench -- [options]

  --quick          fewer and shorter rounds of the main workloads, at most 50 s
  --only NAME      only the workloads with NAME in their name; may be given again
  --json           one JSON object a line instead of tables
  --against DIR    another build of Hawser (its dist/) in the same rounds, as subject hawser-before
  --profile DIR    writes a CPU profile of each process there; figures are then those of a profiled run`

/** Times in milliseconds. The budget bounds a whole run: rounds beyond the first are left out when it runs short. */
const FULL = { rounds: 7, steadyRounds: 3, warmUpMs: 600, measureMs: 1_500, budgetMs: 14 * 60_000 }
const QUICK = { rounds: 5, steadyRounds: 1, warmUpMs: 250, measureMs: 400, budgetMs: 42_000 }

/** What a run may take beside warm-up and measuring: starting up, opening 10,000 connections, draining. */
const SLACK_MS = 30_000

const SIDE = fileURLToPath(new URL('./side.mjs', import.meta.url))

const options = readArguments()
const pace = options.quick ? QUICK : FULL
const endsAt = performance.now() + pace.budgetMs
const pins = pinning()

/** The processes that are running; none outlives this one. */
const running = new Set()
const killAll = () => running.forEach((child) => child.kill('SIGKILL'))
process.on('exit', killAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130))

const report = options.json ? new JsonReport() : new TableReport()
const chosen = choose()
report.begin({ pinned: pins !== undefined, pace })
for (const [i, workload] of chosen.entries()) {
  // Each workload gets an equal part of the time that is left, so one that ends early leaves more to the others.
  const until = performance.now() + (endsAt - performance.now()) / (chosen.length - i)
  const kind = await import(`./kinds/${workload.kind}.mjs`)
  report.workload(workload, kind.units, await measure(workload, kind, until))
}
process.exitCode = report.failed ? 1 : 0

/**
 * The workload's subjects, round by round.
 * @returns {Promise<Map<string, { runs: Record<string, number>[], failure?: string }>>} by subject
 */
async function measure(workload, kind, until) {
  const results = new Map(workload.subjects.map((subject) => [subject, { runs: [] }]))
  let longestMs = 0
  const rounds = workload.steady ? pace.steadyRounds : pace.rounds
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    if (round > 0 && startedAt + longestMs > until) break
    for (const [subject, result] of results) {
      if (result.failure !== undefined) continue
      try {
        result.runs.push(await runOnce(workload, kind, subject))
      } catch (error) {
        result.failure = error.message
      }
    }
    longestMs = Math.max(longestMs, performance.now() - startedAt)
  }
  return results
}

/** One run of one subject: starts both sides, carries their questions, gives the client's result. */
async function runOnce(workload, kind, subject) {
  const before = subject === 'hawser-before'
  const part = {
    workload,
    subject: before ? 'hawser' : subject,
    build: before ? options.against : undefined,
    warmUpMs: pace.warmUpMs,
    measureMs: pace.measureMs,
  }
  const sides = []
  let timer
  try {
    return await new Promise((settle, reject) => {
      const limitMs = pace.warmUpMs + pace.measureMs + SLACK_MS
      timer = setTimeout(() => reject(new Error(`no result after ${limitMs} ms`)), limitMs)
      const start = (side, address) => {
        const child = startSide({ ...part, side, address }, kind.flags)
        sides.push(child)
        child.on('message', (message) => {
          if (message.failure !== undefined) reject(new Error(`${side}: ${message.failure}`))
          else if (message.result !== undefined) settle(message.result)
          else if (message.ready) start('client', message.address)
          else for (const other of sides) if (other !== child) other.send(message)
        })
        child.on('error', reject)
        child.on('exit', (code, signal) => reject(new Error(`the ${side} ended early (${signal ?? code})`)))
      }
      start(workload.transport === 'inproc' ? 'client' : 'server')
    })
  } finally {
    clearTimeout(timer)
    await Promise.all(sides.map(stopSide))
  }
}

function startSide(part, flags) {
  const profile = options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`]
  const name = `--cpu-prof-name=${part.workload.name}.${part.subject}.${part.side}.${Date.now()}.cpuprofile`
  const node = [process.execPath, ...flags, ...profile, ...(profile.length > 0 ? [name] : []), SIDE]
  const [command, ...args] = pins === undefined ? node : ['taskset', '-c', pins[part.side], ...node]
  const child = spawn(command, [...args, JSON.stringify(part)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** Asks it to end, as a profile is written at a proper end only, and kills it when it does not. */
async function stopSide(child) {
  child.removeAllListeners('exit')
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise((ended) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 3_000)
    child.once('exit', () => {
      clearTimeout(timer)
      running.delete(child)
      ended()
    })
    child.send({ stop: true }, () => {}) // a side that has gone meanwhile is told by 'exit'
  })
}

/** The core for each side, where there are two to give; undefined otherwise. */
function pinning() {
  if (availableParallelism() < 2) return undefined
  const tried = ['0', '1'].every((core) => spawnSync('taskset', ['-c', core, 'true']).status === 0)
  return tried ? { server: '0', client: '1' } : undefined
}

/** The workloads asked for, each with the subjects that take part. */
function choose() {
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

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string', multiple: true },
        json: { type: 'boolean' },
        against: { type: 'string' },
        profile: { type: 'string' },
      },
    })
    // npm runs this in bench/, but people name directories from where they are.
    const from = process.env.INIT_CWD ?? process.cwd()
    for (const name of ['against', 'profile'])
      if (values[name] !== undefined) values[name] = resolve(from, values[name])
    return values
  } catch (error) {
    return fail(`${error.message}\n\n${USAGE}`)
  }
}

function fail(message) {
  console.error(message)
  process.exit(2)
}
