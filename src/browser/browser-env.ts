import { consoleLogger } from '../core/console-logger.ts'
import type { Env } from '../core/env.ts'
import { describe } from '../core/errors.ts'
import { BrowserInterval, BrowserTimer } from './browser-timer.ts'

/** What the monotonic clock counts from: it is read once, so that `now` never jumps with the system's clock. */
const START_MS: number = /* @__PURE__ */ (() => Date.now() - performance.now())()
/** `crypto.getRandomValues` gives no more at once. */
const RANDOM_BYTES = 65_536

/** A callback whose throw is logged instead of reaching the page's `onerror`. */
function guarded(run: () => void): () => void {
  return () => {
    try {
      run()
    } catch (error) {
      consoleLogger.error(`a timer's callback threw: ${describe(error)}`, { error })
    }
  }
}

function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  for (let at = 0; at < count; at += RANDOM_BYTES) crypto.getRandomValues(bytes.subarray(at, at + RANDOM_BYTES))
  return bytes
}

/** A task of its own. A timer would do the same, after 4 ms and in a hidden page after a second. */
function yieldTurn(run: () => void): void {
  const { port1, port2 } = new MessageChannel()
  const onMessage = (): void => {
    port1.close()
    run()
  }
  port1.addEventListener('message', onMessage)
  port1.start()
  port2.postMessage(undefined)
}

/** The browser's clock, timers, chance and console; in a page as in a worker. It has neither sockets nor files. */
export const browserEnv: Env = {
  now: () => START_MS + performance.now(),
  every: (intervalMs, run) => new BrowserInterval(intervalMs, guarded(run)),
  after: (delayMs, run) => new BrowserTimer(delayMs, guarded(run)),
  setTimer: (delayMs, run) => new BrowserTimer(delayMs, run),
  defer: (run) => queueMicrotask(run),
  yield: yieldTurn,
  randomBytes,
  random: () => Math.random(),
  logger: consoleLogger,
}
