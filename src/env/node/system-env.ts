import { randomFillSync } from 'node:crypto'
import type { Env } from '../../core/env.ts'
import { describe } from '../../core/errors.ts'
import { consoleLogger } from '../../core/console-logger.ts'
import { NodeNet } from './node-net.ts'
import { systemFiles } from './system-files.ts'
import { systemZlib } from './system-zlib.ts'
import { SystemInterval, SystemTimer } from './system-timer.ts'

/** What the monotonic clock counts from: it is read once, so that `now` never jumps with the system's clock. */
const START_MS: number = /* @__PURE__ */ (() => Date.now() - performance.now())()

/** A callback whose throw is logged instead of ending the process. */
function guarded(run: () => void): () => void {
  return () => {
    try {
      run()
    } catch (error) {
      consoleLogger.error(`a timer's callback threw: ${describe(error)}`, { error })
    }
  }
}

/** The real environment: Node's clock, timers, randomness, sockets and files. */
export const systemEnv: Env = {
  now: () => START_MS + performance.now(),
  every: (intervalMs, run) => new SystemInterval(intervalMs, guarded(run)),
  after: (delayMs, run) => new SystemTimer(delayMs, guarded(run), false),
  setTimer: (delayMs, run, keepAlive = false) => new SystemTimer(delayMs, run, keepAlive),
  defer: (run) => process.nextTick(run),
  yield: (run) => void setImmediate(run),
  randomBytes: (count) => randomFillSync(new Uint8Array(count)),
  random: () => Math.random(),
  logger: consoleLogger,
  net: /* @__PURE__ */ new NodeNet(),
  files: systemFiles,
  zlib: systemZlib,
}
