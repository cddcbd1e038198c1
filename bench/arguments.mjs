import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

const USAGE = `Usage: npm run bench -- [options]

  --quick           fewer and shorter rounds of the main workloads, at most 50 s
  --only NAME       only the workloads with NAME in their name; may be given again
  --json            one JSON object a line instead of tables
  --page DIR        also writes what came out as DIR/benchmarks.md, with its plots
  --against DIR     another build of Hawser (its dist/) in the same rounds, as subject hawser-before
  --profile DIR     writes a CPU profile of each process there; figures are then those of a profiled run
  --round-ms N      how long a round is measured, and the time of warming up
  --workloads FILE  a module that exports 'workloads', instead of those of workloads.mjs`

/** What the command line asks for; ends the process with status 2 where it cannot be told. */
export function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string', multiple: true },
        json: { type: 'boolean' },
        page: { type: 'string' },
        against: { type: 'string' },
        profile: { type: 'string' },
        'round-ms': { type: 'string' },
        workloads: { type: 'string' },
      },
    })
    // npm runs this in bench/, but people name directories from where they are.
    const from = process.env.INIT_CWD ?? process.cwd()
    for (const name of ['page', 'against', 'profile', 'workloads'])
      if (values[name] !== undefined) values[name] = resolve(from, values[name])
    const roundMs = values['round-ms'] === undefined ? undefined : Number(values['round-ms'])
    if (roundMs !== undefined && !(Number.isInteger(roundMs) && roundMs > 0))
      throw new Error('--round-ms is a whole number')
    return { ...values, roundMs }
  } catch (error) {
    return fail(`${error.message}\n\n${USAGE}`)
  }
}

/** Ends the process, as the command line asked for what there is not. */
export function fail(message) {
  console.error(message)
  process.exit(2)
}
