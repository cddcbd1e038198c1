import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Order, Report } from './report.ts'

const START_MS = 30_000

/** A program of this folder in a process of its own, perhaps in a network of its own. */
export class PeerProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #isGone = false

  /** @param inside words before the command, such as `ip netns exec NAME` @param onReport each one, in order */
  constructor(program: string, args: readonly string[], inside: readonly string[], onReport: (report: Report) => void) {
    const script = fileURLToPath(new URL(`./${program}.js`, import.meta.url))
    const [command = '', ...rest] = [...inside, process.execPath, '--enable-source-maps', script, ...args]
    this.#child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (message) => onReport(message as Report))
    this.#child.on('error', (error) => onReport({ type: 'violation', text: `${program}: ${error.message}` }))
    this.#exited = once(this.#child, 'exit').then(() => (this.#isGone = true))
  }

  /** Resolves with the first report of that kind. */
  async until<T extends Report['type']>(type: T): Promise<Extract<Report, { type: T }>> {
    const signal = AbortSignal.timeout(START_MS)
    for (;;) {
      const [message] = (await once(this.#child, 'message', { signal })) as [Report]
      if (message.type === type) return message as Extract<Report, { type: T }>
    }
  }

  tell(order: Order): void {
    if (this.#child.connected) this.#child.send(order)
  }

  /** Does nothing to one that is gone. */
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    if (!this.#isGone) this.#child.kill(name)
  }

  /** Ends it, orderly where it still can. */
  async stop(): Promise<void> {
    this.signal('SIGCONT')
    this.tell({ type: 'stop' })
    const late = setTimeout(() => this.signal('SIGKILL'), 5_000)
    await this.#exited
    clearTimeout(late)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#exited
  }
}
