import { systemEnv } from '../env/node/system-env.ts'

/** Resolves when all promise jobs that there are, and all that they lead to, are done. No I/O in between. */
export async function promiseJobs(): Promise<void> {
  await Promise.resolve() // what is deferred from inside of a promise job comes after the last of them
  await new Promise<void>((resolve) => systemEnv.defer(resolve))
}

/** As `promiseJobs`, called in a promise job: then one promise is enough. */
export function jobsOfThis(): Promise<void> {
  return new Promise((resolve) => systemEnv.defer(resolve))
}

/** As `promiseJobs`, and the process's own I/O had a turn. */
export function realTurn(): Promise<void> {
  return new Promise((resolve) => systemEnv.yield(resolve))
}

/** As when nobody catches it: an uncaught exception. */
export function throwUncaught(error: unknown): void {
  systemEnv.yield(() => {
    throw error
  })
}
