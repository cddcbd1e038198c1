import cluster, { type Worker } from 'node:cluster'
import { type Address, parseAddress } from '../../core/address.ts'
import type { Env } from '../../core/env.ts'
import { describe, type ErrorCode, HawserError, listenerFailed } from '../../core/errors.ts'
import type { EndpointStats } from '../../core/stats.ts'
import { type BroadcastMessage, isOurs, type PrimaryMessage, type WorkerMessage } from './cluster-message.ts'
import { Outlet } from './outlet.ts'

/** How the primary's children know whose they are. */
export const WORKER_MARK = 'HAWSER_CLUSTER_WORKER'

/** What a worker that was told to close has beyond its time, before it is killed. */
export const GRACE_MS = 2_000

/** Whose worker it is. */
export interface WorkerHost {
  workerBroadcasts(worker: WorkerProcess, message: BroadcastMessage): void
  /** Last, exactly once. */
  workerEnded(worker: WorkerProcess, how: string): void
}

/** One worker, as the primary sees it. */
export class WorkerProcess {
  readonly outlet: Outlet
  /** The addresses of its server; rejects where it ends before. */
  readonly ready: Promise<readonly Address[]>
  /** Never rejects. */
  readonly ended: Promise<void>
  /** The last that it told. */
  stats: EndpointStats | undefined
  /** Env time; 0 before. */
  readyAt = 0
  readonly #env: Env
  readonly #host: WorkerHost
  readonly #worker: Worker
  #failure: HawserError | undefined
  #isEnded = false
  #resolveReady: (addresses: readonly Address[]) => void = () => {}
  #rejectReady: (error: HawserError) => void = () => {}
  #resolveEnded: () => void = () => {}

  constructor(env: Env, host: WorkerHost) {
    this.#env = env
    this.#host = host
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve
      this.#rejectReady = reject
    })
    this.ready.catch(() => {}) // the primary hears of the end itself
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
    cluster.setupPrimary({ serialization: 'advanced' }) // bytes stay bytes
    this.#worker = cluster.fork({ [WORKER_MARK]: '1' })
    this.outlet = new Outlet((message, sent) => this.#tell(message, sent))
    this.#worker.on('message', (message: unknown) => this.#onMessage(message))
    this.#worker.once('exit', (status, signal) => this.#onEnd(signal ? `signal ${signal}` : `status ${status}`))
    this.#worker.on('error', (error) => {
      if (this.#worker.process.pid === undefined) this.#onEnd(describe(error)) // it never began
    })
  }

  /** @param timeoutMs until its sessions are destroyed; 0: never */
  close(timeoutMs: number): void {
    this.#tell({ hawser: 'close', timeoutMs })
  }

  /** Closes it; killed if that takes too long. Resolves when it has ended. */
  async drain(timeoutMs: number): Promise<void> {
    this.close(timeoutMs)
    const late = timeoutMs > 0 ? this.#env.setTimer(timeoutMs + GRACE_MS, () => this.kill(), true) : undefined
    await this.ended
    late?.cancel()
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  /** To one that is gone nothing is sent, and nobody minds. */
  #tell(message: PrimaryMessage, sent: () => void = () => {}): void {
    this.#worker.send(message, undefined, undefined, sent)
  }

  #onMessage(received: unknown): void {
    if (!isOurs(received)) return
    const message = received as WorkerMessage
    switch (message.hawser) {
      case 'ready':
        this.readyAt = this.#env.now()
        this.#resolveReady(message.addresses.map(parseAddress))
        break
      case 'failed':
        this.#failure = failureOf(message.text, message.code)
        break
      case 'stats':
        this.stats = message.stats
        break
      case 'broadcast':
        this.#host.workerBroadcasts(this, message)
    }
  }

  #onEnd(how: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#rejectReady(this.#failure ?? endedEarly(how))
    this.#host.workerEnded(this, this.#failure?.message ?? how)
    this.#resolveEnded()
  }
}

function endedEarly(how: string): HawserError<'ERR_LISTENER'> {
  const complaint = `a worker ended (${how}) before main gave a server`
  return new HawserError('ERR_LISTENER', complaint, { details: { hook: 'main' } })
}

function failureOf(text: string, code: string | undefined): HawserError {
  return code === undefined ? listenerFailed('main', new Error(text), false) : new HawserError(code as ErrorCode, text) // it was one over there
}
