import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { SimulationSetup } from './setup.ts'

/** The simulation beside the gateway; closes as a session does. */
export class SimulationProcess {
  readonly #child: ChildProcess
  readonly closed: Promise<unknown>

  constructor(setup: SimulationSetup) {
    this.#child = fork(fileURLToPath(new URL('./main.js', import.meta.url)))
    this.closed = once(this.#child, 'exit')
    this.#child.send(setup)
  }

  close(): Promise<unknown> {
    this.#child.kill('SIGTERM')
    return this.closed
  }

  destroy(): void {
    this.#child.kill('SIGKILL')
  }
}
