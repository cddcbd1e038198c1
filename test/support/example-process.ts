import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** No step of an example takes nearly as long; a test that waits for nothing fails instead of hanging. */
const PATIENCE_MS = 10_000

/** An example as its users run it: a process of its own, on a free port, told to end by SIGTERM. */
export class ExampleProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>
  #output = ''
  #changed = (): void => {}

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exited = once(child, 'exit')
    const hear = (chunk: Buffer): void => {
      this.#output += chunk.toString()
      this.#changed()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    void this.#exited.then(() => this.#changed())
  }

  /** @param environment beside PORT=0 */
  static start(name: string, environment: Readonly<Record<string, string>> = {}): ExampleProcess {
    const main = fileURLToPath(new URL(`../../examples/${name}/main.js`, import.meta.url))
    const env = { ...process.env, PORT: '0', ...environment }
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    return new ExampleProcess(child)
  }

  /** All that it has printed so far. */
  get output(): string {
    return this.#output
  }

  /** What it prints, once it is like `pattern`. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const patience = AbortSignal.timeout(PATIENCE_MS)
    for (;;) {
      const found = pattern.exec(this.#output)
      if (found !== null) return found
      if (patience.aborted || this.#child.exitCode !== null)
        throw new Error(`never printed ${pattern}, but:\n${this.#output}`)
      await new Promise<void>((resolve) => {
        this.#changed = resolve
        patience.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  /** Where it listens: the port of the first address of this scheme that it prints. */
  async port(scheme = 'tcp'): Promise<number> {
    return Number((await this.printed(new RegExp(`${scheme}://[^\\s:]+:(\\d+)`)))[1])
  }

  /** As an operator ends it. Gives its exit status. */
  async end(): Promise<unknown> {
    const killing = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS)
    this.#child.kill('SIGTERM')
    const [status, signal] = await this.#exited
    clearTimeout(killing)
    return status ?? signal
  }

  /** For a teardown: whatever became of it, it runs no longer. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** A program that an example is tried with, such as redis-cli; gives what it printed. @throws unless its status is 0 */
export async function runProgram(program: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(program, args, { stdio: 'pipe', timeout: 2 * PATIENCE_MS })
  const missing = new Promise<never>((_resolve, reject) => {
    child.once('error', (error) =>
      reject(new Error(`${program} does not run (${error.message}); is its package installed?`)),
    )
  })
  child.stdin.end(input)
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  const [stdout, stderr, [status]] = await Promise.race([ended, missing])
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
  return stdout
}

/** A person with nc: bytes typed, bytes read. */
export class PlainClient {
  readonly #socket: Socket
  readonly #ended: Promise<unknown>
  #received = ''
  #changed = (): void => {}

  constructor(target: { readonly port: number } | { readonly path: string }) {
    this.#socket = connect({ host: '127.0.0.1', ...target })
    this.#ended = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.setEncoding('latin1')
    this.#socket.on('error', () => {}) // the close that follows is what a test waits for
    this.#socket.on('data', (chunk) => {
      this.#received += String(chunk)
      this.#changed()
    })
    void this.#ended.then(() => this.#changed())
  }

  get received(): string {
    return this.#received
  }

  type(bytes: string | Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Resolves when what was received contains `wanted`. */
  async reads(wanted: string): Promise<void> {
    const patience = AbortSignal.timeout(PATIENCE_MS)
    while (!this.#received.includes(wanted)) {
      if (patience.aborted || this.#socket.destroyed)
        throw new Error(`read ${JSON.stringify(this.#received)}, not ${JSON.stringify(wanted)}`)
      await new Promise<void>((resolve) => {
        this.#changed = resolve
        patience.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  /** Resolves with all that was received, once the other side has closed. */
  async ended(): Promise<string> {
    await this.#ended
    return this.#received
  }

  leave(): void {
    this.#socket.destroy()
  }
}
