// Runs the simulation (test/simulation), as the compiler last left it.
//
//   npm run sim -- --seeds 20000 [--from SEED] [--jobs N]    that many seeds; status 0 only where nothing was violated
//   npm run sim -- --seed SEED                               one seed, with everything that happened in it
//   npm run sim -- --mutants [--write] [NAME…]               each planted mistake, until a seed finds it; --write puts the
//                                                            score into docs/reliability.md
import { fork, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const BUILD = '.build'
const WORKER = 'test/simulation/worker.js'
/** What a mutant's own copy is made of. */
const COPIED = ['src', 'codecs', 'test/simulation', 'test/support/proxy-headers.js']
const BATCH_SEEDS = 50
/** A batch takes about a tenth of this; a program that runs in a circle takes for ever. */
const BATCH_MS = 60_000
/** One seed of so many is run twice, and must leave the same trace. */
const TWICE_EACH = 50
const MUTANT_SEEDS = 5000
const PAGE = 'docs/reliability.md'
/** Where the page has the score. */
const SCORE = /(?<=<!-- mutants -->\n)[^]*?(?=<!-- until here -->)/

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    mutants: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
const number = (name) => {
  const value = Number(values[name])
  if (Number.isSafeInteger(value) && value >= 0) return value
  console.error(`--${name} takes a whole number, not ${values[name]}`)
  process.exit(2)
}
const jobs = Math.max(1, number('jobs'))

/** A process that runs batches, one at a time. */
class Worker {
  #child
  #answer

  constructor(root) {
    // Whole worlds come and go: with room for some of them, none is moved by the garbage collector.
    const execArgv = ['--max-semi-space-size=64']
    this.#child = fork(join(root, WORKER), { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (report) => this.#answer?.({ report }))
    this.#child.on('exit', (code, signal) => this.#answer?.({ complaint: `the process ended: ${signal ?? code}` }))
  }

  /** A report, or a complaint where there is none. */
  run(order) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#answer?.({ complaint: `no answer within ${BATCH_MS} ms` })
        this.end()
      }, BATCH_MS)
      this.#answer = (answer) => {
        clearTimeout(timer)
        this.#answer = undefined
        resolve(answer)
      }
      this.#child.send(order)
    })
  }

  end() {
    this.#child.kill('SIGKILL')
  }
}

async function runSeeds(from, count) {
  const startedAt = performance.now()
  const total = { seeds: 0, repeated: 0, faults: 0, sessions: 0, messages: 0, calls: 0, events: 0 }
  let failures = 0
  let next = from
  const loop = async () => {
    let worker = new Worker(BUILD)
    while (next < from + count) {
      const order = {
        from: next,
        count: Math.min(BATCH_SEEDS, from + count - next),
        twiceEach: TWICE_EACH,
        stopAtFirst: false,
      }
      next += order.count
      const { report, complaint } = await worker.run(order)
      if (report === undefined) {
        failures++
        console.error(`seeds ${order.from} to ${order.from + order.count - 1}: ${complaint}`)
        worker = new Worker(BUILD)
        continue
      }
      for (const key of Object.keys(total)) total[key] += report[key]
      for (const { seed, violations } of report.failed) {
        failures++
        console.error(`seed ${seed}: ${violations.join('\n  ')}\n  again: npm run sim -- --seed ${seed}`)
      }
    }
    worker.end()
  }
  await Promise.all(Array.from({ length: Math.min(jobs, Math.ceil(count / BATCH_SEEDS)) }, loop))
  const seconds = (performance.now() - startedAt) / 1000
  const { seeds, repeated, faults, sessions, messages, calls } = total
  const rate = Math.round((seeds + repeated) / seconds)
  console.log(
    `sim: ${seeds} seeds from ${from} on (${repeated} of them twice), ${faults} faults, ${sessions} sessions, ${messages} messages, ${calls} calls: ` +
      `${failures} failed; ${rate} seeds a second, ${jobs} at once`,
  )
  if (failures > 0 || seeds !== count) process.exitCode = 1
}

