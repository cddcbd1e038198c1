import cluster from 'node:cluster'
import { badOption } from '../../core/errors.ts'
import type { Server } from '../../core/server.ts'
import { requireFunction, requireNumber } from '../../core/session-options.ts'
import { type ClusterHandle, ClusterPrimary } from './cluster-primary.ts'
import { ClusterWorker } from './cluster-worker.ts'
import { WORKER_MARK } from './worker-process.ts'

/** The one cluster of this process, or its one worker: both are what node:cluster makes of a process. */
let isRunning = false

/**
 * One server in several processes behind one port, by node:cluster: the program is run again as each worker, and there
 * `runCluster` runs `main`. What follows `await runCluster(…)` runs in the first process alone, the primary; in a worker the
 * promise never settles.
 *
 * Every `broadcast` of the server that `main` gives reaches the sessions of all workers: `except` and `skipSlow` hold, the result
 * counts the sessions of the calling worker. A broadcast with a `filter` stays in its worker, since a function cannot travel and
 * a message must not reach those that the filter would have kept it from. It is encoded once, in the calling worker; with a
 * codec for each peer, or with stages, the message itself travels, by structured clone.
 *
 * A worker that ends unasked is replaced, with backoff. When the primary ends, however, its workers close and end. SIGTERM to a
 * worker closes that one; SIGINT, which a terminal sends to all, is the primary's.
 *
 * @param workers how many; `availableParallelism()` of node:os is a good number
 * @param main listens, on tcp, tls, ws or wss: udp and ipc addresses are refused with ERR_BAD_OPTION
 * @returns once every worker's server listens
 * @throws (as a rejection) ERR_BAD_OPTION; what `main` threw in a worker, by its code, or ERR_LISTENER; then all workers have ended
 */
export async function runCluster(workers: number, main: () => Promise<Server>): Promise<ClusterHandle> {
  requireNumber('workers', workers, 1)
  requireFunction('main', main ?? null)
  if (isRunning) throw badOption('main', 'is one: a process runs one cluster')
  if (cluster.isWorker && process.env[WORKER_MARK] === undefined)
    throw badOption('workers', 'cannot be had here: this process is a worker of another cluster')
  isRunning = true
  if (cluster.isWorker) {
    void new ClusterWorker().run(main)
    return new Promise(() => {})
  }
  const primary = new ClusterPrimary(workers)
  void ended(primary)
  await primary.started()
  return primary
}

async function ended(primary: ClusterPrimary): Promise<void> {
  await primary.closed
  isRunning = false
}
