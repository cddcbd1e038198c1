// One campaign, in a thread that can be ended when an input hangs.
import { parentPort, workerData } from 'node:worker_threads'
import { runCampaign } from './campaign.ts'
import { targets } from './targets.ts'
import { WatchedInput } from './watched-input.ts'

const { name, durationMs, seed, memory } = workerData as {
  readonly name: string
  readonly durationMs: number
  readonly seed: number
  readonly memory: SharedArrayBuffer
}
const watched = new WatchedInput(memory)
const target = targets.find((one) => one.name === name)
if (target === undefined) throw new Error(`no target ${name}`)
const report = await runCampaign(target, durationMs, seed, (inputSeed, input) => watched.set(inputSeed, input))
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port is no window
parentPort?.postMessage(report)
