import { systemEnv } from '../env/node/system-env.ts'

/** Resolves when all promise jobs that there are, and all that they lead to, are done. No I/O in between. */
export async function promiseJobs(): Promise<void> {
  await Promise.resolve() // what is deferred from inside of a promise job comes after the last of them
  await new Promise<void>((resolve) => systemEnv.defer(resolve))
}

const DONE = Promise.resolve()

/** For what runs in promise jobs again and again: it costs a third of waiting for a promise each time. */
export class PromiseTurns {
  readonly #run: () => void

  constructor(run: () => void) {
    this.#run = run
  }

  /** Called in a promise job: once more, as after `promiseJobs`. */
  afterJobs(): void {
    systemEnv.defer(this.#onDone)
  }

  /** As `afterJobs`, and the process's own I/O had a turn. */
  afterIo(): void {
    systemEnv.yield(this.#onDone)
  }

  readonly #onDone = (): void => void DONE.then(this.#run)
}

/** As when nobody catches it: an uncaught exception. */
export function throwUncaught(error: unknown): void {
  systemEnv.yield(() => {
    throw error
  })
}
