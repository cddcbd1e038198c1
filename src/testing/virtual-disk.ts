import type { Env, Files } from '../core/env.ts'

/** Files in memory. Everything written is there at once, and nothing is ever lost. */
export class VirtualDisk implements Files {
  readonly #env: Env
  readonly #files = new Map<string, Uint8Array>()

  constructor(env: Env) {
    this.#env = env
  }

  async read(path: string): Promise<Uint8Array> {
    await this.#turn()
    return this.#find(path, 'open').slice()
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    const added = Uint8Array.from(bytes) // they are the caller's again
    await this.#turn()
    const old = this.#files.get(path) ?? new Uint8Array(0)
    const file = new Uint8Array(old.length + added.length)
    file.set(old)
    file.set(added, old.length)
    this.#files.set(path, file)
  }

  async sync(path: string): Promise<void> {
    await this.#turn()
    this.#find(path, 'open')
  }

  async remove(path: string): Promise<void> {
    await this.#turn()
    this.#find(path, 'unlink')
    this.#files.delete(path)
  }

  #find(path: string, call: string): Uint8Array {
    const file = this.#files.get(path)
    if (file === undefined) throw missing(path, call)
    return file
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#env.yield(resolve))
  }
}

function missing(path: string, call: string): Error {
  return Object.assign(new Error(`ENOENT: no such file or directory, ${call} '${path}'`), { code: 'ENOENT', path })
}
