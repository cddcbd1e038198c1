import type { Address } from '../../core/address.ts'
import { backoffMs } from '../../core/backoff.ts'
import { EndpointTotals } from '../../core/endpoint-totals.ts'
import type { TimerHandle } from '../../core/env.ts'
import { sessionClosed } from '../../core/errors.ts'
import { LogLimit } from '../../core/log-limit.ts'
import { Shutdown } from '../../core/shutdown.ts'
import type { EndpointStats } from '../../core/stats.ts'
import { type Wait, wrongWait } from '../../core/wait.ts'
import { waitFor } from '../../core/wait-list.ts'
import { systemEnv } from '../node/system-env.ts'
import type { BroadcastMessage } from './cluster-message.ts'
import { GRACE_MS, type WorkerHost, WorkerProcess } from './worker-process.ts'

const env = systemEnv
/** Between the end of a worker and the next one in its place. */
const RESPAWN = { initialMs: 100, maxMs: 30_000 }
/** One that lived so long was well. */
const STABLE_MS = 5_000
/** For `main` of a worker that takes the place of one that lives. */
const START_MS = 30_000
const CLOSE_MS = 5_000

/** What `runCluster` gives: the workers, and their end. */
export interface ClusterHandle {
  /** Where they all listen; the first of `addresses`. */
  readonly address: Address
  readonly addresses: readonly Address[]
  /**
   * The numbers of all workers added up, those that have ended included; at most a second old, and of one that crashed the
   * last that it told.
   */
  readonly stats: EndpointStats
  /** Resolves when every worker has ended; never rejects. */
  readonly closed: Promise<void>
  /**
   * One worker after the other: a new one begins, with what the program's files hold now; when its server listens, the old
   * one takes no new sessions and closes its own. A call while it goes on joins it.
   * @param options `timeoutMs`: for each worker, until what is left of its sessions is destroyed; 0: never. `signal`
   *   leaves the wait, restarting goes on. @defaultValue timeoutMs 5 000
   * @throws (as a rejection) why a new worker did not begin (ERR_TIMEOUT after 30 s): the old ones stay;
   *   ERR_SESSION_CLOSED where the cluster closes meanwhile
   */
  restart(options?: Wait): Promise<void>
  /**
   * Closes the server of every worker, all at once. Idempotent; a later call can only bring the end nearer.
   * @param options as for `Server.close`; workers that do not end in time are killed 2 s later @defaultValue timeoutMs 5 000
   */
  close(options?: Wait): Promise<void>
  /** Kills the workers. */
  destroy(): void
}

/** The place of one worker: it may be empty for a while, after a crash. */
interface Slot {
  worker: WorkerProcess | undefined
  /** Workers that ended unasked, one after the other. */
  failures: number
  respawn: TimerHandle | undefined
}

