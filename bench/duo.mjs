import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/** What opening may take beside the warm-up, with 10,000 connections; and a round beside the measuring. */
const SLACK_MS = 45_000
/** How long a process may take to end when told. */
const STOP_MS = 3_000

const SIDE = fileURLToPath(new URL('./side.mjs', import.meta.url))

/** The core for each side, where there are two to give; undefined otherwise. */
export const pins = pinning()

/** Why a subject cannot be measured here. */
export class Unavailable extends Error {}

/** The processes that are running; none outlives this one. */
const running = new Set()
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130))

/** The two processes that measure one subject, a server and a client; or one, where the transport does not leave it. */
export class Duo {
  #part
  #flags
  #profile
  #server
  #client
  /** Where the server listens, when it has said so; what is alone knows. */
  #address
  #isOpening = false
  #failure
  #settle
  #reject

  /**
   * @param {Omit<import('./side.mjs').Part, 'side' | 'isAlone' | 'address'>} part
   * @param {readonly string[]} flags for node
   * @param {string | undefined} profile directory for CPU profiles
   */
  constructor(part, flags, profile) {
    this.#part = { ...part, isAlone: part.workload.transport === 'inproc' }
    this.#flags = flags
    this.#profile = profile
  }

  /** Starts the processes. What goes wrong with them is told by `open`. */
  start() {
    if (this.#part.isAlone) this.#address = ''
    else this.#server = this.#spawn('server')
    this.#client = this.#spawn('client')
  }

  /** Opens the connections, and warms up. @throws {Unavailable} */
  open() {
    return this.#within(this.#part.warmUpMs, () => {
      this.#isOpening = true
      if (this.#address !== undefined) this.#client.send({ open: this.#address })
    })
  }

  /** @returns {Promise<Record<string, number>>} figures by unit */
  round() {
    return this.#within(this.#part.measureMs, () => this.#client.send({ round: true }))
  }

  async close() {
    await Promise.all([this.#server, this.#client].map(stop))
  }

  /** What the client says when `begin` has had its effect. */
  async #within(ms, begin) {
    let timer
    try {
      return await new Promise((settle, reject) => {
        if (this.#failure !== undefined) throw this.#failure
        this.#settle = settle
        this.#reject = reject
        timer = setTimeout(() => reject(new Error(`no result after ${ms + SLACK_MS} ms`)), ms + SLACK_MS)
        begin()
      })
    } finally {
      clearTimeout(timer)
    }
  }

  #onMessage(side, message) {
    if (message.failure !== undefined) this.#fail(new Error(`${side}: ${message.failure}`))
    else if (message.unavailable !== undefined) this.#fail(new Unavailable(message.unavailable))
    else if (message.result !== undefined) this.#settle(message.result)
    else if (!message.ready) (side === 'server' ? this.#client : this.#server).send(message)
    else if (side === 'client') this.#settle()
    else {
      this.#address = message.address
      if (this.#isOpening) this.#client.send({ open: message.address })
    }
  }

  #fail(error) {
    this.#failure ??= error
    this.#reject?.(error)
  }

  #spawn(side) {
    const part = { ...this.#part, side }
    const profile =
      this.#profile === undefined
        ? []
        : [
            '--cpu-prof',
            `--cpu-prof-dir=${this.#profile}`,
            `--cpu-prof-name=${part.workload.name}.${part.name}.${part.side}.${Date.now()}.cpuprofile`,
          ]
    const node = [process.execPath, ...this.#flags, ...profile, SIDE, JSON.stringify(part)]
    const [command, ...args] = pins === undefined ? node : ['taskset', '-c', pins[part.side], ...node]
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    running.add(child)
    child.on('message', (message) => this.#onMessage(side, message))
    child.on('error', (error) => {
      if (child.pid === undefined) running.delete(child)
      this.#fail(error)
    })
    child.on('exit', (code, signal) => {
      running.delete(child)
      this.#fail(new Error(`the ${side} ended early (${signal ?? code})`))
    })
    return child
  }
}

/** Asks it to end, as a profile is written at a proper end only, and kills it when it does not. */
async function stop(child) {
  if (!running.has(child)) return
  await new Promise((ended) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      ended()
    })
    child.send({ stop: true }, () => {}) // a side that has gone meanwhile is told by 'exit'
  })
}

function pinning() {
  if (availableParallelism() < 2) return undefined
  const tried = ['0', '1'].every((core) => spawnSync('taskset', ['-c', core, 'true']).status === 0)
  return tried ? { server: '0', client: '1' } : undefined
}