async function showSeed(seed) {
  const { judgeSeed } = await import(join(process.cwd(), BUILD, WORKER))
  const { lines, violations, hash } = await judgeSeed(seed, true)
  for (const line of lines) console.log(line)
  for (const violation of violations) console.error(violation)
  console.log(`sim: seed ${seed}, trace ${hash}: ${violations.length} violations`)
  process.exit(violations.length === 0 ? 0 : 1)
}

/** A copy of what was compiled, with one mistake in it. @throws where the patch fits nowhere, or in several places, or is no program */
function plant({ name, file, find, replace }) {
  const root = join(BUILD, 'mutants', name)
  for (const part of COPIED)
    cpSync(join(BUILD, part), join(root, part), {
      recursive: true,
      filter: (path) => !/\.(map|d\.ts)$/.test(path),
    })
  const path = join(root, file)
  const source = readFileSync(path, 'utf8')
  const places = source.split(find).length - 1
  if (places !== 1) throw new Error(`the patch ${name} fits ${places} places of ${file}`)
  writeFileSync(
    path,
    source.replace(find, () => replace),
  )
  // A program that does not even start would be caught by nobody's merit.
  const { status, stderr } = spawnSync(process.execPath, ['--check', path], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the patch ${name} is no program: ${stderr}`)
  return root
}

/** How many seeds it took, and what gave it away. */
async function hunt(mutant) {
  const root = plant(mutant)
  const worker = new Worker(root)
  try {
    for (let from = 1; from <= MUTANT_SEEDS; from += BATCH_SEEDS) {
      const { report, complaint } = await worker.run({ from, count: BATCH_SEEDS, twiceEach: 0, stopAtFirst: true })
      if (report === undefined) return { seeds: from + BATCH_SEEDS - 1, what: complaint }
      const [found] = report.failed
      if (found !== undefined) return { seeds: found.seed, what: found.violations[0] }
    }
    return undefined
  } finally {
    worker.end()
    rmSync(root, { recursive: true, force: true })
  }
}

async function runMutants(names) {
  const { MUTANTS } = await import(join(process.cwd(), BUILD, 'test/simulation/mutants.js'))
  const unknown = names.filter((name) => MUTANTS.every((mutant) => mutant.name !== name))
  if (unknown.length > 0) throw new Error(`no such mutant: ${unknown.join(', ')}`)
  const todo = MUTANTS.filter(({ name }) => names.length === 0 || names.includes(name))
  const all = todo.length
  mkdirSync(join(BUILD, 'mutants'), { recursive: true })
  const score = new Map()
  const loop = async () => {
    for (let mutant = todo.shift(); mutant !== undefined; mutant = todo.shift()) {
      const { name } = mutant
      let found
      try {
        found = await hunt(mutant)
      } catch (error) {
        console.error(`${name}: ${error.message}`)
        continue
      }
      if (found === undefined) console.error(`${name}: not caught in ${MUTANT_SEEDS} seeds`)
      else {
        score.set(name, found)
        console.log(`${name}: caught by seed ${found.seeds}: ${plain(found.what)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: jobs }, loop))
  console.log(`mutants: ${score.size} of ${all} caught`)
  if (score.size < all || all === 0) process.exitCode = 1
  else if (values.write) writeScore(MUTANTS, score)
}

/** @param score of all of them */
function writeScore(mutants, score) {
  const lines = mutants.map(({ name }) => {
    const { seeds, what } = score.get(name)
    return `| \`${name}\` | ${seeds} | ${plain(what)} |`
  })
  const table = ['', '| mistake | seeds until it was found | by what |', '|---|---|---|', ...lines, '', ''].join('\n')
  writeFileSync(
    PAGE,
    readFileSync(PAGE, 'utf8').replace(SCORE, () => table),
  )
}

/** What was violated, without the time. */
function plain(violation) {
  return violation.replace(/^[\d.]+ ms: /, '')
}

if (values.seed !== undefined) await showSeed(number('seed'))
else if (values.mutants) await runMutants(positionals)
else await runSeeds(number('from'), number('seeds'))
