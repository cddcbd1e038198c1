import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const PATIENCE_MS = 10_000

/** A port that was free a moment ago, for a program that cannot tell which one it took. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The real `haproxy` (Debian package haproxy), in front of a server of the test. */
export class HaProxy {
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #exited: Promise<unknown>
  #output = ''

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child
    this.#folder = folder
    this.#exited = new Promise((resolve) => child.once('close', resolve))
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (this.#output += String(chunk)))
    child.once('error', (error) => (this.#output += `haproxy does not run (${error.message}); is it installed?`))
  }

  /**
   * Resolves once it listens.
   * @param config in haproxy's words, `defaults` and all that stands below; @param port on which it listens then
   * @param files beside the config, which is run in their folder
   */
  static async start(config: string, port: number, files: Readonly<Record<string, string>> = {}): Promise<HaProxy> {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-haproxy-'))
    for (const [name, content] of Object.entries({ ...files, 'haproxy.cfg': config })) {
      writeFileSync(join(folder, name), content)
    }
    const child = spawn('haproxy', ['-db', '-f', 'haproxy.cfg'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    const proxy = new HaProxy(child, folder)
    try {
      await proxy.#listens(port)
    } catch (error) {
      await proxy.stop()
      throw error
    }
    return proxy
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #listens(port: number): Promise<void> {
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += 20) {
      if (this.#child.exitCode !== null || this.#child.pid === undefined) break
      if (await answers(port)) return
      await delay(20)
    }
    throw new Error(`haproxy does not listen:\n${this.#output}`)
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