/** The process that the workers are children of. It serves nobody itself. */
export class ClusterPrimary implements ClusterHandle, WorkerHost {
  addresses: readonly Address[] = []
  readonly #slots: readonly Slot[]
  /** All that have not ended, also those that take the place of others or leave it. */
  readonly #workers = new Set<WorkerProcess>()
  readonly #totals = new EndpointTotals(env.now())
  readonly #logs = new LogLimit(env)
  readonly #shutdown = new Shutdown(env, {
    shutdownExpired: () => this.#killAll(),
    shutdownAbandons: () => this.#finish(),
  })
  #isStarted = false
  #restarting: Promise<void> | undefined

  /** Begins them; `started` tells how that went. */
  constructor(workers: number) {
    this.#slots = Array.from({ length: workers }, () => ({ worker: this.#spawn(), failures: 0, respawn: undefined }))
  }

  /** Every worker's server listens. @throws (as a rejection) why one does not; all have ended then */
  async started(): Promise<void> {
    try {
      const addresses = await Promise.all([...this.#workers].map(({ ready }) => ready))
      this.addresses = addresses[0] ?? []
      this.#isStarted = true
    } catch (error) {
      this.destroy()
      await this.closed
      throw error
    }
  }

  get address(): Address {
    return this.addresses[0] as Address // a server has at least one
  }

  get stats(): EndpointStats {
    const live = [...this.#workers].flatMap(({ stats }) => (stats === undefined ? [] : [stats]))
    const sum = (of: (stats: EndpointStats) => number): number => live.reduce((total, stats) => total + of(stats), 0)
    const all = this.#totals.snapshot(
      sum(({ openSessions }) => openSessions),
      live.map((stats) => ({ stats })),
    )
    return {
      ...all,
      totalSessions: all.totalSessions + sum(({ totalSessions }) => totalSessions),
      refusedSessions: all.refusedSessions + sum(({ refusedSessions }) => refusedSessions),
    }
  }

  get closed(): Promise<void> {
    return this.#shutdown.closed
  }

  restart(options: Wait = {}): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    const { signal, timeoutMs = CLOSE_MS } = options
    this.#restarting ??= this.#restartAll(timeoutMs).finally(() => {
      this.#restarting = undefined
    })
    return waitFor(env, 'restarting the cluster', this.#restarting, { signal })
  }

  close(options: Wait = {}): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    const { signal, timeoutMs = CLOSE_MS } = options
    this.#shutdown.begin(timeoutMs === 0 ? 0 : timeoutMs + GRACE_MS)
    this.#stopRespawns()
    for (const worker of this.#workers) worker.close(timeoutMs)
    this.#finishIfDone()
    return waitFor(env, 'closing the cluster', this.closed, { signal })
  }

  destroy(): void {
    if (this.#shutdown.finished) return
    this.#shutdown.begin(0)
    this.#stopRespawns()
    this.#finishIfDone()
    if (!this.#shutdown.finished) this.#shutdown.expire()
  }

  // ── Workers ──────────────────────────────────────────────────────────────────────────────────────────────

  workerBroadcasts(from: WorkerProcess, message: BroadcastMessage): void {
    for (const worker of this.#workers) {
      if (worker === from || worker.outlet.offer(message)) continue
      this.#logs.log('behind', (suppressed) => {
        env.logger.warn('a worker misses a broadcast: it does not keep up', { suppressed })
      })
    }
  }

  workerEnded(worker: WorkerProcess, how: string): void {
    this.#workers.delete(worker)
    if (worker.stats !== undefined) this.#keep(worker.stats)
    const slot = this.#slots.find((one) => one.worker === worker)
    if (slot !== undefined) this.#lost(slot, worker, how)
    this.#finishIfDone()
  }

  #spawn(): WorkerProcess {
    const worker = new WorkerProcess(env, this)
    this.#workers.add(worker)
    return worker
  }

  /** The first workers are not replaced before they have listened: that is for `started` to tell. */
  #lost(slot: Slot, { readyAt }: WorkerProcess, how: string): void {
    slot.worker = undefined
    if (this.#shutdown.begun || (readyAt === 0 && !this.#isStarted)) return
    slot.failures = readyAt > 0 && env.now() - readyAt >= STABLE_MS ? 1 : slot.failures + 1
    const delayMs = backoffMs(slot.failures, RESPAWN, env.random())
    env.logger.error(`a worker of the cluster ended: ${how}; the next one begins in ${delayMs} ms`, {
      failures: slot.failures,
    })
    slot.respawn = env.setTimer(delayMs, () => this.#respawn(slot), true)
  }

  #respawn(slot: Slot): void {
    slot.respawn = undefined
    slot.worker = this.#spawn()
  }

  #keep(stats: EndpointStats): void {
    this.#totals.keep(stats)
    this.#totals.totalSessions += stats.totalSessions
    this.#totals.refusedSessions += stats.refusedSessions
  }

  // ── Restarting ───────────────────────────────────────────────────────────────────────────────────────────

  async #restartAll(timeoutMs: number): Promise<void> {
    for (const slot of this.#slots) {
      this.#requireOpen()
      const next = this.#spawn()
      try {
        await waitFor(env, 'the start of a new worker', next.ready, { timeoutMs: START_MS })
        this.#requireOpen()
      } catch (error) {
        next.kill()
        throw error
      }
      const last = slot.worker
      slot.respawn?.cancel()
      Object.assign(slot, { worker: next, failures: 0, respawn: undefined })
      await last?.drain(timeoutMs)
    }
  }

  #requireOpen(): void {
    if (this.#shutdown.begun) throw sessionClosed('the cluster closes')
  }

  // ── Closing ──────────────────────────────────────────────────────────────────────────────────────────────

  #stopRespawns(): void {
    for (const slot of this.#slots) {
      slot.respawn?.cancel()
      slot.respawn = undefined
    }
  }

  #killAll(): void {
    for (const worker of this.#workers) worker.kill()
  }

  #finishIfDone(): void {
    if (this.#shutdown.begun && this.#workers.size === 0) this.#finish()
  }

  #finish(): void {
    if (!this.#shutdown.finished) this.#shutdown.finish()
  }
}
