/** Resolves when all promise jobs that there are, and all that they lead to, are done. No I/O in between. */
export async function promiseJobs(): Promise<void> {
  await Promise.resolve() // a tick asked for from inside of a promise job comes after the last of them
  await new Promise<void>((resolve) => process.nextTick(resolve))
}

/** As `promiseJobs`, and the process's own I/O had a turn. */
export function realTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** As on Node when nobody catches: an uncaught exception. */
export function throwUncaught(error: unknown): void {
  setImmediate(() => {
    throw error
  })
}
