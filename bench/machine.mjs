import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

/** Of the last minute, before anything was measured: what else the machine had to do. */
const load = loadavg()[0]

/** Whether the machine had so much else to do that rates say little. */
export const isBusy = load > availableParallelism() / 4

/** The machine and the way of measuring, a line each. */
export function describe({ pinned, pace }) {
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`
  const { generations, mostRounds, measureMs, warmUpMs } = pace
  return [
    `Node ${process.version}, ${type()} ${release()} ${arch()}, ${cpus()[0]?.model.trim() ?? 'CPU unknown'}, ${memory}`,
    `${availableParallelism()} cores, ${pinned ? 'client and server on one each' : 'processes not pinned'}, over loopback; load ${load.toFixed(1)} before it began`,
    `up to ${generations} × ${mostRounds} rounds of ${measureMs} ms, after ${warmUpMs} ms of warm-up`,
  ]
}
