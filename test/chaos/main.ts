// npm run chaos -- [--seconds N] [--seed N]
//
// Real processes on a real network under a load, while both suffer; and a watcher of many peers that are silent or not.
import { parseArgs } from 'node:util'
import { Random } from '../../src/testing/random.ts'
import { runLoad } from './load.ts'
import { makeNetwork } from './network.ts'
import { runVerdicts } from './verdicts.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '30' }, seed: { type: 'string' } } })
const seconds = Number(values.seconds)
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.error('npm run chaos -- [--seconds N] [--seed N]')
  process.exit(1)
}

const network = makeNetwork()
for (const text of network.missing) console.log(`missing here: ${text}`)
process.once('SIGINT', () => {
  network.dispose()
  process.exit(130)
})
try {
  const [load, verdicts] = await Promise.all([runLoad(network, new Random(seed), seconds * 1000), runVerdicts()])
  const { arrived, failed, unknown, causes } = load.tally
  const words = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  console.log(`faults: ${words(load.faults)}`)
  console.log(`sessions ended: ${words(causes)}`)
  console.log(`messages: ${arrived} arrived, ${failed} not taken, ${unknown} unknown`)
  const { sessions, falseAfterBlock, falseAfterStop, found, latestMs, limitMs } = verdicts
  console.log(`false verdicts of ${sessions}: ${falseAfterBlock} after a blocked loop, ${falseAfterStop} after SIGSTOP`)
  console.log(`dead peers: ${found} of ${sessions} found, the latest after ${Math.round(latestMs)} of ${limitMs} ms`)
  const violations = [...load.violations, ...verdicts.violations]
  for (const text of violations.slice(0, 20)) console.log(`VIOLATION: ${text}`)
  const faultCount = Object.values(load.faults).reduce((sum, count) => sum + count, 0)
  console.log(`chaos: ${faultCount} faults, ${arrived} messages arrived, seed ${seed}, ${violations.length} violations`)
  process.exitCode = violations.length === 0 && arrived > 0 && faultCount > 0 ? 0 : 1
} finally {
  network.dispose()
}
