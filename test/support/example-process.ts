import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** No step of an example takes nearly as long; a test that waits for nothing fails instead of hanging. */
const PATIENCE_MS = 30_000

/** Text that grows until its source ends. */
class Transcript {
  text = ''
  #ended = false
  #changed = (): void => {}

  append(more: string): void {
    this.text += more
    this.#changed()
  }

  end(): void {
    this.#ended = true
    this.#changed()
  }

  /** Where `pattern` is first met; waits for it. */
  async find(pattern: RegExp): Promise<RegExpExecArray> {
    let patient = true
    const patience = setTimeout(() => {
      patient = false
      this.#changed()
    }, PATIENCE_MS)
    try {
      for (;;) {
        const found = pattern.exec(this.text)
        if (found !== null) return found
        if (!patient || this.#ended) throw new Error(`there is no ${pattern} in:\n${this.text}`)
        await new Promise<void>((resolve) => {
          this.#changed = resolve
        })
      }
    } finally {
      clearTimeout(patience)
    }
  }
}

/** An example as its users run it: a process of its own, on a free port, told to end by SIGTERM. */
export class ExampleProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>
  readonly #output = new Transcript()

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exited = once(child, 'close')
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => this.#output.append(String(chunk)))
    child.once('close', () => this.#output.end())
  }

  /** @param environment beside PORT=0 */
  static start(
    name: string,
    environment: Readonly<Record<string, string>> = {},
    args: readonly string[] = [],
  ): ExampleProcess {
    const main = fileURLToPath(new URL(`../../examples/${name}/main.js`, import.meta.url))
    const env = { ...process.env, PORT: '0', ...environment }
    const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    return new ExampleProcess(child)
  }

  /** As users start it, in a process group of its own, as a terminal makes one. The build is the one that the tests run from. */
  static startByNpm(args: readonly string[], environment: Readonly<Record<string, string>> = {}): ExampleProcess {
    const root = fileURLToPath(new URL('../../../', import.meta.url))
    const env = { ...process.env, PORT: '0', NO_BUILD: '1', ...environment }
    const child = spawn('npm', args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    return new ExampleProcess(child)
  }

  /** All that it has printed so far. */
  get output(): string {
    return this.#output.text
  }

  /** What it prints, once it is like `pattern`. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#output.find(pattern)
  }

  /** Where it listens: the port of the first address of this scheme that it prints. */
  async port(scheme = 'tcp'): Promise<number> {
    return Number((await this.printed(new RegExp(`${scheme}://[^\\s:]+:(\\d+)`)))[1])
  }

  /** Its exit status, or the signal that ended it, once it has ended. */
  get status(): Promise<unknown> {
    return this.#exited.then(([status, signal]) => status ?? signal)
  }

  /** As an operator ends it. Gives its exit status. */
  end(): Promise<unknown> {
    return this.#endBy(() => this.#child.kill('SIGTERM'))
  }

  /** As an operator has it take new certificates. */
  reload(): void {
    this.#child.kill('SIGHUP')
  }

  /** Ctrl-C in a terminal: the whole group hears it. Only of one that was started by npm. */
  interrupt(): Promise<unknown> {
    return this.#endBy(() => this.#signalGroup('SIGINT'))
  }

  /** Of one that was started by npm: whether anything of its group is left. */
  get leftProcesses(): boolean {
    try {
      return this.#signalGroup(0)
    } catch {
      return false // ESRCH: the group is empty
    }
  }

  async #endBy(signal: () => void): Promise<unknown> {
    const killing = setTimeout(() => this.kill(), PATIENCE_MS)
    signal()
    const status = await this.status
    clearTimeout(killing)
    return status
  }

  #signalGroup(signal: NodeJS.Signals | 0): boolean {
    return this.#child.pid !== undefined && process.kill(-this.#child.pid, signal)
  }

  /** For a teardown: whatever became of it, it runs no longer. */
  kill(): void {
    this.#child.kill('SIGKILL')
    if (this.leftProcesses) this.#signalGroup('SIGKILL')
  }
}

/** Whether a server could listen there now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** A program that an example is tried with, such as redis-cli; gives what it printed. @throws unless its status is 0 */
export async function runProgram(program: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(program, args, { stdio: 'pipe', timeout: 2 * PATIENCE_MS })
  const missing = new Promise<never>((_resolve, reject) => {
    child.once('error', (error) =>
      reject(new Error(`${program} does not run (${error.message}); is its package installed?`)),
    )
  })
  child.stdin.on('error', () => {}) // a program that ended without reading says why by its status
  child.stdin.end(input)
  const ended = Promise.all([textOf(child.stdout), textOf(child.stderr), once(child, 'close')])
  const [stdout, stderr, [status]] = await Promise.race([ended, missing])
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
  return stdout
}

/** A person with nc: bytes typed, bytes read, a character each. */
export class PlainClient {
  readonly #socket: Socket
  readonly #read = new Transcript()
  readonly #closed: Promise<unknown>

  constructor(target: { readonly port: number } | { readonly path: string }) {
    this.#socket = connect({ host: '127.0.0.1', ...target })
    this.#socket.setEncoding('latin1')
    this.#closed = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.on('error', () => {}) // the close that follows says enough
    this.#socket.on('data', (chunk) => this.#read.append(String(chunk)))
    this.#socket.once('close', () => this.#read.end())
  }

  /** All that was read so far. */
  get text(): string {
    return this.#read.text
  }

  type(bytes: string | Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Resolves once it has read this, after whatever else. */
  async reads(wanted: string): Promise<void> {
    await this.#read.find(new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')))
  }

  /** All that was read, once the other side has closed. */
  async ended(): Promise<string> {
    await this.#closed
    return this.#read.text
  }
}
