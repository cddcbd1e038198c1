import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** The machine and the way of measuring, a line each. */
export function describe({ pinned, pace }) {
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`
  return [
    `Node ${process.version}, ${type()} ${release()} ${arch()}, ${cpus()[0]?.model.trim() ?? 'CPU unknown'}, ${memory}`,
    `${availableParallelism()} cores, ${pinned ? 'client and server on one each' : 'processes not pinned'}, over loopback; ` +
      `up to ${pace.generations} × ${pace.mostRounds} rounds of ${pace.measureMs} ms, after ${pace.warmUpMs} ms of warm-up`,
  ]
}
