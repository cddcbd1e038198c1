import { systemEnv } from '../../src/env/node/system-env.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'

/** An Env whose clock runs, as fast as it can, until `stop`, which gives the number of timers that are left. */
export function runningEnv(seed: number): { readonly env: VirtualEnv; stop(): number } {
  const env = virtualEnv({ seed })
  let stopped = false
  const tick = () => {
    if (!stopped) void env.advance(1).then(() => systemEnv.yield(tick))
  }
  tick()
  return {
    env,
    stop() {
      stopped = true
      return env.timers
    },
  }
}
