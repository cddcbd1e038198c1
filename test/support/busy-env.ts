import type { TimerHandle } from '../../src/core/env.ts'
import { type VirtualEnv, virtualEnv } from '../../src/testing/virtual-env.ts'

/** A virtual Env whose event loop can be blocked: the clock goes on, and whatever was due meanwhile happens late. */
export interface BusyEnv extends VirtualEnv {
  block(ms: number): void
}

export function busyEnv(): BusyEnv {
  const env = virtualEnv()
  let lostMs = 0
  return {
    seed: env.seed,
    logger: env.logger,
    net: env.net,
    network: env.network,
    get timers() {
      return env.timers
    },
    get logs() {
      return env.logs
    },
    block: (ms) => {
      lostMs += ms
    },
    now: () => env.now() + lostMs,
    every: (intervalMs, run) => env.every(intervalMs, run),
    after: (delayMs, run) => env.after(delayMs, run),
    setTimer: (delayMs, run): TimerHandle => env.setTimer(delayMs, run),
    defer: (run) => env.defer(run),
    yield: (run) => env.yield(run),
    randomBytes: (count) => env.randomBytes(count),
    random: () => env.random(),
    advance: (ms) => env.advance(ms),
    settle: () => env.settle(),
    host: (name) => env.host(name),
  }
}
