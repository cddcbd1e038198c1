// npm run fuzz -- [--seconds N] [--target NAME] [--seed N] [--input HEX]
//
// Tries inputs on each target for its share of the time. With --input, one input on one target, as a violation prints it.
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { CampaignReport } from './campaign.ts'
import { replay } from './campaign.ts'
import { hexOf } from './fuzz-target.ts'
import { targets } from './targets.ts'
import { WatchedInput } from './watched-input.ts'

/** On one input; the machine may be busy with other things. */
const HANGS_MS = 15_000

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    target: { type: 'string' },
    seed: { type: 'string' },
    input: { type: 'string' },
  },
})
const chosen = targets.filter(({ name }) => values.target === undefined || name.startsWith(values.target))
const seconds = Number(values.seconds)
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
if (chosen.length === 0 || !(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.error('npm run fuzz -- [--seconds N] [--target NAME] [--seed N] [--input HEX]')
  console.error(`targets: ${targets.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}

if (values.input === undefined) process.exitCode = await runAll()
else {
  const [target] = chosen
  if (target === undefined || chosen.length > 1) throw new Error('an input is for one target')
  console.log(await replay(target, seed, Buffer.from(values.input, 'hex')))
}

async function runAll(): Promise<number> {
  const shareMs = (seconds * 1000) / chosen.length
  let executions = 0
  let violations = 0
  for (const { name } of chosen) {
    const report = await runOne(name, shareMs)
    executions += report.executions
    console.log(`${name}: ${report.executions} inputs, ${report.fates} fates`)
    if (report.violation === undefined) continue
    violations++
    const { seed: inputSeed, input, error } = report.violation
    console.log(`VIOLATION in ${name}: ${error.message}`)
    console.log(`  again: npm run fuzz -- --target ${name} --seed ${inputSeed} --input ${hexOf(input)}`)
  }
  console.log(`fuzz: ${chosen.length} targets, ${executions} inputs, seed ${seed}, ${violations} violations`)
  return violations === 0 && executions >= chosen.length ? 0 : 1
}

/** In a thread of its own, which is ended when one input takes too long. */
async function runOne(name: string, durationMs: number): Promise<CampaignReport> {
  const watched = new WatchedInput()
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: { name, durationMs, seed, memory: watched.memory },
  })
  let last = -1
  return new Promise<CampaignReport>((resolve, reject) => {
    const watch = setInterval(() => {
      if (watched.count === last) finish(hung(name, watched))
      else last = watched.count
    }, HANGS_MS)
    const finish = (report: CampaignReport): void => {
      clearInterval(watch)
      resolve(report)
      void worker.terminate()
    }
    worker.once('message', finish)
    worker.once('error', (error) => finish({ ...hung(name, watched), violation: violationOf(name, watched, error) }))
    worker.once('exit', (code) => reject(new Error(`the thread of ${name} ended with ${code}`)))
  })
}

function hung(name: string, watched: WatchedInput): CampaignReport {
  const error = new Error(`no end after ${HANGS_MS / 1000} s`)
  return { target: name, executions: watched.count, fates: 0, violation: violationOf(name, watched, error) }
}

function violationOf(name: string, watched: WatchedInput, error: Error): NonNullable<CampaignReport['violation']> {
  return { target: name, seed: watched.seed, input: watched.input, error }
}
