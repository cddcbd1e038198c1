import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { EndpointStats } from '../../src/core/stats.ts'

const PATIENCE_MS = 20_000

/** cluster-program.ts in processes of its own, all of which are gone when the test is over. */
export class ClusterProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>
  readonly #said: Record<string, unknown>[] = []
  #changed = (): void => {}
  errors = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exited = once(child, 'close')
    if (child.stdout === null) throw new Error('no output')
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#said.push(JSON.parse(line) as Record<string, unknown>)
      this.#changed()
    })
    child.stderr?.on('data', (chunk) => {
      this.errors += String(chunk)
      this.#changed()
    })
    child.once('close', () => this.#changed())
  }

  /** In a process group of its own. */
  static start(environment: Readonly<Record<string, string>> = {}): ClusterProcess {
    const program = fileURLToPath(new URL('cluster-program.js', import.meta.url))
    const env = { ...process.env, ...environment }
    return new ClusterProcess(spawn(process.execPath, [program], { env, stdio: 'pipe', detached: true }))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  do(command: string): void {
    this.#child.stdin?.write(`${command}\n`)
  }

  /** Takes the next thing it says that has this key, and gives what it says of it. */
  async says(key: string): Promise<unknown> {
    return (
      await this.#find(() => {
        const at = this.#said.findIndex((said) => key in said)
        return at < 0 ? undefined : this.#said.splice(at, 1)[0]
      }, key)
    )[key]
  }

  /** Its port, once all workers listen. */
  async port(): Promise<number> {
    const addresses = (await this.says('up')) as readonly string[]
    return Number(addresses[0]?.split(':').at(-1))
  }

  /** Once they are as `wanted`: what workers tell takes a while. */
  async stats(wanted: (stats: EndpointStats) => boolean): Promise<EndpointStats> {
    for (;;) {
      this.do('stats')
      const stats = (await this.says('stats')) as EndpointStats
      if (wanted(stats)) return stats
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Once it has logged something like it. */
  async logs(pattern: RegExp): Promise<void> {
    await this.#find(() => (pattern.test(this.errors) ? true : undefined), String(pattern))
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** As a terminal does on Ctrl-C: to all processes. */
  interrupt(): void {
    process.kill(-this.pid, 'SIGINT')
  }

  /** Its status, or the signal that ended it. */
  get ended(): Promise<unknown> {
    return this.#exited.then(([status, signal]) => status ?? signal)
  }

  /** Whether a process of it is left. */
  get isLeft(): boolean {
    try {
      return process.kill(-this.pid, 0)
    } catch {
      return false // ESRCH: the group is empty
    }
  }

  /** For a teardown: whatever became of it, nothing of it runs any longer. */
  kill(): void {
    if (this.isLeft) process.kill(-this.pid, 'SIGKILL')
  }

  async #find<T>(look: () => T | undefined, what: string): Promise<T> {
    let patient = true
    const patience = setTimeout(() => {
      patient = false
      this.#changed()
    }, PATIENCE_MS)
    try {
      for (;;) {
        const found = look()
        if (found !== undefined) return found
        if (!patient || this.#child.exitCode !== null) {
          throw new Error(`there is no ${what} in ${JSON.stringify(this.#said)}\n${this.errors}`)
        }
        await new Promise<void>((resolve) => {
          this.#changed = resolve
        })
      }
    } finally {
      clearTimeout(patience)
    }
  }
}
